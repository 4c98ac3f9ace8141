"""MobileNetV2: Sandler et al. 2018, arXiv:1801.04381."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        "mobilenet_v2": application(
            "MobileNetV2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
        )
    },
    block_names=BlockNames(r"(expanded_conv|block_\d+)_"),
    license="Apache-2.0",
    scaling="unit",
)
