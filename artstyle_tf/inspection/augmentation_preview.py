"""What an augmentation policy makes of some of the images, of the class counts, and its price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from artstyle_tf.images.batches.augmentation import augment_image, seed_for
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.preparation.upsampling import plan_children
from artstyle_tf.images.settings import AugmentationPolicy, DataConfig, UpsamplingConfig
from artstyle_tf.inspection.augmentation_cost import time_policy
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.thumbnails import read_squashed

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
    learned = inspection.learned[inspection.learned["is_readable"]]
    # Seeded, but without a preference for what comes first in the alphabet.
    one_each = learned.sample(frac=1, random_state=config.seed).drop_duplicates("label")
    row_names, images = [], []
    for row in one_each.sort_values("label").head(_MOST_IMAGES).itertuples():
        original = read_squashed(index.root / str(row.path), side_px=config.image_size_px)
        if original is not None:
            row_names.append(str(row.label))
            seeds = [seed_for(config.seed, "preview", row.digest, n) for n in range(_NUM_VERSIONS)]
            versions = [augment_image(original, policy=policy, seed=seed) for seed in seeds]
            images.append([original, *versions])
    if not images:
        return None
    return AugmentationPreview(
        policy=policy,
        row_names=row_names,
        images=images,
        counts=_count_with_copies(config.data, policy, inspection.learned),
        cost=time_policy(policy, [row[0] for row in images], seed=config.seed),
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
