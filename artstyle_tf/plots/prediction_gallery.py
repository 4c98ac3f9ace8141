"""Pictures with what the model says of them, the mistakes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.plots.image_rows import plot_picture_rows


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
    return plot_picture_rows(pictures, captions, row_names, title=title)
