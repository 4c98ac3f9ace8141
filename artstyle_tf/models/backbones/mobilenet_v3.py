"""MobileNetV3: Howard et al. 2019, arXiv:1905.02244."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"mobilenet_v3_{size.lower()}": application(
            f"MobileNetV3{size}",
            f"weights_mobilenet_v3_{size.lower()}_224_1.0_float_no_top_v2.h5",
        )
        for size in ("Small", "Large")
    },
    block_names=BlockNames(r"(expanded_conv(?:_\d+)?)_"),
    license="Apache-2.0",
)
