"""Xception: Chollet 2017, arXiv:1610.02357."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={"xception": application("Xception", "xception_weights_tf_dim_ordering_tf_kernels")},
    block_names=BlockNames(r"(block\d+)_"),
    license="MIT",
    scaling="unit",
    min_image_size_px=71,
)
