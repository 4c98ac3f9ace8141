"""Precision, recall and F1 of each class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    class_labels,
    house_style,
    new_figure,
)

_BARS = (("precision", "Precision", BLUE), ("recall", "Recall", ORANGE), ("f1", "F1", GREEN))


@house_style()
def plot_per_class_scores(report: pd.DataFrame) -> Figure:
    """Draw horizontal bars, the class with the best F1 on top, and the macro-F1 as a line.

    Where the report has them, the 95 % intervals of F1 are drawn as whiskers. A class without
    images gets no bars, and the axis label counts such classes.

    Args:
        report: columns class, precision, recall, f1, support and perhaps f1_low and f1_high; one
            row a class.
    """
    # Numbers in labels are those of the whole report, so they come before the selection.
    report = report.assign(label=class_labels(list(report["class"])))
    scored = report[report["support"] > 0].sort_values(["f1", "support"], kind="stable")
    positions = np.arange(len(scored))
    row_inches = float(np.interp(len(scored), [10, 40], [0.5, 0.36]))
    figure, (axes,) = new_figure(8, 1.6 + row_inches * len(scored))
    for number, (column, label, color) in enumerate(_BARS):
        offset = 0.26 * (1 - number)
        axes.barh(positions + offset, scored[column], 0.24, color=color, label=label)
    if {"f1_low", "f1_high"} <= set(scored.columns):
        ends = scored["f1_low"], scored["f1_high"]
        axes.hlines(positions - 0.26, *ends, color=BLACK, lw=1.2, label="95 % interval of F1")
    for position, score in zip(positions, scored["f1"], strict=True):
        # In a column next to the bars, where neither bars nor the line of the mean cover it.
        axes.text(1.02, position - 0.26, f"{score:.2f}", va="center", fontsize=8, color=GREEN)
    if len(scored):
        mean = scored["f1"].mean()
        axes.axvline(mean, color=GRAY, ls="--", lw=1, zorder=0, label=f"Macro-F1 {mean:.3f}")
    labels = [
        f"{label} ({int(support)})"
        for label, support in zip(scored["label"], scored["support"], strict=True)
    ]
    axes.set_yticks(positions, labels)
    axes.set_ylim(-0.6, max(len(scored), 1) - 0.4)
    axes.set_xlim(0, 1.08)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel(_axis_label(len(report) - len(scored)))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _axis_label(num_without: int) -> str:
    label = "Score (number of images in parentheses)"
    if num_without:
        plural = "es" if num_without > 1 else ""
        label += f"\n{num_without} class{plural} without images not shown"
    return label
