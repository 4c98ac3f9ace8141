"""Figures of image measures by style: box plots, effect sizes and channel densities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    LIGHT_GRAY,
    RED,
    SKY,
    add_color_bar,
    class_labels,
    house_style,
    last_in_columns,
    make_matrix_axes,
    make_row_axes,
    new_panels,
    scale_logarithmically,
    set_figure_title,
)

# Whiskers are not extremes: among a hundred thousand images these would be outliers.
_PERCENTILES = (5, 25, 50, 75, 95)
_LEAST_RATIO = 3.0
# Blue and brown, which people with any color vision can tell apart; white where nothing differs.
_EFFECT_COLORS = colormaps["BrBG"].with_extremes(bad=LIGHT_GRAY)
_CELL_INCHES = 0.36
_MOST_STYLES_WITH_NUMBERS = 16
_CHANNELS = (("red", RED, "-"), ("green", GREEN, "--"), ("blue", BLUE, ":"))
_TOP_QUANTILE = 0.99


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
    """Draw a panel for each measure with a box for each style, and one for all together.

    A box holds the middle half of the images, its line is the median, its whiskers hold 90 %.

    Args:
        values: float, one row an image, one column a measure; NaN is left out.
        labels: styles of the rows.
        names: of the measures, with their units.
        logarithmic: whether a measure's axis is, if the values span enough for its ticks.
        title: of the figure.
        num_columns: panels side by side.
    """
    styles = sorted(labels.unique())
    rows = [*class_labels(styles, longest=20), "all styles"]
    num_columns = min(num_columns, len(names))
    height = -(-len(names) // num_columns) * (0.9 + 0.24 * len(rows)) + 0.5
    width = 2.6 * num_columns + 1.6
    figure, panels = new_panels(len(names), width, height, most_columns=num_columns)
    for axes, measure, name, is_logarithmic in zip(
        panels.flat, values.columns, names, logarithmic, strict=False
    ):
        _draw_boxes(axes, values[measure], labels, styles)
        axes.set_xlabel(name)
        low, high = np.nanpercentile(values[measure], [5, 95])
        if is_logarithmic and low > 0 and high / low > _LEAST_RATIO:
            scale_logarithmically(axes)
        make_row_axes(axes, rows)
    set_figure_title(figure, " ".join(title.split()))
    return figure


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


@house_style()
def plot_style_differences(pairs: pd.DataFrame, *, title: str) -> Figure:
    """Draw a matrix for each measure: row against column.

    A cell is Cliff's delta of its row against its column; it is gray where the corrected p-value is
    0.05 or more.

    Args:
        pairs: of `metrics.style_tests.compare_pairs`: measure, first, second, cliffs_delta, p_holm.
        title: of the figure.
    """
    measures = list(dict.fromkeys(pairs["measure"]))
    styles = sorted({*pairs["first"], *pairs["second"]})
    labels = class_labels(styles, longest=14)
    font_size = 8 if len(labels) <= 20 else 5
    columns = min(4, len(measures))
    side = _CELL_INCHES * min(len(styles), 20)
    height = -(-len(measures) // columns) * (side + 0.4) + 1.7
    width = columns * (side + 0.25) + 2.3
    figure, panels = new_panels(len(measures), width, height, share_x=True)
    scale = ScalarMappable(Normalize(-1, 1), _EFFECT_COLORS)
    for axes, measure in zip(panels.flat, measures, strict=False):
        effects = _matrix(pairs[pairs["measure"] == measure], styles)
        axes.imshow(effects, cmap=scale.cmap, norm=scale.norm)
        axes.set_title(measure, fontsize=10)
        make_matrix_axes(axes)
        axes.set_xticks(range(len(labels)), labels, fontsize=font_size, rotation=90)
        axes.set_yticks(range(len(labels)), labels, fontsize=font_size)
        if len(styles) > _MOST_STYLES_WITH_NUMBERS:
            continue
        for (row, column), effect in np.ndenumerate(effects.filled(np.nan)):
            if np.isfinite(effect):
                color = "white" if abs(effect) > 0.6 else BLACK
                text = f"{effect:.1f}".replace("-0.0", "0.0").replace("0.", ".").replace("-", "−")
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
    for axes in last_in_columns(panels, len(measures)):
        axes.tick_params(labelbottom=True)
    name = "Cliff's delta, row against column\n(gray: not significant)"
    add_color_bar(figure, scale, name, ax=panels, shrink=0.6, pad=0.01)
    set_figure_title(figure, " ".join(title.split()) + "\n")
    return figure


def _matrix(pairs: pd.DataFrame, styles: list[str]) -> np.ma.MaskedArray:
    positions = {style: number for number, style in enumerate(styles)}
    effects = np.full((len(styles), len(styles)), np.nan)
    for row in pairs[pairs["p_holm"] < 0.05].itertuples():
        first, second = positions[row.first], positions[row.second]
        effects[first, second], effects[second, first] = row.cliffs_delta, -row.cliffs_delta
    return np.ma.masked_invalid(effects)


@house_style()
def plot_channel_densities(histograms: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Draw the mean density of the channel values of each style, a panel each.

    Images have equal weights, whatever their size. The axes are the same in all panels; values
    higher than nearly all bins, as of white paper, are cut off.

    Args:
        histograms: style -> float [3, B], shares of the pixels in B equal bins of 0 to 256.
        title: of the figure.
    """
    num_styles, columns = len(histograms), min(4, len(histograms))
    height = 1.75 * -(-num_styles // columns) + 0.9
    figure, panels = new_panels(num_styles, 2.3 * columns + 0.8, height, share_x=True)
    # Relative to an image in which all values are equally frequent.
    scaled = {style: levels * levels.shape[1] for style, levels in histograms.items()}
    top = 1.25 * np.quantile(np.stack(list(scaled.values())), _TOP_QUANTILE)
    labels = class_labels(list(histograms), longest=22)
    for axes, label, levels in zip(panels.flat, labels, scaled.values(), strict=False):
        edges = np.linspace(0, 256, levels.shape[1] + 1)
        for (name, color, line), heights in zip(_CHANNELS, levels, strict=True):
            axes.stairs(heights, edges, color=color, ls=line, lw=1.5, label=name)
            axes.stairs(heights, edges, fill=True, color=to_rgba(color, 0.12))
        axes.set_title(label, fontsize=10)
        axes.set_xlim(0, 256)
        axes.set_xticks([0, 64, 128, 192, 256])
        axes.set_ylim(0, max(top, 1.5))
    for axes in last_in_columns(panels, num_styles):
        axes.set_xlabel("Channel value")
        axes.tick_params(labelbottom=True)
    figure.supylabel("Density (1: uniform)", fontsize=10)
    set_figure_title(figure, " ".join(title.split()))
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=9)
    return figure
