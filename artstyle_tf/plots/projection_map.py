"""Images as points on a plane, colored by what they are."""

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
)

CATEGORY_COLORS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, BLACK)
CATEGORY_MARKERS = ("o", "^", "s", "D", "v", "P")
MOST_CATEGORIES = 24
"""More than these cannot be told apart, in whatever colors and shapes."""

OTHERS = "others"
_SIDE_INCHES = 6.5
_LETTER_INCHES = 0.085
_ROWS_OF_LEGEND = 24


def category_look(number: int) -> tuple[str, str]:
    """Color and marker of a category.

    Shapes change with every category, so that nobody depends on colors. Eight colors and six
    shapes in turn make 24 different looks.
    """
    color = CATEGORY_COLORS[number % len(CATEGORY_COLORS)]
    return color, CATEGORY_MARKERS[number % len(CATEGORY_MARKERS)]


def largest_categories(values: Sequence[str], *, most: int) -> tuple[np.ndarray, list[str]]:
    """Numbers the values that occur most often; all others share a number.

    Args:
        values: of N images.
        most: different values to keep.

    Returns:
        int [N], and the names of the numbers: the largest first, `OTHERS` last if there are any.
    """
    names, numbers, counts = np.unique(
        np.asarray(values, dtype=str), return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)[numbers]
    kept = [str(names[number]) for number in order[:most]]
    if len(names) > most:
        return np.minimum(rank, most), [*kept, OTHERS]
    return rank, kept


@house_style()
def plot_projection_map(
    points: np.ndarray, categories: np.ndarray, names: Sequence[str], *, title: str, note: str = ""
) -> Figure:
    """Draws a point for every image.

    Args:
        points: float [N, 2].
        categories: int [N], positions in `names`; at most `MOST_CATEGORIES` and `OTHERS`, which is
            drawn in gray below the rest.
        names: of the categories.
        title: of the figure.
        note: what a reader should know, below the plot.

    Returns:
        A square plot with its legend on the right.
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
    # Directions and units of such a plane mean nothing.
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    axes.set_title(" ".join(title.split()), loc="left")
    axes.set_xlabel(note, fontsize=9, color=GRAY, loc="left")
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), ncols=columns)
    return figure
