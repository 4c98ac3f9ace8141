"""One bar a thing, with its value behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLUE, class_labels, house_style, new_figure


@house_style()
def plot_bars(
    names: Sequence[str],
    values: Sequence[float],
    *,
    axis_name: str,
    title: str,
    value_format: str = "{:.2f}",
) -> Figure:
    """Draws horizontal bars, the first on top.

    Args:
        names: of the things.
        values: of the things; values below 0 are drawn to the left.
        axis_name: what is drawn.
        title: of the figure; may have several lines.
        value_format: of the values behind the bars.

    Returns:
        A figure that grows with the number of things.
    """
    positions = np.arange(len(names))
    figure, (axes,) = new_figure(8, 1.3 + 0.34 * len(names) + 0.18 * title.count("\n"))
    axes.barh(positions, values, 0.7, color=BLUE)
    largest = max(max(values, default=0.0), 1e-9)
    smallest = min(min(values, default=0.0), 0.0)
    for position, value in enumerate(values):
        text = value_format.format(value)
        axes.text(max(value, 0) + 0.01 * largest, position, text, va="center", fontsize=9)
    axes.set_yticks(positions, class_labels(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(1.05 * smallest, 1.15 * largest)
    axes.set_xlabel(axis_name)
    axes.set_title(title, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    return figure
