"""Scatter plots of projected images, colored by a category."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from artstyle_tf.plots.theme import (
    BLACK,
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
    set_title,
)

CATEGORY_COLORS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, BLACK)
CATEGORY_MARKERS = ("o", "^", "s", "D", "v", "P")
MOST_CATEGORIES = 24
"""More than these cannot be distinguished by color and marker."""

OTHERS = "others"
_SIDE_INCHES = 6.5
_LETTER_INCHES = 0.085
_ROWS_OF_LEGEND = 24


def category_look(number: int) -> tuple[str, str]:
    """Return color and marker of a category.

    Markers change with every category, so that colors are not needed to tell them apart. Eight
    colors and six markers in turn make 24 different looks.
    """
    color = CATEGORY_COLORS[number % len(CATEGORY_COLORS)]
    return color, CATEGORY_MARKERS[number % len(CATEGORY_MARKERS)]


def largest_categories(values: Sequence[str], *, most: int) -> tuple[np.ndarray, list[str]]:
    """Number the `most` most frequent values; all others share a number.

    Returns:
        int [N], and the names of the numbers: the largest first, `OTHERS` last if there are any.
    """
    names, numbers, counts = np.unique(
        np.asarray(values, dtype=str), return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)[numbers]
    shown = [str(names[number]) for number in order[:most]]
    if len(names) > most:
        return np.minimum(rank, most), [*shown, OTHERS]
    return rank, shown


@house_style()
def plot_projection_map(
    points: np.ndarray, categories: np.ndarray, names: Sequence[str], *, title: str, note: str = ""
) -> Figure:
    """Draw a point for every image, with the legend on the right.

    Args:
        points: float [N, 2].
        categories: int [N], positions in `names`; at most `MOST_CATEGORIES` and `OTHERS`, which is
            drawn in gray below the rest.
        names: of the categories.
        title: of the figure.
        note: text below the plot.
    """
    labels = class_labels(names, longest=24)
    counts = np.bincount(categories, minlength=len(names))
    texts = [f"{label} ({count})" for label, count in zip(labels, counts, strict=True)]
    legend_inches = 0.5 + _LETTER_INCHES * max(map(len, texts))
    columns = -(-len(texts) // _ROWS_OF_LEGEND)
    figure, (axes,) = new_figure(_SIDE_INCHES + columns * legend_inches, _SIDE_INCHES + 0.5)
    size = float(np.clip(12_000 / max(len(points), 1), 2, 24))
    handles = []
    for number, (name, text) in enumerate(zip(names, texts, strict=True)):
        color, marker = (GRAY, "o") if name == OTHERS else category_look(number)
        chosen = points[categories == number]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=size,
            c=color,
            marker=marker,
            alpha=0.35 if name == OTHERS else 0.8,
            linewidths=0,
            zorder=1 if name == OTHERS else 2,
        )
        handles.append(Line2D([], [], color=color, marker=marker, linestyle="", label=text))
    # The axes of a projection have no meaning.
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    set_title(axes, title)
    axes.set_xlabel(note, fontsize=9, color=GRAY, loc="left")
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), ncols=columns)
    return figure
