"""MobileNet: Howard et al. 2017, arXiv:1704.04861."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={"mobilenet": application("MobileNet", "mobilenet_1_0_224_tf_no_top.h5")},
    block_names=BlockNames(r"conv_[dp]w_(\d+)", block=r"block_\1"),
    license="Apache-2.0",
    scaling="unit",
)
