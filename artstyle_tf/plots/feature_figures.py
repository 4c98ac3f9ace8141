"""Figures of an analysis of features: contingency table, silhouettes and depth ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import (
    BLACK,
    BLUE,
    GRAY,
    ORANGE,
    add_color_bar,
    class_labels,
    house_style,
    make_matrix_axes,
    new_figure,
    set_title,
)

_CELL_INCHES = 0.6
_COLUMN_INCHES, _ROW_INCHES, _LETTER_INCHES = 1.15, 0.42, 0.085
# Orange and purple, which people with any color vision can tell apart; white for 0.
_COLORS = colormaps["PuOr_r"]
# Where all losses are small their colors should be pale, too.
_LEAST_RANGE_IN_POINTS = 5.0
_VALUES = ["lost", "lost_low", "lost_high"]


@house_style()
def plot_contingency(counts: np.ndarray, class_names: Sequence[str], *, title: str) -> Figure:
    """Draw image counts int [C, K] by style and cluster; colors are shares of the style."""
    totals, sizes = counts.sum(axis=1), counts.sum(axis=0)
    labels = class_labels(class_names)
    rows = [f"{label} ({total})" for label, total in zip(labels, totals, strict=True)]
    width = max(_CELL_INCHES * counts.shape[1], 2.5) + _LETTER_INCHES * max(map(len, rows)) + 1.2
    figure, (axes,) = new_figure(width, _CELL_INCHES * counts.shape[0] + 1.3)
    shares = counts / np.maximum(totals, 1)[:, None]
    image = axes.imshow(shares, cmap=colormaps["Blues"], vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if shares[row, column] > 0.55 else BLACK
            axes.text(column, row, str(count), ha="center", va="center", fontsize=9, color=color)
    make_matrix_axes(axes)
    columns = [f"{number}\n({size})" for number, size in enumerate(sizes, start=1)]
    axes.set_xticks(range(counts.shape[1]), columns)
    axes.set_yticks(range(counts.shape[0]), rows)
    axes.set_xlabel("Cluster (images)")
    axes.set_ylabel("Style (images)")
    set_title(axes, title)
    add_color_bar(figure, image, "Share of the style", ax=axes, fraction=0.05, pad=0.02)
    return figure


@house_style()
def plot_silhouettes(silhouettes: Mapping[int, float], *, chosen: int, title: str) -> Figure:
    """Draw the mean silhouette by number of clusters, and mark the chosen number."""
    figure, (axes,) = new_figure(7, 3.6)
    numbers = sorted(silhouettes)
    axes.plot(numbers, [silhouettes[number] for number in numbers], "o-", color=BLUE)
    axes.plot(chosen, silhouettes[chosen], "D", color=ORANGE, ms=10, label=f"chosen: {chosen}")
    axes.set_xticks(numbers)
    axes.set_xlabel("Number of clusters")
    axes.set_ylabel("Mean silhouette")
    set_title(axes, title)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


@house_style()
def plot_depth_ablation(table: pd.DataFrame, depths: Sequence[str], *, title: str) -> Figure:
    """Draw the loss of F1 of every style when a depth is left out.

    Cells are points of F1, above 0 if the score is lower without the depth, in bold if the interval
    excludes 0; the first row, all styles together, shows the interval.

    Args:
        table: of `analysis.depth_ablation.leave_depths_out`: features, depth, style, f1, lost,
            lost_low, lost_high.
        depths: K names in the order of the columns, from the input to the top.
        title: of the figure.
    """
    together = table["style"].isna()
    styles = table.loc[(table["features"] == "all") & ~together, "style"].tolist()
    f1 = 100.0 * table.loc[table["features"] == "all", "f1"].to_numpy()
    labels = [
        f"{name} ({score:.1f})"
        for name, score in zip(["all styles", *class_labels(styles)], f1, strict=True)
    ]
    # Of each depth as many rows, in the order of the styles.
    parts = [table[(table["features"] == "without") & (table["depth"] == d)] for d in depths]
    lost, low, high = (
        100.0 * np.stack([part[name].to_numpy() for part in parts], axis=1) for name in _VALUES
    )
    is_significant = (low > 0) | (high < 0)
    if "p_value" in table:
        # All styles together have an exact test, too, which has to agree.
        values = np.stack([part["p_value"].to_numpy(np.float64) for part in parts], axis=1)
        is_significant &= np.isnan(values) | (values < 0.05 / len(depths))
    figure, (axes,) = new_figure(
        max(_COLUMN_INCHES * len(depths), 4) + _LETTER_INCHES * max(map(len, labels)) + 1.2,
        _ROW_INCHES * (len(labels) + 1) + 1.9,
    )
    furthest = max(float(np.abs(lost).max()), _LEAST_RANGE_IN_POINTS)
    norm = CenteredNorm(halfrange=furthest)
    # The first row is higher: it holds the intervals.
    edges = np.array([0.0, *(1.5 + np.arange(len(labels)))])
    axes.pcolormesh(
        np.arange(len(depths) + 1), edges, lost, cmap=_COLORS, norm=norm, edgecolor="white"
    )
    axes.axhline(edges[1], color="white", lw=5)
    axes.invert_yaxis()
    centers = (edges[:-1] + edges[1:]) / 2
    texts = [[_signed(points) for points in row] for row in lost]
    texts[0] = [
        f"{text}\n({_signed(ends[0])} to {_signed(ends[1])})"
        for text, *ends in zip(texts[0], low[0], high[0], strict=True)
    ]
    for (row, column), points in np.ndenumerate(np.abs(lost)):
        axes.text(
            column + 0.5,
            float(centers[row]),
            texts[row][column],
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if is_significant[row, column] else "normal",
            color="white" if points > 0.6 * furthest else BLACK,
        )
    _name(axes, centers, labels, _column_names(table, depths))
    axes.set_title(f"{' '.join(title.split())}: depth ablation\n", loc="left")
    note = "Bold: the interval excludes 0."
    if not is_significant.any():
        note = "No loss is significant."
    axes.text(
        0,
        1.01,
        f"Loss of F1 in points. {note}",
        transform=axes.transAxes,
        fontsize=9,
        color=GRAY,
    )
    mappable = ScalarMappable(norm, _COLORS)
    add_color_bar(figure, mappable, "Loss of F1 (points)", ax=axes, fraction=0.05, pad=0.02)
    return figure


def _column_names(table: pd.DataFrame, depths: Sequence[str]) -> list[str]:
    alone = table[(table["features"] == "only") & table["style"].isna()].set_index("depth")["f1"]
    names = class_labels(depths, longest=14)
    return [f"{name}\n{100 * alone[depth]:.1f}" for name, depth in zip(names, depths, strict=True)]


def _name(axes: Axes, centers: np.ndarray, rows: list[str], columns: list[str]) -> None:
    make_matrix_axes(axes)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.set_yticks(centers, rows)
    axes.set_xlabel(
        "Depth that is left out, from the input to the top\n(macro-F1 of this depth alone)"
    )
    axes.set_ylabel("Style (F1 with all depths)")


def _signed(points: float) -> str:
    text = f"{points:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")
