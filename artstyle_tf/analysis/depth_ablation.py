"""Which depth of a network decides for which style: each one is left out in turn.

What a depth alone can do says little about what it is needed for: the others may know the same. So
each is also left out, and the classifier is fitted anew to the rest; what is lost then only this
depth has known. Two depths that know the same are both missed by nobody.

Source: leave-one-covariate-out, Lei et al. 2018, doi:10.1080/01621459.2017.1307116.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from artstyle_tf.analysis.out_of_fold import out_of_fold_probabilities
from artstyle_tf.metrics.classification import per_class_report
from artstyle_tf.metrics.clustered import draw_f1
from artstyle_tf.metrics.comparison import Difference
from artstyle_tf.metrics.uncertainty import percentile_interval
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.reporting import SILENT, Reporter
from artstyle_tf.training.ridge_probe import fit_ridge_probe

ALL, WITHOUT, ONLY = "all", "without", "only"
"""Values of the column `features`: all depths, all but one, one alone."""

_FALSE_ALARMS = 0.05

_fit_ridge_regression = partial(fit_ridge_probe, ridge=1.0, balanced=True)


def leave_depths_out(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    clusters: np.ndarray,
    groups: Sequence[FeatureGroup],
    *,
    class_names: Sequence[str],
    seed: int,
    reporter: Reporter = SILENT,
) -> pd.DataFrame:
    """Out-of-fold scores of a ridge regression on all depths, all but one, and one alone.

    The same folds serve all of them. What is left out is only left out of the regression: deeper
    blocks of the network have still read it.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, C).
        folds: int [N], from `data.folds.assign_folds`; what hangs together is in one fold.
        clusters: int [N] in [0, G), equal for pictures that are drawn together by the bootstrap.
        groups: two or more parts of D, each with the name of its depth.
        class_names: C names.
        seed: of the bootstrap.
        reporter: where progress goes.

    Returns:
        One row for macro-F1 and one for each style that occurs, for each choice of depths:
        features (all, without, only); depth (empty for all); style (None for macro-F1); f1 in
        [0, 1]; lost, F1 of all depths less this one, negative if it is better so; lost_low and
        lost_high, ends of the 95 % interval of the loss by a paired bootstrap of clusters, wide
        enough to hold for all depths at once (Bonferroni). Depths are in the order of their groups.
    """
    chosen = _choices_of_depths(groups)
    owner = np.repeat(np.arange(len(groups)), [group.size for group in groups])
    predictions = [
        out_of_fold_probabilities(
            features[:, np.isin(owner, kept)],
            labels,
            folds,
            num_classes=len(class_names),
            groups=[groups[number] for number in kept],
            fit=_fit_ridge_regression,
        ).argmax(axis=1)
        for _, _, kept in reporter.track(
            chosen, total=len(chosen), description="Leaving depths out", unit="choices"
        )
    ]
    present = np.unique(labels)
    draws = draw_f1(labels, predictions, clusters, num_classes=len(class_names), seed=seed)
    draws = _with_mean_first(draws[..., present])
    styles = [None, *(class_names[number] for number in present)]
    scores = _with_mean_first(
        np.array([_f1(labels, predicted, class_names)[present] for predicted in predictions])
    )
    level = 1.0 - _FALSE_ALARMS / len(groups)
    rows = []
    for (kind, depth, _), f1, drawn in zip(chosen, scores, draws, strict=True):
        for number, style in enumerate(styles):
            lost = draws[0, :, number] - drawn[:, number]
            low, high = percentile_interval(lost[np.isfinite(lost)], level)
            difference = scores[0, number] - f1[number]
            rows.append((kind, depth, style, f1[number], difference, low, high))
    return pd.DataFrame(
        rows, columns=["features", "depth", "style", "f1", "lost", "lost_low", "lost_high"]
    )


def depth_losses(table: pd.DataFrame) -> dict[str, Difference]:
    """By depth, what all depths score above all others without it, in macro-F1.

    Args:
        table: from `leave_depths_out`.
    """
    rows = table[(table["features"] == WITHOUT) & table["style"].isna()]
    values = zip(rows["depth"], rows["lost"], rows["lost_low"], rows["lost_high"], strict=True)
    return {depth: Difference(lost, (low, high)) for depth, lost, low, high in values}


def _choices_of_depths(groups: Sequence[FeatureGroup]) -> list[tuple[str, str, list[int]]]:
    """Kind, depth, and numbers of the groups that are kept."""
    numbers = list(range(len(groups)))
    return [
        (ALL, "", numbers),
        *((WITHOUT, groups[out].depth, [n for n in numbers if n != out]) for out in numbers),
        *((ONLY, groups[kept].depth, [kept]) for kept in numbers),
    ]


def _f1(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    return per_class_report(labels, predicted, class_names=class_names)["f1"].to_numpy()


def _with_mean_first(f1: np.ndarray) -> np.ndarray:
    """Puts the mean over the classes, which are the last axis, before them."""
    return np.concatenate([np.nanmean(f1, axis=-1, keepdims=True), f1], axis=-1)
