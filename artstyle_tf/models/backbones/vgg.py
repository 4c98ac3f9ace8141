"""VGG: Simonyan and Zisserman 2014, arXiv:1409.1556."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"vgg_{depth}": application(f"VGG{depth}", f"vgg{depth}_weights_tf_dim_ordering_tf_kernels")
        for depth in (16, 19)
    },
    block_names=BlockNames(r"(block\d+)_"),
    license="CC-BY-4.0",
    scaling="caffe",
)
