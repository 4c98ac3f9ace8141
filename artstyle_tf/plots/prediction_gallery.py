"""Images with what the model says of them, the mistakes first."""

from __future__ import annotations

import numpy as np


def choose_for_gallery(
    labels: np.ndarray, predictions: np.ndarray, confidences: np.ndarray, *, columns: int = 8
) -> list[list[int]]:
    """Which images tell most about each class.

    Args:
        labels: int [N], true classes.
        predictions: int [N], predicted classes.
        confidences: float [N], probability of the predicted class.
        columns: images of a class at most.

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
