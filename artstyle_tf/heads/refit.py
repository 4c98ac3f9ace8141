"""The last step of a head that no phase trains: learning from the validation pictures, too.

Once temperature and threshold are chosen, and the validation scores are known, these pictures have
nothing left to decide. A head that is fitted at once can afford to be fitted again with them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from artstyle_tf.heads.baseline import Floor, fit_floor
from artstyle_tf.heads.head_start import fit_head_start
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.split_images import SplitPictures
from artstyle_tf.models.features import FeatureGroup

_LEARNT = ("train", "val")


def refit_head(
    probe: LinearProbeConfig,
    floor: Floor,
    splits: Mapping[str, SplitPictures],
    features: Mapping[str, np.ndarray],
    groups: Sequence[FeatureGroup],
) -> tuple[np.ndarray, np.ndarray, Floor]:
    """Fits head and floor to the training and validation pictures together.

    Args:
        probe: settings, those of the first fit.
        floor: of the first fit.
        splits: the pictures.
        features: float32 [N, D] of each split.
        groups: the parts of D; the first one is what the floor reads.

    Returns:
        kernel float32 [D, C], bias float32 [C], and the floor, which has learnt from the same
        pictures; what it says of the validation pictures is that of the first fit.
    """
    joined = np.concatenate([features[split] for split in _LEARNT])
    labels = np.concatenate([splits[split].labels for split in _LEARNT])
    test = {split: features[split] for split in features if split not in _LEARNT}
    refitted = fit_floor(
        probe,
        joined,
        labels,
        judged=test,
        num_classes=len(floor.bias),
        num_pooled=groups[0].size,
    )
    predictions = {**refitted.predictions, "val": floor.predictions["val"]}
    refitted = dataclasses.replace(refitted, predictions=predictions)
    kernel, bias = fit_head_start(
        probe, refitted, joined, labels, groups, num_classes=len(floor.bias)
    )
    return kernel, bias, refitted
