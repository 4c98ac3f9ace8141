"""How many images each class has in each split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    class_labels,
    house_style,
    new_figure,
)

NOT_SPLIT = "not split"
"""Name of the column for images that are in no split."""

_COLORS = {"train": BLUE, "val": ORANGE, "test": GREEN, NOT_SPLIT: GRAY}


@house_style()
def plot_class_distribution(counts: pd.DataFrame) -> Figure:
    """Draws stacked horizontal bars, the largest class on top.

    Args:
        counts: int, classes in the index, columns train, val, test and `NOT_SPLIT`; any may be
            missing.

    Returns:
        A figure that grows with the number of classes.
    """
    counts = counts.reindex(columns=list(_COLORS), fill_value=0)
    labels = pd.Series(class_labels(list(counts.index)), index=counts.index)
    order = np.argsort(counts.sum(axis=1).to_numpy(), kind="stable")
    counts, labels = counts.iloc[order], labels.iloc[order]
    positions = np.arange(len(counts))
    row_inches = float(np.interp(len(counts), [10, 40], [0.36, 0.24]))
    figure, (axes,) = new_figure(8, 1.6 + row_inches * len(counts))
    start = np.zeros(len(counts), dtype=int)
    for split, color in _COLORS.items():
        if counts[split].any():
            numbers = counts[split].to_numpy()
            axes.barh(positions, numbers, 0.75, left=start, color=color, label=split)
            start = start + numbers
    for position, total in enumerate(start):
        axes.text(total, position, f" {total}", va="center", fontsize=9)
    axes.set_yticks(positions, list(labels))
    axes.set_ylim(-0.6, max(len(counts), 1) - 0.4)
    axes.set_xlim(0, 1.1 * max(start.max(initial=0), 1))
    axes.set_xlabel("Images")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
