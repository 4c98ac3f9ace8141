"""What an augmentation policy makes of some of the images, of the class counts, and its price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.images.batches.augmentation import augment_image, seed_for
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.preparation.upsampling import plan_children
from artstyle_tf.images.settings import AugmentationPolicy, DataConfig, UpsamplingConfig
from artstyle_tf.inspection.augmentation_cost import time_policy
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.thumbnails import read_squashed
from artstyle_tf.plots.image_rows import plot_image_rows

_MOST_IMAGES = 8
_NUM_VERSIONS = 6


@dataclass(frozen=True)
class AugmentationPreview:
    """Before and after.

    Attributes:
        policy: a key of `POLICIES`.
        row_names: styles of the images.
        images: of each style one image, uint8 [S, S, 3], and augmented versions of it.
        counts: styles in the index; columns before and after: training images without and with
            the copies that would bring all styles to about one size.
        cost: of `time_policy`.
    """

    policy: str
    row_names: list[str]
    images: list[list[np.ndarray]]
    counts: pd.DataFrame
    cost: pd.DataFrame


def preview_augmentation(
    config: InspectExperiment, index: ImageIndex, inspection: Inspection
) -> AugmentationPreview | None:
    """Tries the policy that training would use on one image of each style.

    Args:
        config: of the inspection.
        index: the files.
        inspection: what was found out.

    Returns:
        The preview; None if no image can be read.
    """
    policy = chosen_policy(config.data)
    readable = inspection.learned[inspection.learned["is_readable"]]
    row_names, images = augmented_examples(
        readable, index.root, policy=policy, side_px=config.image_size_px, seed=config.seed
    )
    if not images:
        return None
    return AugmentationPreview(
        policy=policy,
        row_names=row_names,
        images=images,
        counts=_count_with_copies(config.data, policy, inspection.learned),
        cost=time_policy(policy, [row[0] for row in images], seed=config.seed),
    )


def augmented_examples(
    images: pd.DataFrame, root: Path, *, policy: str, side_px: int, seed: int
) -> tuple[list[str], list[list[np.ndarray]]]:
    """Chooses an image of each style by chance, and augments it several times.

    Args:
        images: with the columns path (below the root), label and digest.
        root: folder of the images.
        policy: a key of `POLICIES`.
        side_px: S.
        seed: of the choice and of the augmentation.

    Returns:
        Styles; and for each the image, uint8 [S, S, 3], and augmented versions of it. Files that
        cannot be read are left out.
    """
    # Seeded, but without a preference for what comes first in the alphabet.
    one_each = images.sample(frac=1, random_state=seed).drop_duplicates("label")
    row_names, rows = [], []
    for row in one_each.sort_values("label").head(_MOST_IMAGES).itertuples():
        original = read_squashed(root / str(row.path), side_px=side_px)
        if original is not None:
            row_names.append(str(row.label))
            seeds = [seed_for(seed, "preview", row.digest, n) for n in range(_NUM_VERSIONS)]
            versions = [augment_image(original, policy=policy, seed=each) for each in seeds]
            rows.append([original, *versions])
    return row_names, rows


def plot_augmented(
    policy: str, row_names: Sequence[str], images: Sequence[Sequence[np.ndarray]]
) -> Figure:
    """Draws what `augmented_examples` has made."""
    captions = [("before", None)] + [(f"after, {n}", None) for n in range(1, len(images[0]))]
    return plot_image_rows(
        images,
        [captions] * len(images),
        row_names,
        title=f"What the policy {policy} makes of images",
    )


def chosen_policy(data: DataConfig) -> AugmentationPolicy:
    """The policy that the config names: of up-sampling, of views, or of online augmentation."""
    if data.upsampling is not None:
        return data.upsampling.policy
    if data.views is not None:
        return data.views.policy
    return data.online_augmentation or "gentle"


def _count_with_copies(
    data: DataConfig, policy: AugmentationPolicy, learned: pd.DataFrame
) -> pd.DataFrame:
    upsampling = data.upsampling or UpsamplingConfig(policy=policy)
    labels = list(learned["label"])
    children = plan_children(
        labels, list(learned["digest"]), upsampling=upsampling, seed=data.preparation_seed
    )
    before = learned["label"].value_counts().sort_index()
    made = pd.Series([labels[child.parent] for child in children], dtype=str).value_counts()
    after = before + made.reindex(before.index, fill_value=0)
    return pd.DataFrame({"before": before, "after": after}).rename_axis("label")
