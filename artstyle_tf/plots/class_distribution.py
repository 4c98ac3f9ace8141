"""How many pictures each class has in each split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLUE, GREEN, ORANGE, new_figure

_COLOURS = {"train": BLUE, "val": ORANGE, "test": GREEN}


def plot_class_distribution(counts: pd.DataFrame) -> Figure:
    """Draws stacked horizontal bars, the largest class on top.

    Args:
        counts: int, classes in the index, columns train, val, test.

    Returns:
        A figure that grows with the number of classes.
    """
    counts = counts.loc[counts.sum(axis=1).sort_values().index]
    figure, (axes,) = new_figure(8, 1.4 + 0.38 * len(counts))
    start = np.zeros(len(counts))
    for split, colour in _COLOURS.items():
        if counts[split].any():
            axes.barh(counts.index, counts[split], left=start, color=colour, label=split)
            start += counts[split].to_numpy()
    for position, total in enumerate(start):
        axes.text(total, position, f" {int(total)}", va="center", fontsize=9)
    axes.set_xlabel("Pictures")
    axes.margins(x=0.08)
    axes.grid(visible=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
