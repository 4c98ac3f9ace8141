"""Inception-ResNet-v2: Szegedy et al. 2016, arXiv:1602.07261."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        "inception_resnet_v2": application(
            "InceptionResNetV2", "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels"
        )
    },
    block_names=BlockNames(r"(mixed_\d[ab]|block\d+_\d+)(?:_\w+)?$"),
    license="Apache-2.0",
    scaling="unit",
    min_image_size_px=75,
)
