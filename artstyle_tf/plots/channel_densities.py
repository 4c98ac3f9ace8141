"""How often each level of red, green and blue occurs in the images of a style."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLUE, GREEN, RED, class_labels, house_style, new_figure

_CHANNELS = (("red", RED, "-"), ("green", GREEN, "--"), ("blue", BLUE, ":"))
_TOP_QUANTILE = 0.99


@house_style()
def plot_channel_densities(histograms: Mapping[str, np.ndarray], *, title: str) -> Figure:
    """Draws a panel for each style with the mean density of its images' levels.

    Every image counts alike, whatever its size. The axes are the same in all panels; what is
    higher than nearly all bins, as white paper is, is cut off.

    Args:
        histograms: style -> float [3, B], shares of the pixels in B equal bins of 0 to 256.
        title: of the figure.

    Returns:
        A figure that grows with the number of styles.
    """
    num_columns = min(4, len(histograms))
    num_rows = -(-len(histograms) // num_columns)
    figure, _ = new_figure(2.3 * num_columns + 0.8, 1.75 * num_rows + 0.9)
    figure.clear()
    panels = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
    # Relative to an image in which all levels are equally frequent.
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
    for axes in panels.flat[len(histograms) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, len(histograms) - num_columns) : len(histograms)]:
        axes.set_xlabel("Level")
        axes.tick_params(labelbottom=True)
    figure.supylabel("Density (1: all levels alike)", fontsize=10)
    figure.suptitle(" ".join(title.split()), x=0.01, ha="left", fontsize=11, fontweight="bold")
    handles = panels[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=9)
    return figure
