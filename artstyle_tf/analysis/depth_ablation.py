"""Which depth of a network decides for which style: each one is left out in turn.

What a depth alone can do says little about what it is needed for: the others may know the same. So
each is also left out, and the classifier is fitted anew to the rest; what is lost then only this
depth has known. Two depths that know the same are both missed by nobody.

Source: leave-one-covariate-out, Lei et al. 2018, doi:10.1080/01621459.2017.1307116.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analyzed_images import AnalyzedImages
from artstyle_tf.analysis.out_of_fold import out_of_fold_probabilities
from artstyle_tf.heads.closed_form import fit_ridge_probe
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.metrics.comparison import Difference, class_f1_interval, compare_models, verdict
from artstyle_tf.metrics.exact_tests import SIGNIFICANCE, holm_adjusted
from artstyle_tf.metrics.influence import class_f1
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.plots.depth_ablation import plot_depth_ablation
from artstyle_tf.plots.theme import save_figure
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
    """Out-of-fold scores of a ridge regression on all depths, all but one, and one alone.

    The same folds serve all of them. What is left out is only left out of the regression: deeper
    blocks of the network have still read it.

    Args:
        features: float [N, D].
        labels: int [N], class ids in [0, C).
        folds: int [N], from `images.splits.folds.assign_folds`; what hangs together is in one fold.
        clusters: int [N] in [0, G), equal for images that are not independent.
        groups: two or more parts of D, each with the name of its depth.
        class_names: C names.
        reporter: where progress goes.

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
    # All depths lose nothing against themselves: that is no estimate.
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
    """Style, F1, loss, its ends and what the exact test says: of all styles, then of each."""
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
    """By depth, what all depths score above all others without it, in macro-F1.

    Args:
        table: from `leave_depths_out`.
    """
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
    """Kind, depth, and numbers of the groups that are kept."""
    numbers = list(range(len(groups)))
    return [
        (ALL, "", numbers),
        *((WITHOUT, groups[out].depth, [n for n in numbers if n != out]) for out in numbers),
        *((ONLY, groups[kept].depth, [kept]) for kept in numbers),
    ]


def write_depths(
    images: AnalyzedImages,
    folds: np.ndarray,
    *,
    folder: Path,
    figures: Path,
    title: str,
    reporter: Reporter,
) -> dict[str, Any] | None:
    """Leaves out each depth in turn, and writes and draws what is lost.

    Args:
        images: N images.
        folds: int [N].
        folder: for the table.
        figures: for the figure.
        title: of the figure.
        reporter: where progress goes.

    Returns:
        Scores and intervals as JSON values; None where the features are of one depth.
    """
    if len(images.groups) < 2:
        return None
    table = leave_depths_out(
        images.features,
        images.labels,
        folds,
        # The works of one artist are recognized, or not, together, however they were divided.
        images.clusters(by_group=True),
        images.groups,
        class_names=images.class_names,
        reporter=reporter,
    )
    write_text(folder / "depths.csv", csv_text(table, float_format="%.4f"))
    top, *blocks = (group.depth for group in images.groups)
    depths = [*blocks, top]
    save_figure(plot_depth_ablation(table, depths, title=title), figures / "depths.png")
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
