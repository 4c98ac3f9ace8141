"""ResNetV2: He et al. 2016, arXiv:1603.05027."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"resnet_v2_{depth}": application(
            f"ResNet{depth}V2", f"resnet{depth}v2_weights_tf_dim_ordering_tf_kernels"
        )
        for depth in (50, 101, 152)
    },
    block_names=BlockNames(r"(conv\d+_block\d+)_"),
    license="BSD",
    scaling="unit",
)
