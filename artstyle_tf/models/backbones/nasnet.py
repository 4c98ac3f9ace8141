"""NASNet: Zoph et al. 2018, arXiv:1707.07012. Each cell also reads the cell before the last one."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"nasnet_{size.lower()}": application(f"NASNet{size}", f"nasnet_{size.lower()}_no_top.h5")
        for size in ("Mobile", "Large")
    },
    block_names=BlockNames(r"((?:normal|reduction)_concat_\w+)$"),
    license="Apache-2.0",
    scaling="unit",
)
