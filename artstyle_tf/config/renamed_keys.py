"""Keys that had another name before version 0.1.0, so that an error can give today's name."""

from __future__ import annotations

from collections.abc import Collection

RENAMED_KEYS = {
    "batch_normalisation": "batch_norm",
    "fewest_clusters": "min_clusters",
    "inverse_regularisation": "C",
    "largest_macro_f1_loss": "max_macro_f1_drop",
    "licence": "license",
    "most_alarms": "max_alarms",
    "most_clusters": "max_clusters",
    "most_mistakes": "max_mistakes",
    "most_pictures": "max_images",
    "nearest_to_margin": "margin_tolerance",
    "num_draws": "num_candidates",
    "num_neighbours": "num_neighbors",
    "num_training_pictures": "num_calibration_images",
    "pictures": "images",
    "pictures_per_class": "images_per_class",
    "projection_start": "projection_init",
    "ridge": "alpha",
    "share_of_components": "pca_fraction",
    "smallest_mean_distance": "min_mean_distance",
    "smallest_share_of_best_score": "min_score_ratio",
    "smallest_share_of_rank": "min_rank_ratio",
    "timed_pictures": "timed_images",
    "umap_least_distance": "umap_min_distance",
    "umap_neighbours": "umap_neighbors",
    "uniform_share": "uniform_fraction",
    "up_sampling": "upsampling",
    "validation_share": "validation_fraction",
    "wanted_accuracy": "target_accuracy",
}
"""Last part of the former key -> last part of today's, in the same section."""


def current_name(former: str, names: Collection[str]) -> str | None:
    """Return today's name of a former key, if it is one of the `names`; otherwise None."""
    renamed = RENAMED_KEYS.get(former)
    return renamed if renamed in names else None
