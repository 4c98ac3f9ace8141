"""Which styles are in which cluster, and how the number of clusters was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLACK, BLUE, ORANGE, class_labels, house_style, new_figure

_CELL_INCHES = 0.6
_LETTER_INCHES = 0.085


@house_style()
def plot_contingency(counts: np.ndarray, class_names: Sequence[str], *, title: str) -> Figure:
    """Draws images by style and cluster; colors are shares of the style.

    Args:
        counts: int [C, K].
        class_names: C names.
        title: of the figure.

    Returns:
        A figure that grows with styles and clusters.
    """
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
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    columns = [f"{number}\n({size})" for number, size in enumerate(sizes, start=1)]
    axes.set_xticks(range(counts.shape[1]), columns)
    axes.set_yticks(range(counts.shape[0]), rows)
    axes.set_xlabel("Cluster (images)")
    axes.set_ylabel("Style (images)")
    axes.set_title(" ".join(title.split()), loc="left")
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label("Share of the style")
    bar.outline.set_visible(False)
    return figure


@house_style()
def plot_silhouettes(silhouettes: Mapping[int, float], *, chosen: int, title: str) -> Figure:
    """Draws the mean silhouette over the number of clusters.

    Args:
        silhouettes: number of clusters -> mean silhouette.
        chosen: the number that was taken.
        title: of the figure.
    """
    figure, (axes,) = new_figure(7, 3.6)
    numbers = sorted(silhouettes)
    axes.plot(numbers, [silhouettes[number] for number in numbers], "o-", color=BLUE)
    axes.plot(chosen, silhouettes[chosen], "D", color=ORANGE, ms=10, label=f"taken: {chosen}")
    axes.set_xticks(numbers)
    axes.set_xlabel("Number of clusters")
    axes.set_ylabel("Mean silhouette")
    axes.set_title(" ".join(title.split()), loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure
