"""What the whole of each style is made of, as stacked bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from artstyle_tf.plots.theme import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    class_labels,
    house_style,
    new_figure,
)

_COLORS = (BLUE, ORANGE, GREEN, SKY, RED, PURPLE, YELLOW)
_ROOM_OF_LETTER = 0.0145  # of the longest bar
REST = "others"
"""Name of a part that is drawn gray, and last."""


@house_style()
def plot_stacked_bars(
    parts: pd.DataFrame,
    *,
    axis_name: str,
    title: str,
    as_shares: bool,
    notes: Sequence[str] | None = None,
) -> Figure:
    """Draws a horizontal bar for each style, in the order of the table.

    Args:
        parts: float, styles in the index, parts in the columns; at most seven and `REST`.
        axis_name: what is drawn.
        title: of the figure.
        as_shares: whether the parts are shares of 1.
        notes: written behind the bars, such as numbers of images.

    Returns:
        A figure that grows with the number of styles.
    """
    positions = np.arange(len(parts))
    figure, (axes,) = new_figure(8.5, 1.7 + 0.34 * len(parts))
    start = np.zeros(len(parts))
    for number, part in enumerate(parts.columns):
        color = GRAY if part == REST else _COLORS[number % len(_COLORS)]
        lengths = parts[part].to_numpy(dtype=float)
        axes.barh(
            positions, lengths, 0.75, left=start, color=color, label=str(part), edgecolor="white"
        )
        start = start + lengths
    for position, note in enumerate(notes or ()):
        axes.text(start[position], position, f" {note}", va="center", fontsize=9)
    axes.set_yticks(positions, class_labels([str(style) for style in parts.index]))
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.set_xlim(
        0, (1.0 + _ROOM_OF_LETTER * max(map(len, notes or [""]))) * max(start.max(initial=0), 1e-9)
    )
    if as_shares:
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(axis_name)
    axes.set_title(" ".join(title.split()), loc="left")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize=9
    )
    return figure
