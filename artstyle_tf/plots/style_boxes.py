"""How a measure is distributed in each style."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from artstyle_tf.plots.theme import BLACK, BLUE, GRAY, SKY, class_labels, house_style, new_figure

# Whiskers are no extremes: among a hundred thousand images these would say nothing.
_PERCENTILES = (5, 25, 50, 75, 95)
_LEAST_RATIO = 3.0


@house_style()
def plot_style_boxes(
    values: pd.DataFrame,
    labels: pd.Series,
    *,
    names: Sequence[str],
    logarithmic: Sequence[bool],
    title: str,
    num_columns: int = 4,
) -> Figure:
    """Draws a panel for each measure with a box for each style, and one for all together.

    A box holds the middle half of the images, its line is the median, its whiskers hold 90 %.

    Args:
        values: float, one row an image, one column a measure; NaN is left out.
        labels: styles of the rows.
        names: of the measures, with their units.
        logarithmic: whether a measure's axis is, if the values span enough for its ticks.
        title: of the figure.
        num_columns: panels side by side.

    Returns:
        A figure that grows with styles and measures.
    """
    styles = sorted(labels.unique())
    shown = [*class_labels(styles, longest=20), "all styles"]
    num_columns = min(num_columns, len(names))
    num_rows = -(-len(names) // num_columns)
    height = num_rows * (0.9 + 0.24 * len(shown)) + 0.5
    figure, _ = new_figure(2.6 * num_columns + 1.6, height)
    figure.clear()
    panels = figure.subplots(num_rows, num_columns, sharey=True, squeeze=False)
    for axes, measure, name, is_logarithmic in zip(
        panels.flat, values.columns, names, logarithmic, strict=False
    ):
        _draw_boxes(axes, values[measure], labels, styles)
        axes.set_xlabel(name)
        if is_logarithmic and _spans_much(values[measure]):
            _scale_logarithmically(axes)
        axes.set_yticks(range(len(shown)), shown)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    figure.suptitle(" ".join(title.split()), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _spans_much(values: pd.Series) -> bool:
    low, high = np.nanpercentile(values, [5, 95])
    return bool(low > 0 and high / low > _LEAST_RATIO)


def _scale_logarithmically(axes: Axes) -> None:
    """With plain numbers: matplotlib would write powers as formulas, which our theme shows raw."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    steps = (1,) if high / low > 100 else (1, 3) if high / low > 10 else (1, 2, 5)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_boxes(axes: Axes, values: pd.Series, labels: pd.Series, styles: Sequence[str]) -> None:
    samples = [values[labels == style].dropna() for style in styles]
    for position, sample in enumerate([*samples, values.dropna()]):
        if sample.empty:
            continue
        low, first, middle, third, high = np.percentile(sample, _PERCENTILES)
        of_all = position == len(styles)
        color, fill = (BLACK, GRAY) if of_all else (BLUE, SKY)
        axes.hlines(position, low, high, color=color, lw=1.2)
        axes.barh(position, third - first, 0.6, left=first, color=fill, edgecolor=color, lw=1)
        axes.vlines(middle, position - 0.3, position + 0.3, color=BLACK, lw=2)
