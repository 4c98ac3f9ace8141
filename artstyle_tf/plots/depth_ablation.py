"""Which depth of a network decides for which style: a heat map of what is lost without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLACK, GRAY, class_labels, house_style, new_figure

_COLUMN_INCHES, _ROW_INCHES, _LETTER_INCHES = 1.15, 0.42, 0.085
# Orange and purple, which people with any color vision can tell apart; white for 0.
_COLORS = colormaps["PuOr_r"]
# Where all losses are small their colors should be pale, too.
_LEAST_RANGE_IN_POINTS = 5.0
_VALUES = ["lost", "lost_low", "lost_high"]


@house_style()
def plot_depth_ablation(table: pd.DataFrame, depths: Sequence[str], *, title: str) -> Figure:
    """Draws what every style loses when a depth is left out.

    Args:
        table: of `analysis.depth_ablation.leave_depths_out`: features, depth, style, f1, lost,
            lost_low, lost_high.
        depths: K names in the order of the columns, from the input to the top.
        title: of the figure, which is followed by what is seen.

    Returns:
        A figure that grows with styles and depths. Cells are points of F1, above 0 if the depth is
        missed, in bold if the interval excludes 0; the first row, all styles together, shows it.
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
    is_sure = (low > 0) | (high < 0)
    if "p_value" in table:
        # All styles together have an exact test, too, which has to agree.
        values = np.stack([part["p_value"].to_numpy(np.float64) for part in parts], axis=1)
        is_sure &= np.isnan(values) | (values < 0.05 / len(depths))
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
            fontweight="bold" if is_sure[row, column] else "normal",
            color="white" if points > 0.6 * furthest else BLACK,
        )
    _name(axes, centers, labels, _column_names(table, depths))
    axes.set_title(f"{' '.join(title.split())}: which depth decides for which style\n", loc="left")
    note = "Bold: the interval excludes 0." if is_sure.any() else "None can be told from 0."
    axes.text(
        0,
        1.01,
        f"Points of F1 that are lost if the head does without it. {note}",
        transform=axes.transAxes,
        fontsize=9,
        color=GRAY,
    )
    bar = figure.colorbar(ScalarMappable(norm, _COLORS), ax=axes, fraction=0.05, pad=0.02)
    bar.set_label("Lost without this depth (points of F1)")
    bar.outline.set_visible(False)
    return figure


def _column_names(table: pd.DataFrame, depths: Sequence[str]) -> list[str]:
    alone = table[(table["features"] == "only") & table["style"].isna()].set_index("depth")["f1"]
    names = class_labels(depths, longest=14)
    return [f"{name}\n{100 * alone[depth]:.1f}" for name, depth in zip(names, depths, strict=True)]


def _name(axes: Axes, centers: np.ndarray, rows: list[str], columns: list[str]) -> None:
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.set_yticks(centers, rows)
    axes.set_xlabel("Depth that is left out, from the input to the top\n(macro-F1 of it alone)")
    axes.set_ylabel("Style (F1 of all depths)")


def _signed(points: float) -> str:
    text = f"{points:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")
