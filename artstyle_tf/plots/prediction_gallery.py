"""Pictures with what the model says of them, the mistakes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLACK, GREEN, GREY, RED, class_labels, house_style, new_figure

_CELL_INCHES = 1.25


def choose_for_gallery(
    labels: np.ndarray, predictions: np.ndarray, confidences: np.ndarray, *, columns: int = 8
) -> list[list[int]]:
    """Which pictures tell most about each class.

    Args:
        labels: int [N], true classes.
        predictions: int [N], predicted classes.
        confidences: float [N], probability of the predicted class.
        columns: pictures of a class at most.

    Returns:
        For each class that occurs, in order, positions in [0, N): mistakes first, the most
        confident ahead, then what is right, the least confident ahead.
    """
    chosen = []
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        wrong = positions[predictions[positions] != label]
        right = positions[predictions[positions] == label]
        wrong = wrong[np.argsort(-confidences[wrong], kind="stable")]
        right = right[np.argsort(confidences[right], kind="stable")]
        # At most half of a row are mistakes: a row should also show what the class looks like.
        num_wrong = min(len(wrong), max(columns // 2, columns - len(right)))
        row = [*wrong[:num_wrong], *right[: columns - num_wrong]]
        chosen.append([int(position) for position in row])
    return chosen


@house_style()
def plot_prediction_gallery(
    pictures: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[tuple[str, bool | None]]],
    row_names: Sequence[str],
    *,
    title: str,
) -> Figure:
    """Draws rows of pictures, what is right framed green, what is wrong red.

    Args:
        pictures: rows of uint8 [S, S, 3].
        captions: for each picture its caption and whether the prediction is right; None for a
            picture that is neither.
        row_names: class of each row.
        title: of the figure.

    Returns:
        A figure that grows with rows and columns.
    """
    columns = max(len(row) for row in pictures)
    width, height = columns * _CELL_INCHES + 1.5, len(pictures) * (_CELL_INCHES + 0.22) + 0.4
    figure, (axes,) = new_figure(width, height)
    axes.set_axis_off()
    axes.set_xlim(-1.1, columns)
    axes.set_ylim(len(pictures) * 1.18, -0.05)
    axes.set_title(title, loc="left")
    different = list(dict.fromkeys(row_names))  # a class may have several rows
    shown = dict(zip(different, class_labels(different, longest=18), strict=True))
    for row, name in enumerate(shown[name] for name in row_names):
        axes.text(-0.08, row * 1.18 + 0.5, name, ha="right", va="center", fontsize=9)
        for column, (picture, caption) in enumerate(zip(pictures[row], captions[row], strict=True)):
            _draw_cell(axes, row * 1.18, column, picture, *caption)
    axes.set_aspect("equal")
    return figure


def _draw_cell(
    axes: Axes, top: float, column: int, picture: np.ndarray, caption: str, is_right: bool | None
) -> None:
    left, right, bottom = column + 0.03, column + 0.97, top + 0.94
    axes.imshow(picture, extent=(left, right, bottom, top), zorder=1)
    colour = BLACK if is_right is None else GREEN if is_right else RED
    axes.plot(
        [left, right, right, left, left],
        [top, top, bottom, bottom, top],
        color=colour,
        linewidth=2,
        solid_joinstyle="miter",
        zorder=2,
    )
    colour = RED if is_right is False else GREY
    axes.text(column + 0.5, bottom + 0.03, caption, ha="center", va="top", fontsize=6, color=colour)
