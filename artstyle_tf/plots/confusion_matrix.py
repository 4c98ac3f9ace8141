"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import new_figure


def plot_confusion_matrix(
    matrix: np.ndarray, class_names: Sequence[str], *, normalised: bool, title: str
) -> Figure:
    """Draws a confusion matrix.

    Args:
        matrix: int [C, C], rows are the true classes.
        class_names: C names.
        normalised: show shares of each row instead of counts.
        title: of the figure.

    Returns:
        A square figure that grows with the number of classes.
    """
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    num_classes = len(class_names)
    side = 2.8 + 0.55 * num_classes
    figure, (axes,) = new_figure(side + 0.6, side)
    # Colours are shares in both figures: otherwise the largest class outshines all others.
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    names = [_shorten(name) for name in class_names]
    axes.set_xticks(range(num_classes), names, rotation=45, ha="right", rotation_mode="anchor")
    rows = [f"{name} ({int(n)})" for name, n in zip(names, totals[:, 0], strict=True)]
    axes.set_yticks(range(num_classes), rows)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True (pictures)")
    axes.set_title(title)
    for row, column in np.ndindex(matrix.shape):
        if matrix[row, column]:
            value, share = matrix[row, column], shares[row, column]
            text = f"{share:.2f}" if normalised else f"{value:d}"
            colour = "white" if share > 0.55 else "#111827"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    colour_bar = figure.colorbar(image, ax=axes, shrink=0.8)
    colour_bar.set_label("Share of the true class")
    return figure


def _shorten(name: str, longest: int = 24) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
