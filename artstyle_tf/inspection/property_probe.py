"""Could a style be guessed without looking at the images, from their files alone?

If so, a network may learn what a scanner or a web site does to its files, and be right for the
wrong reason.

Source: the idea of a probe on what should not matter, as in Torralba and Efros 2011, "Unbiased look
at dataset bias", doi:10.1109/CVPR.2011.5995347.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from artstyle_tf.metrics.classification import classification_summary, per_class_report
from artstyle_tf.metrics.proportions import Interval
from artstyle_tf.metrics.uncertainty import macro_f1_interval

_NUM_TREES = 50
_SMALLEST_LEAF = 3
_NUM_SHUFFLES = 3
_FEW_IMAGES = 500


@dataclass(frozen=True)
class PropertyProbe:
    """What a small model makes of file properties.

    Attributes:
        macro_f1: of the predictions for folds that were left out, pooled.
        interval: of it, 95 %; a cluster counts as a whole.
        chance: mean macro-F1 of the same model with labels that were shuffled.
        per_style: columns class and f1, the largest first.
        importances: columns property and importance, the largest first: by how much the macro-F1
            falls when the values of the property are shuffled among the images of a fold.
    """

    macro_f1: float
    interval: Interval
    chance: float
    per_style: pd.DataFrame
    importances: pd.DataFrame


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
    """Trains a random forest on all folds but one, in turn, and judges it on the one.

    Args:
        features: float [N, D]; NaN where a value is not known.
        names: D names of properties; a property may have several columns.
        labels: int [N], class ids in [0, C).
        clusters: int [N] in [0, G), equal for images that are not independent.
        folds: int [N]; no cluster in two of them.
        class_names: C names.
        seed: of the forests and the shuffling.

    Returns:
        Score, chance and what the score rests on; properties that all images share are left
        out. None if they share all.
    """
    generator, num_classes = np.random.default_rng(seed), len(class_names)
    varies = np.array([len(np.unique(column)) > 1 for column in features.T])
    features, names = (
        features[:, varies],
        [name for name, kept in zip(names, varies, strict=True) if kept],
    )
    properties = list(dict.fromkeys(names))
    if not properties:
        return None
    plain = np.empty_like(labels)
    without = {name: np.empty_like(labels) for name in properties}
    for fold in np.unique(folds):
        is_judged = folds == fold
        forest = _fit(features[~is_judged], labels[~is_judged], seed)
        forest.set_params(n_jobs=1)  # to predict a few hundred rows, threads only cost time
        plain[is_judged] = forest.predict(features[is_judged])
        for name in properties:
            columns = np.array([other == name for other in names])
            shuffled = features[is_judged].copy()
            shuffled[:, columns] = generator.permutation(shuffled[:, columns])
            without[name][is_judged] = forest.predict(shuffled)
    score = _macro_f1(labels, plain, num_classes)
    importances = pd.DataFrame(
        {
            "property": properties,
            "importance": [
                score - _macro_f1(labels, without[name], num_classes) for name in properties
            ],
        }
    )
    return PropertyProbe(
        macro_f1=score,
        interval=macro_f1_interval(labels, [plain], num_classes=num_classes, clusters=clusters),
        chance=_chance(features, labels, folds, num_classes, seed, generator),
        per_style=per_class_report(labels, plain, class_names=class_names)[
            ["class", "f1"]
        ].sort_values("f1", ascending=False, kind="stable", ignore_index=True),
        importances=importances.sort_values(
            "importance", ascending=False, kind="stable", ignore_index=True
        ),
    )


def _chance(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    num_classes: int,
    seed: int,
    generator: np.random.Generator,
) -> float:
    """What the same model scores where there is nothing to learn; it depends on the imbalance."""
    scores = []
    for _ in range(_NUM_SHUFFLES):
        shuffled = generator.permutation(labels)
        predicted = np.empty_like(labels)
        for fold in np.unique(folds):
            is_judged = folds == fold
            forest = _fit(features[~is_judged], shuffled[~is_judged], seed)
            predicted[is_judged] = forest.predict(features[is_judged])
        scores.append(_macro_f1(shuffled, predicted, num_classes))
    return float(np.mean(scores))


def _fit(features: np.ndarray, labels: np.ndarray, seed: int) -> RandomForestClassifier:
    forest = RandomForestClassifier(
        _NUM_TREES,
        min_samples_leaf=_SMALLEST_LEAF,
        class_weight="balanced",
        # Threads cost more than they gain while there is little to learn from.
        n_jobs=-1 if len(labels) > _FEW_IMAGES else 1,
        random_state=seed,
    )
    return forest.fit(features, labels)


def _macro_f1(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> float:
    return classification_summary(labels, predictions, num_classes=num_classes)["macro_f1"]
