"""Precision, recall and F1 of each class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLUE, GREEN, ORANGE, new_figure

_BARS = (("precision", BLUE), ("recall", ORANGE), ("f1", GREEN))


def plot_per_class_scores(report: pd.DataFrame) -> Figure:
    """Draws horizontal bars, the best class on top.

    Args:
        report: columns class, precision, recall, f1, support; one row a class.

    Returns:
        A figure that grows with the number of classes.
    """
    report = report[report["support"] > 0].sort_values("f1")
    positions = np.arange(len(report))
    figure, (axes,) = new_figure(8, 1.4 + 0.55 * len(report))
    for number, (name, colour) in enumerate(_BARS):
        label = "F1" if name == "f1" else name
        axes.barh(positions + 0.26 * (1 - number), report[name], 0.24, color=colour, label=label)
    for position, score in zip(positions, report["f1"], strict=True):
        axes.text(score + 0.01, position - 0.26, f"{score:.2f}", va="center", fontsize=8)
    names = [f"{row['class']} ({row['support']})" for _, row in report.iterrows()]
    axes.set_yticks(positions, names)
    axes.set_xlim(0, 1.08)
    axes.set_xlabel("Score (pictures of the class in brackets)")
    axes.grid(visible=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
