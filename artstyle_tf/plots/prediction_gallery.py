"""Pictures with what the model says of them, the mistakes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.plots.picture_cells import CELL_INCHES, ROW_HEIGHT, draw_cell
from artstyle_tf.plots.theme import class_labels, house_style, new_figure


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
    """Draws rows of pictures, right predictions framed green, wrong ones red, others black.

    Args:
        pictures: rows of uint8 [S, S, 3].
        captions: for each picture its caption and whether the prediction is right; None where
            nothing is predicted.
        row_names: class of each row.
        title: of the figure.

    Returns:
        A figure that grows with rows and columns.
    """
    columns = max(len(row) for row in pictures)
    width, height = columns * CELL_INCHES + 1.5, len(pictures) * (CELL_INCHES + 0.22) + 0.4
    figure, (axes,) = new_figure(width, height)
    axes.set_axis_off()
    axes.set_xlim(-1.1, columns)
    axes.set_ylim(len(pictures) * ROW_HEIGHT, -0.05)
    axes.set_title(title, loc="left")
    for row, name in enumerate(class_labels(row_names, longest=18)):
        axes.text(-0.08, row * ROW_HEIGHT + 0.5, name, ha="right", va="center", fontsize=9)
        for column, (picture, (caption, is_right)) in enumerate(
            zip(pictures[row], captions[row], strict=True)
        ):
            draw_cell(axes, column, row * ROW_HEIGHT, picture, caption, is_right=is_right)
    axes.set_aspect("equal")
    return figure
