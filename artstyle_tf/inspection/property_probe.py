"""Can a style be predicted from file properties alone, without the pixels?

If so, a network may learn what a scanner or a web site does to its files, and be right for the
wrong reason.

Source: the idea of a probe on properties that should not matter, as in Torralba and Efros 2011,
"Unbiased look at dataset bias", doi:10.1109/CVPR.2011.5995347.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import RandomForestClassifier

from artstyle_tf.metrics.classification import classification_summary, per_class_report
from artstyle_tf.metrics.proportions import Interval
from artstyle_tf.metrics.uncertainty import macro_f1_interval
from artstyle_tf.system.content_cache import facts_of_contents

_NUMBERS = (
    *("width_px", "height_px", "aspect", "megapixels", "size_bytes", "bytes_per_pixel"),
    *("jpeg_quality", "num_frames", "is_progressive", "has_exif"),
)
_CATEGORIES = ("file_format", "mode", "chroma_subsampling", "color_profile")
_MAX_CATEGORIES = 8
_MIN_AUC = 0.9

PROPERTIES = (*_NUMBERS, *_CATEGORIES)
"""Columns of a survey that do not depend on the content of an image."""

_NUM_TREES = 50
_SMALLEST_LEAF = 3
_NUM_SHUFFLES = 3
_FEW_IMAGES = 500

_VERSION = 1  # of what is computed
_TABLES = ("per_style", "importances")


@dataclass(frozen=True)
class PropertyProbe:
    """The scores of a small model of file properties.

    Attributes:
        macro_f1: of the out-of-fold predictions, pooled.
        interval: of it, 95 %; a cluster counts as a whole.
        chance: mean macro-F1 of the same model with shuffled labels.
        per_style: columns class and f1, the largest first.
        importances: columns property and importance, the largest first: the loss of macro-F1 when
            the values of the property are shuffled among the images of a fold.
    """

    macro_f1: float
    interval: Interval
    chance: float
    per_style: pd.DataFrame
    importances: pd.DataFrame


def property_features(images: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Convert the file properties of readable images of a `Survey` to numbers.

    Returns:
        float64 [N, D], with NaN for an unknown property; and D names of properties. Categorical
        properties have one column for each of their most frequent values.
    """
    features = [images[name].to_numpy(dtype=np.float64) for name in _NUMBERS]
    names = list(_NUMBERS)
    for name in _CATEGORIES:
        for value in images[name].value_counts().index[:_MAX_CATEGORIES]:
            features.append((images[name] == value).to_numpy(dtype=np.float64))
            names.append(name)
    return np.stack(features, axis=1), names


def most_different_property(images: pd.DataFrame, label: str) -> tuple[str, float, float] | None:
    """Find the number by which the files of one style differ most from those of all others.

    Returns:
        The property and its medians in the style and elsewhere; None if no property separates more
        than `_MIN_AUC` of all pairs of a file of the style and one of another.
    """
    is_of_style = images["label"] == label
    best, found = _MIN_AUC, None
    for name in _NUMBERS:
        values = images[name].astype(float)
        own, others = values[is_of_style].dropna(), values[~is_of_style].dropna()
        if own.empty or others.empty:
            continue
        # The area under the curve: how often a file of the style has the larger value.
        ranks = pd.concat([own, others]).rank()[: len(own)]
        share = (ranks.sum() / len(own) - (len(own) + 1) / 2) / len(others)
        if max(share, 1 - share) > best:
            best = max(share, 1 - share)
            found = name, float(own.median()), float(others.median())
    return found


def probe_once(
    features: np.ndarray,
    names: Sequence[str],
    labels: np.ndarray,
    clusters: np.ndarray,
    folds: np.ndarray,
    *,
    class_names: Sequence[str],
    seed: int,
) -> PropertyProbe | None:
    """Do what `probe_properties` does, which takes seconds, unless its result is known."""
    described = json.dumps([list(names), list(class_names), seed])
    digest = hashlib.sha256(described.encode())
    for array in (features, labels, clusters, folds):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    found = facts_of_contents(
        f"property probe {_VERSION}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}",
        [digest.hexdigest()],
        lambda numbers: (
            probe_properties(
                features, names, labels, clusters, folds, class_names=class_names, seed=seed
            )
            for _ in numbers
        ),
        encode=_encoded,
        decode=_decoded,
    )
    return next(found)


def _encoded(probe: PropertyProbe | None) -> bytes:
    if probe is None:
        return b"null"
    tables = {name: getattr(probe, name).to_dict("list") for name in _TABLES}
    return json.dumps({**vars(probe), **tables}).encode()


def _decoded(stored: bytes) -> PropertyProbe | None:
    values = json.loads(stored)
    if values is None:
        return None
    tables = {name: pd.DataFrame(values[name]) for name in _TABLES}
    return PropertyProbe(**{**values, **tables, "interval": tuple(values["interval"])})


def probe_properties(
    features: np.ndarray,
    names: Sequence[str],
    labels: np.ndarray,
    clusters: np.ndarray,
    folds: np.ndarray,
    *,
    class_names: Sequence[str],
    seed: int,
) -> PropertyProbe | None:
    """Train a random forest on all folds but one, in turn, and evaluate it on the left-out fold.

    Args:
        features: float [N, D]; NaN for unknown values.
        names: D names of properties; a property may have several columns.
        labels: int [N], class ids in [0, C).
        clusters: int [N] in [0, G), equal for images that are not independent.
        folds: int [N]; no cluster in two of them.
        class_names: C names.
        seed: of the forests and the shuffling.

    Returns:
        Score, chance and importances; properties that all images share are left out. None if no
        property varies.
    """
    generator, num_classes = np.random.default_rng(seed), len(class_names)
    varies = np.array([len(np.unique(column)) > 1 for column in features.T])
    features, column_names = features[:, varies], np.array(names)[varies]
    properties = list(dict.fromkeys(column_names.tolist()))
    if not properties:
        return None
    predicted = np.empty_like(labels)
    without = {name: np.empty_like(labels) for name in properties}
    for fold in np.unique(folds):
        is_test = folds == fold
        forest = _fit(features[~is_test], labels[~is_test], seed)
        predicted[is_test] = forest.predict(features[is_test])
        for name in properties:
            columns = column_names == name
            shuffled = features[is_test].copy()
            shuffled[:, columns] = generator.permutation(shuffled[:, columns])
            without[name][is_test] = forest.predict(shuffled)
    score = _macro_f1(labels, predicted, num_classes)
    losses = [score - _macro_f1(labels, without[name], num_classes) for name in properties]
    importances = pd.DataFrame({"property": properties, "importance": losses})
    per_style = per_class_report(labels, predicted, class_names=class_names)[["class", "f1"]]
    return PropertyProbe(
        macro_f1=score,
        interval=macro_f1_interval(labels, [predicted], num_classes=num_classes, clusters=clusters),
        chance=_chance(features, labels, folds, num_classes, seed, generator),
        per_style=_largest_first(per_style, "f1"),
        importances=_largest_first(importances, "importance"),
    )


def _largest_first(table: pd.DataFrame, column: str) -> pd.DataFrame:
    return table.sort_values(column, ascending=False, kind="stable", ignore_index=True)


def _chance(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    num_classes: int,
    seed: int,
    generator: np.random.Generator,
) -> float:
    """Score the same model with shuffled labels, where the score depends on the imbalance."""
    scores = []
    for _ in range(_NUM_SHUFFLES):
        shuffled = generator.permutation(labels)
        predicted = np.empty_like(labels)
        for fold in np.unique(folds):
            is_test = folds == fold
            forest = _fit(features[~is_test], shuffled[~is_test], seed)
            predicted[is_test] = forest.predict(features[is_test])
        scores.append(_macro_f1(shuffled, predicted, num_classes))
    return float(np.mean(scores))


def _fit(features: np.ndarray, labels: np.ndarray, seed: int) -> RandomForestClassifier:
    forest = RandomForestClassifier(
        _NUM_TREES,
        min_samples_leaf=_SMALLEST_LEAF,
        class_weight="balanced",
        # Threads cost more than they save with few images.
        n_jobs=-1 if len(labels) > _FEW_IMAGES else 1,
        random_state=seed,
    )
    forest.fit(features, labels)
    return forest.set_params(n_jobs=1)  # to predict a few hundred rows, threads only cost time


def _macro_f1(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> float:
    return classification_summary(labels, predictions, num_classes=num_classes)["macro_f1"]
