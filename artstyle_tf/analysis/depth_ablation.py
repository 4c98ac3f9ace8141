"""Depth ablation: the score that is lost when a depth of the network is left out.

The score of one depth alone does not show whether it is needed: the others may carry the same
information. So each is also left out, and the classifier is fitted again to the rest; what is lost
then is information of this depth only. If two depths carry the same, neither is missed.

Source: leave-one-covariate-out, Lei et al. 2018, doi:10.1080/01621459.2017.1307116.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analyzed_images import AnalyzedImages
from artstyle_tf.analysis.out_of_fold import out_of_fold_probabilities
from artstyle_tf.analysis.paths import AnalysisOutputs
from artstyle_tf.heads.closed_form import fit_ridge_probe
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.metrics.comparison import Difference, class_f1_interval, compare_models, verdict
from artstyle_tf.metrics.exact_tests import SIGNIFICANCE, holm_adjusted
from artstyle_tf.metrics.influence import class_f1
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.plots.feature_figures import plot_depth_ablation
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import SILENT, Reporter

ALL, WITHOUT, ONLY = "all", "without", "only"
"""Values of the column `features`: all depths, all but one, one alone."""

_TEST = ("p_value", "num_discordant", "accuracy_difference")

_fit_ridge_regression = partial(fit_ridge_probe, alpha=1.0, balanced=True)


def leave_depths_out(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    clusters: np.ndarray,
    groups: Sequence[FeatureGroup],
    *,
    class_names: Sequence[str],
    reporter: Reporter = SILENT,
) -> pd.DataFrame:
    """Compute out-of-fold scores of a ridge regression on all depths, all but one, and one alone.

    The same folds serve all of them. A depth is left out of the regression only: deeper blocks of
    the network still compute with it.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, C).
        folds: int [N], from `images.splits.folds.assign_folds`; images that belong together are in
            one fold.
        clusters: int [N] in [0, G), equal for images that are not independent.
        groups: two or more parts of D, each with the name of its depth.
        class_names: C names.
        reporter: gets the progress.

    Returns:
        One row for macro-F1 and one for each style that occurs, for each choice of depths:
        features (all, without, only); depth (empty for all); style (None for macro-F1); f1 in
        [0, 1]; lost, F1 of all depths less this one, negative if it is better so; lost_low and
        lost_high, ends of the 95 % interval of the loss, for which a cluster counts as a whole,
        wide enough to hold for all depths at once (Bonferroni); p_value, num_discordant and
        accuracy_difference of the exact test, for macro-F1 only: see `metrics.comparison`.
        Depths are in the order of their groups.
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
    level = 1.0 - SIGNIFICANCE / len(groups)
    rows = []
    for (kind, depth, _), predicted in zip(chosen, predictions, strict=True):
        rows += [
            (kind, depth, *values)
            for values in _losses(
                labels, predictions[0], predicted, clusters, class_names=class_names, level=level
            )
        ]
    table = pd.DataFrame(
        rows, columns=["features", "depth", "style", "f1", "lost", "lost_low", "lost_high", *_TEST]
    )
    # All depths compared with themselves lose exactly nothing.
    table.loc[table["features"] == ALL, ["lost_low", "lost_high"]] = 0.0
    return table


def _losses(
    labels: np.ndarray,
    whole: np.ndarray,
    reduced: np.ndarray,
    clusters: np.ndarray,
    *,
    class_names: Sequence[str],
    level: float,
) -> list[tuple]:
    """Return style, F1, loss, its interval and the exact test: macro-F1 first, then styles."""
    num_classes = len(class_names)
    lost = compare_models(
        labels, [whole], [reduced], num_classes=num_classes, clusters=clusters, level=level
    )
    present = np.unique(labels)
    f1 = {
        name: class_f1(labels, predicted, num_classes=num_classes)[0]
        for name, predicted in (("whole", whole), ("reduced", reduced))
    }
    macro = float(f1["reduced"][present].mean())
    test = (lost.p_value, lost.num_discordant, lost.accuracy_difference)
    rows: list[tuple] = [(None, macro, lost.difference, *lost.interval, *test)]
    for number in present:
        influences = [
            class_f1(labels, predicted, num_classes=num_classes, only=number)[1]
            for predicted in (whole, reduced)
        ]
        difference = float(f1["whole"][number] - f1["reduced"][number])
        ends = class_f1_interval(
            difference,
            influences[0] - influences[1],
            clusters,
            num_clusters=len(np.unique(clusters[labels == number])),
            level=level,
        )
        row = (class_names[number], float(f1["reduced"][number]), difference, *ends)
        rows.append((*row, *[np.nan] * len(_TEST)))
    return rows


def depth_losses(table: pd.DataFrame) -> dict[str, Difference]:
    """Return depth -> the loss of macro-F1 without it, from a table of `leave_depths_out`."""
    rows = table[(table["features"] == WITHOUT) & table["style"].isna()]
    return {
        str(row.depth): Difference(
            float(row.lost),
            (float(row.lost_low), float(row.lost_high)),
            float(row.p_value),
            int(row.num_discordant),
            float(row.accuracy_difference),
        )
        for row in rows.itertuples()
    }


def _choices_of_depths(groups: Sequence[FeatureGroup]) -> list[tuple[str, str, list[int]]]:
    """Return kind, depth, and numbers of the groups that are used."""
    numbers = list(range(len(groups)))
    return [
        (ALL, "", numbers),
        *((WITHOUT, groups[out].depth, [n for n in numbers if n != out]) for out in numbers),
        *((ONLY, groups[kept].depth, [kept]) for kept in numbers),
    ]


def write_depths(
    images: AnalyzedImages,
    folds: np.ndarray,
    outputs: AnalysisOutputs,
    reporter: Reporter,
) -> dict[str, Any] | None:
    """Leave out each depth in turn, on folds int [N], and write a table and a figure of the losses.

    Returns:
        Scores and intervals as JSON values; None where the features are of one depth.
    """
    if len(images.groups) < 2:
        return None
    table = leave_depths_out(
        images.features,
        images.labels,
        folds,
        # Predictions for works of one artist are not independent, however they were divided.
        images.ties(by_group=True).clusters,
        images.groups,
        class_names=images.class_names,
        reporter=reporter,
    )
    write_text(outputs.folder / "depths.csv", csv_text(table, float_format="%.4f"))
    top, *blocks = (group.depth for group in images.groups)
    depths = [*blocks, top]
    save_figure(
        plot_depth_ablation(table, depths, title=outputs.title), outputs.figures / "depths.png"
    )
    losses = depth_losses(table)
    most_missed = max(losses, key=lambda depth: losses[depth].difference)
    adjusted = holm_adjusted({depth: loss.p_value for depth, loss in losses.items()})
    together = table[table["style"].isna()]
    alone = together[together["features"] == ONLY].set_index("depth")["f1"]
    return {
        "macro_f1": float(together.loc[together["features"] == ALL, "f1"].iloc[0]),
        "left_out": [
            {
                "depth": depth,
                **dataclasses.asdict(losses[depth]),
                "adjusted_p_value": adjusted[depth],
                "macro_f1_alone": float(alone[depth]),
            }
            for depth in depths
        ],
        "most_missed": most_missed,
        "verdict": verdict(
            losses[most_missed],
            ["the head with all depths", f"the head without {most_missed}"],
            adjusted_p_value=adjusted[most_missed],
            unit="groups of images",
        ),
    }
