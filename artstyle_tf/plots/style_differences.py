"""Which styles differ in which measure, and by how much: heat maps of effect sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLACK, LIGHT_GRAY, class_labels, house_style, new_figure

# Blue and brown, which people with any color vision can tell apart; white where nothing differs.
_COLORS = colormaps["BrBG"].with_extremes(bad=LIGHT_GRAY)
_CELL_INCHES = 0.36
_MOST_STYLES_WITH_NUMBERS = 16


@house_style()
def plot_style_differences(pairs: pd.DataFrame, *, title: str) -> Figure:
    """Draws a matrix for each measure: row against column.

    Args:
        pairs: of `metrics.style_tests.compare_pairs`: measure, first, second, cliffs_delta, p_holm.
        title: of the figure.

    Returns:
        A figure that grows with styles and measures. A cell is Cliff's delta of its row against
        its column; it is left gray where the corrected p-value is 0.05 or more.
    """
    measures = list(dict.fromkeys(pairs["measure"]))
    styles = sorted({*pairs["first"], *pairs["second"]})
    labels = class_labels(styles, longest=14)
    num_columns = min(4, len(measures))
    num_rows = -(-len(measures) // num_columns)
    side = _CELL_INCHES * min(len(styles), 20)
    figure, _ = new_figure(num_columns * (side + 0.25) + 2.3, num_rows * (side + 0.4) + 1.7)
    figure.clear()
    panels = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
    scale = ScalarMappable(Normalize(-1, 1), _COLORS)
    for axes, measure in zip(panels.flat, measures, strict=False):
        effects = _matrix(pairs[pairs["measure"] == measure], styles)
        axes.imshow(effects, cmap=scale.cmap, norm=scale.norm)
        axes.set_title(measure, fontsize=10)
        _tidy(axes, labels)
        if len(styles) <= _MOST_STYLES_WITH_NUMBERS:
            _write_numbers(axes, effects)
    for axes in panels.flat[len(measures) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(len(measures) - num_columns, 0) : len(measures)]:
        axes.tick_params(labelbottom=True)
    bar = figure.colorbar(scale, ax=panels, shrink=0.6, pad=0.01)
    bar.set_label("Row has more (1) or less (-1) than column\ngray: cannot be told apart")
    bar.outline.set_visible(False)
    figure.suptitle(
        " ".join(title.split()) + "\n", x=0.01, ha="left", fontsize=11, fontweight="bold"
    )
    return figure


def _matrix(pairs: pd.DataFrame, styles: list[str]) -> np.ma.MaskedArray:
    positions = {style: number for number, style in enumerate(styles)}
    effects = np.full((len(styles), len(styles)), np.nan)
    for row in pairs[pairs["p_holm"] < 0.05].itertuples():
        first, second = positions[row.first], positions[row.second]
        effects[first, second], effects[second, first] = row.cliffs_delta, -row.cliffs_delta
    return np.ma.masked_invalid(effects)


def _tidy(axes: Axes, labels: list[str]) -> None:
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    size = 8 if len(labels) <= 20 else 5
    axes.set_xticks(range(len(labels)), labels, fontsize=size, rotation=90)
    axes.set_yticks(range(len(labels)), labels, fontsize=size)


def _write_numbers(axes: Axes, effects: np.ma.MaskedArray) -> None:
    for (row, column), effect in np.ndenumerate(effects.filled(np.nan)):
        if np.isfinite(effect):
            color = "white" if abs(effect) > 0.6 else BLACK
            text = f"{effect:.1f}".replace("-0.0", "0.0").replace("0.", ".").replace("-", "−")
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
