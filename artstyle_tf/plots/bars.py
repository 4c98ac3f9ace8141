"""Horizontal bar charts: one value a row, or several parts stacked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
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
    make_row_axes,
    new_figure,
    set_title,
)

NOT_SPLIT = "not split"
"""Name of the column for images that are in no split."""
REST = "others"
"""Name of a part that is drawn gray, and last."""

_SPLIT_COLORS = {"train": BLUE, "val": ORANGE, "test": GREEN, NOT_SPLIT: GRAY}
_PART_COLORS = (BLUE, ORANGE, GREEN, SKY, RED, PURPLE, YELLOW)
_ROOM_OF_LETTER = 0.0145  # of the longest bar


@house_style()
def plot_bars(
    names: Sequence[str],
    values: Sequence[float],
    *,
    axis_name: str,
    title: str,
    value_format: str = "{:.2f}",
) -> Figure:
    """Draw horizontal bars with their values, the first on top.

    Bars of negative values extend to the left; the title may have several lines.
    """
    figure, (axes,) = new_figure(8, 1.3 + 0.34 * len(names) + 0.18 * title.count("\n"))
    axes.barh(np.arange(len(names)), values, 0.7, color=BLUE)
    largest = max(max(values, default=0.0), 1e-9)
    smallest = min(min(values, default=0.0), 0.0)
    for position, value in enumerate(values):
        text = value_format.format(value)
        axes.text(max(value, 0) + 0.01 * largest, position, text, va="center", fontsize=9)
    make_row_axes(axes, class_labels(names))
    axes.set_xlim(1.05 * smallest, 1.15 * largest)
    axes.set_xlabel(axis_name)
    axes.set_title(title, loc="left")
    return figure


@house_style()
def plot_stacked_bars(
    parts: pd.DataFrame,
    *,
    axis_name: str,
    title: str,
    as_shares: bool,
    notes: Sequence[str] | None = None,
) -> Figure:
    """Draw a stacked bar for each style, in the order of the table.

    Args:
        parts: float, styles in the index, parts in the columns; at most seven and `REST`.
        axis_name: of the values.
        title: of the figure.
        as_shares: whether the parts are shares of 1.
        notes: text behind each bar, such as numbers of images.
    """
    figure, (axes,) = new_figure(8.5, 1.7 + 0.34 * len(parts))
    colors = dict(zip((p for p in parts if p != REST), itertools.cycle(_PART_COLORS), strict=False))
    end = _stack(axes, parts, {**colors, REST: GRAY}, edgecolor="white")
    for position, note in enumerate(notes or ()):
        axes.text(end[position], position, f" {note}", va="center", fontsize=9)
    make_row_axes(axes, class_labels([str(style) for style in parts.index]))
    room = 1.0 + _ROOM_OF_LETTER * max(map(len, notes or [""]))
    axes.set_xlim(0, room * max(end.max(initial=0), 1e-9))
    if as_shares:
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(axis_name)
    set_title(axes, title)
    handles = axes.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=8, fontsize=9)
    return figure


@house_style()
def plot_class_distribution(counts: pd.DataFrame) -> Figure:
    """Draw the number of images of each class, stacked by split, the largest class on top.

    Args:
        counts: int, classes in the index, columns train, val, test and `NOT_SPLIT`; any may be
            missing.
    """
    counts = counts.reindex(columns=list(_SPLIT_COLORS), fill_value=0)
    labels = pd.Series(class_labels(list(counts.index)), index=counts.index)
    order = np.argsort(counts.sum(axis=1).to_numpy(), kind="stable")
    counts, labels = counts.iloc[order], labels.iloc[order]
    row_inches = float(np.interp(len(counts), [10, 40], [0.36, 0.24]))
    figure, (axes,) = new_figure(8, 1.6 + row_inches * len(counts))
    end = _stack(axes, counts.loc[:, counts.any()], _SPLIT_COLORS)
    for position, total in enumerate(end.astype(int)):
        axes.text(total, position, f" {total}", va="center", fontsize=9)
    make_row_axes(axes, list(labels))
    axes.set_ylim(-0.6, max(len(counts), 1) - 0.4)
    axes.set_xlim(0, 1.1 * max(end.max(initial=0), 1))
    axes.set_xlabel("Images")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _stack(
    axes: Axes, parts: pd.DataFrame, colors: Mapping[str, str], edgecolor: str | None = None
) -> np.ndarray:
    """Draw a bar for each row and return the ends of the bars: float [rows]."""
    end = np.zeros(len(parts))
    for part in parts.columns:
        lengths = parts[part].to_numpy(dtype=float)
        look = {"color": colors[part], "edgecolor": edgecolor, "label": str(part)}
        axes.barh(np.arange(len(parts)), lengths, 0.75, left=end, **look)
        end = end + lengths
    return end
