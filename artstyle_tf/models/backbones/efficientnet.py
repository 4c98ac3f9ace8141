"""EfficientNet and EfficientNetV2: Tan and Le 2019, arXiv:1905.11946; 2021, arXiv:2104.00298."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"efficientnet_b{n}": application(f"EfficientNetB{n}", f"efficientnetb{n}")
        for n in range(8)
    }
    | {
        f"efficientnet_v2_{size.lower()}": application(
            f"EfficientNetV2{size}", f"efficientnetv2-{size.lower()}"
        )
        for size in ("B0", "B1", "B2", "B3", "S", "M", "L")
    },
    block_names=BlockNames(r"(block\d+[a-z]+)_"),
    license="Apache-2.0",
)
