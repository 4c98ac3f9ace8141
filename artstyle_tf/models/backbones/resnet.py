"""ResNet: He et al. 2015, arXiv:1512.03385."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"resnet_{depth}": application(
            f"ResNet{depth}", f"resnet{depth}_weights_tf_dim_ordering_tf_kernels"
        )
        for depth in (50, 101, 152)
    },
    block_names=BlockNames(r"(conv\d+_block\d+)_"),
    license="MIT",
    scaling="caffe",
)
