"""Images with their nearest neighbors in the embedding space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artstyle_tf.plots.image_rows import CELL_INCHES, ROW_HEIGHT, cut_to_width, draw_cell
from artstyle_tf.plots.theme import (
    BLACK,
    GRAY,
    GREEN,
    RED,
    class_labels,
    house_style,
    new_figure,
    set_title,
)

NUM_NEIGHBORS = 8
"""Neighbors in a row."""

# In cells.
_START = 1.3  # of the neighbors
_HEADING = 0.35  # its height
_FEWEST_COLUMNS = 5  # it is as wide as these


def choose_queries(
    labels: np.ndarray, is_right: np.ndarray, *, rows_per_class: int = 2, most_rows: int = 24
) -> list[int]:
    """Choose the most informative queries: of each class the worst and the best one.

    The first shows what the embedding confuses, or a label error; the second a typical image. With
    more than two rows a class they alternate. Where rows are few, the worst queries of all classes
    come before the best ones, those of the classes with the lowest scores first.

    Args:
        labels: int [N], classes of the queries.
        is_right: bool [N, k], whether each neighbor is of the query's class, the nearest first.
        rows_per_class: queries of a class at most.
        most_rows: queries at most.

    Returns:
        Positions in [0, N), class by class, in each class the worst ones first. A class whose
        queries all score alike has one row.
    """
    is_right = np.asarray(is_right, dtype=bool)
    # One more right neighbor always counts more than the order of the others; of two queries with
    # as many, that with the nearer errors is worse. In integers, so that equal ones are equal.
    num_neighbors = is_right.shape[1]
    scores = is_right.astype(int) @ (num_neighbors**2 - np.arange(num_neighbors))
    candidates = []
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        order = positions[np.argsort(scores[positions], kind="stable")]
        both_ends = np.column_stack([order, order[::-1]]).ravel()
        differ = scores[order[0]] < scores[order[-1]]
        num_rows = min(rows_per_class, len(order)) if differ else 1
        mean = scores[positions].mean()
        candidates += [
            (turn, mean, label, int(query)) for turn, query in enumerate(both_ends[:num_rows])
        ]
    chosen = sorted(candidates)[:most_rows]
    # Within a class: first the worst ones, then the best ones.
    return [query for turn, _, label, query in sorted(chosen, key=lambda c: (c[2], c[0] % 2, c[0]))]


@house_style()
def plot_neighbor_sheet(
    queries: Sequence[np.ndarray],
    neighbors: Sequence[Sequence[np.ndarray]],
    neighbor_captions: Sequence[Sequence[tuple[str, bool]]],
    query_captions: Sequence[str],
    *,
    title: str,
) -> Figure:
    """Draw a row for each query: itself, its neighbors, the nearest first, and how many are right.

    Args:
        queries: uint8 [S, S, 3] each.
        neighbors: of each query, uint8 [S, S, 3].
        neighbor_captions: of each neighbor, such as style and distance, with whether it is of
            the query's class: framed green, or red. Names in it should come from `class_labels`;
            a caption that is wider than an image loses its middle.
        query_captions: class of each query.
        title: of the figure.
    """
    columns = max([_FEWEST_COLUMNS, *(len(row) for row in neighbors)])
    width = _START + columns + 0.65  # with the tally
    height = len(queries) * ROW_HEIGHT + _HEADING
    figure, (axes,) = new_figure(width * CELL_INCHES, height * CELL_INCHES + 0.4)
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height - _HEADING, -_HEADING)
    set_title(axes, title)
    _draw_heading(axes)
    different = list(dict.fromkeys(query_captions))  # a class may have several rows
    shown = dict(zip(different, class_labels(different), strict=True))
    for row, (query, name) in enumerate(zip(queries, query_captions, strict=True)):
        top = row * ROW_HEIGHT
        _draw_image(axes, 0, top, query, shown[name], is_right=None)
        captions = neighbor_captions[row]
        for column, (image, caption) in enumerate(zip(neighbors[row], captions, strict=True)):
            _draw_image(axes, _START + column, top, image, caption[0], is_right=caption[1])
        tally = f"{sum(is_right for _, is_right in captions)} of {len(captions)}"
        left = _START + len(captions) + 0.08
        axes.text(left, top + 0.47, tally, va="center", fontsize=9, color=GRAY)
    axes.set_aspect("equal")
    return figure


def _draw_heading(axes: Axes) -> None:
    """Label the columns and the colors of the frames."""
    entries = (
        (0, "query", BLACK),
        (_START, "nearest neighbors", BLACK),
        (_START + 2, "■ of the same style", GREEN),
        (_START + 3.5, "■ of another style", RED),
    )
    for left, text, color in entries:
        axes.text(left + 0.03, -0.12, text, va="bottom", fontsize=9, color=color)


def _draw_image(
    axes: Axes, left: float, top: float, image: np.ndarray, caption: str, *, is_right: bool | None
) -> None:
    text = draw_cell(axes, left, top, image, caption, is_right=is_right, caption_points=7)
    cut_to_width(text, 0.92 * CELL_INCHES)  # letters grow a little with the resolution
