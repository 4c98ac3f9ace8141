"""What each depth is good for that a style head reads: table, figure and a sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.analysis.analyzed_images import AnalyzedPictures
from artstyle_tf.analysis.depth_ablation import ALL, ONLY, depth_losses, leave_depths_out
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.metrics.comparison import verdict
from artstyle_tf.metrics.exact_tests import holm_adjusted
from artstyle_tf.plots.depth_ablation import plot_depth_ablation
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import Reporter


def write_depths(
    pictures: AnalyzedPictures,
    folds: np.ndarray,
    *,
    folder: Path,
    figures: Path,
    title: str,
    reporter: Reporter,
) -> dict[str, Any] | None:
    """Leaves out each depth in turn, and writes and draws what is lost.

    Args:
        pictures: N pictures.
        folds: int [N].
        folder: for the table.
        figures: for the figure.
        title: of the figure.
        reporter: where progress goes.

    Returns:
        Scores and intervals as JSON values; None where the features are of one depth.
    """
    if len(pictures.groups) < 2:
        return None
    table = leave_depths_out(
        pictures.features,
        pictures.labels,
        folds,
        # The works of one artist are recognised, or not, together, however they were divided.
        pictures.clusters(by_group=True),
        pictures.groups,
        class_names=pictures.class_names,
        reporter=reporter,
    )
    write_text(folder / "depths.csv", csv_text(table, float_format="%.4f"))
    top, *blocks = (group.depth for group in pictures.groups)
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
