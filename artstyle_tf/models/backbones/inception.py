"""InceptionV3: Szegedy et al. 2015, arXiv:1512.00567."""

from __future__ import annotations

from artstyle_tf.models.backbone_family import BlockNames, Family, application

FAMILY = Family(
    members={
        "inception_v3": application(
            "InceptionV3", "inception_v3_weights_tf_dim_ordering_tf_kernels"
        )
    },
    block_names=BlockNames(r"(mixed\d+)$"),
    license="Apache-2.0",
    scaling="unit",
    min_image_size_px=75,
)
