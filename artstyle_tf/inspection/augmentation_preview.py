"""Examples of an augmentation policy, its effect on the class counts, and its cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.images.batches.augmentation import augment_image, policy_steps, seed_for
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.preparation.upsampling import plan_children
from artstyle_tf.images.settings import AugmentationPolicy, DataConfig, UpsamplingConfig
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.thumbnails import read_squashed
from artstyle_tf.plots.image_rows import plot_image_rows

_MAX_IMAGES = 8
_NUM_VERSIONS = 6
_REPEATS = 3
_SLOW_MILLISECONDS = 20.0


@dataclass(frozen=True)
class AugmentationPreview:
    """Images and counts before and after augmentation.

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
    """Apply the training's policy to one image of each style; None if no image can be read."""
    policy = chosen_policy(config.data)
    readable = inspection.training[inspection.training["is_readable"]]
    row_names, images = augmented_examples(
        readable, index.root, policy=policy, side_px=config.image_size_px, seed=config.seed
    )
    if not images:
        return None
    return AugmentationPreview(
        policy=policy,
        row_names=row_names,
        images=images,
        counts=_count_with_copies(config.data, policy, inspection.training),
        cost=time_policy(policy, [row[0] for row in images], seed=config.seed),
    )


def augmented_examples(
    images: pd.DataFrame, root: Path, *, policy: str, side_px: int, seed: int
) -> tuple[list[str], list[list[np.ndarray]]]:
    """Choose a random image of each style, and augment it several times.

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
    for row in one_each.sort_values("label").head(_MAX_IMAGES).itertuples():
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
    """Plot the output of `augmented_examples`."""
    captions = [("before", None)] + [(f"after, {n}", None) for n in range(1, len(images[0]))]
    return plot_image_rows(
        images,
        [captions] * len(images),
        row_names,
        title=f"Images augmented by the policy {policy}",
    )


def chosen_policy(data: DataConfig) -> AugmentationPolicy:
    """Return the policy of the config: of up-sampling, of views, or of online augmentation."""
    if data.upsampling is not None:
        return data.upsampling.policy
    if data.views is not None:
        return data.views.policy
    return data.online_augmentation or "gentle"


def _count_with_copies(
    data: DataConfig, policy: AugmentationPolicy, training: pd.DataFrame
) -> pd.DataFrame:
    upsampling = data.upsampling or UpsamplingConfig(policy=policy)
    labels = list(training["label"])
    children = plan_children(
        labels, list(training["digest"]), upsampling=upsampling, seed=data.preparation_seed
    )
    before = training["label"].value_counts().sort_index()
    added = pd.Series([labels[child.parent] for child in children], dtype=str).value_counts()
    after = before + added.reindex(before.index, fill_value=0)
    return pd.DataFrame({"before": before, "after": after}).rename_axis("label")


def time_policy(policy: str, images: Sequence[np.ndarray], *, seed: int) -> pd.DataFrame:
    """Measure the time of a policy's transforms on one thread.

    Args:
        policy: a key of `augmentation.POLICIES`.
        images: uint8 [H, W, 3], all of one size; a handful is enough.
        seed: of the changes.

    Returns:
        One row per transform, in the order of the policy: transform, probability (of being
        applied), milliseconds (mean over the images, when it is applied), expected_milliseconds
        (the product). The last row, "whole policy", is the sum of the expected ones: measured as a
        whole, slow and rare transforms would be applied too often or not at all to a handful of
        images.
    """
    height, width = images[0].shape[:2]
    rows = []
    for step in policy_steps(policy, height, width):
        step.apply(images[0], seed)  # the first call prepares tables
        times = [
            _milliseconds(step.apply, image, seed_for(seed, "timing", number))
            for number, image in enumerate(images)
        ]
        mean = float(np.mean(times))
        rows.append((step.name, step.probability, mean, step.probability * mean))
    total = sum(expected for *_, expected in rows)
    rows.append(("whole policy", 1.0, total, total))
    columns = ["transform", "probability", "milliseconds", "expected_milliseconds"]
    return pd.DataFrame(rows, columns=columns)


def _milliseconds(
    apply: Callable[[np.ndarray, int], np.ndarray], image: np.ndarray, seed: int
) -> float:
    """Measure the fastest of several repetitions; a slow transform is applied once."""
    fastest = np.inf
    for _ in range(_REPEATS):
        start = time.perf_counter()
        apply(image, seed)
        fastest = min(fastest, 1000 * (time.perf_counter() - start))
        if fastest > _SLOW_MILLISECONDS:
            break
    return fastest
