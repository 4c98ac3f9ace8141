"""The small network of the demo, whose weights come with the package."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, Member

FAMILY = Family(
    members={"compact": Member("artstyle_tf.models.compact_network:build_compact_network")},
    block_names=BlockNames(r"(block\d+[a-z]+)_"),
    license="MIT",
)
