"""DenseNet: Huang et al. 2017, arXiv:1608.06993."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        f"densenet_{depth}": application(
            f"DenseNet{depth}", f"densenet{depth}_weights_tf_dim_ordering_tf_kernels"
        )
        for depth in (121, 169, 201)
    },
    block_names=BlockNames(r"(conv\d+_block\d+)_"),
    license="BSD-3-Clause",
    scaling="torch",
)
