"""ConvNeXt: Liu et al. 2022, arXiv:2201.03545."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"convnext_{size.lower()}": application(f"ConvNeXt{size}", f"convnext_{size.lower()}")
        for size in ("Tiny", "Small", "Base", "Large", "XLarge")
    },
    block_names=BlockNames(r"convnext_[a-z]+_(stage_\d+_block_\d+)_"),
    license="MIT",
)
