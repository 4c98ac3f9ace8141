"""The confusion matrix of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import (
    BLACK,
    LIGHT_GRAY,
    add_color_bar,
    class_labels,
    house_style,
    make_matrix_axes,
    new_figure,
)

_POINTS_PER_INCH = 72
_LETTER_INCHES = 0.085  # a letter of a class name
_SMALLEST_FONT_POINTS = 4.5
_BLUES = colormaps["Blues"].with_extremes(bad=LIGHT_GRAY)


@house_style()
def plot_confusion_matrix(
    matrix: np.ndarray, class_names: Sequence[str], *, normalized: bool, title: str
) -> Figure:
    """Draw a confusion matrix, whose size grows with the classes, up to about 16 inches of cells.

    Colors are shares of the true class with and without `normalized`: by counts, the largest
    class would outshine all others. A class without images has a gray row.

    Args:
        matrix: int [C, C], rows are the true classes.
        class_names: C names.
        normalized: write shares of the true class into the cells instead of counts.
        title: of the figure.

    Raises:
        ValueError: if the matrix is not [C, C].
    """
    num_classes = len(class_names)
    if matrix.shape != (num_classes, num_classes):
        raise ValueError(f"matrix must be {(num_classes, num_classes)}, not {matrix.shape}")
    totals = matrix.sum(axis=1, keepdims=True)
    empty = np.broadcast_to(totals == 0, matrix.shape)
    shares = np.ma.masked_array(matrix / np.maximum(totals, 1), empty)
    labels = class_labels(class_names)
    cell_inches = _cell_inches(num_classes)
    names_inches = _LETTER_INCHES * max(map(len, labels))
    side = cell_inches * num_classes
    figure, (axes,) = new_figure(side + names_inches + 2.0, side + 0.75 * names_inches + 1.0)
    image = axes.imshow(shares, cmap=_BLUES, vmin=0, vmax=1)
    _name_classes(axes, labels, totals[:, 0], rotated=names_inches > 0.9 * cell_inches)
    axes.set_title(" ".join(title.split()))
    _write_cells(axes, matrix, shares, cell_inches, normalized=normalized)
    # Inside the axes' own coordinates, so that the bar is as high as the matrix.
    inset = axes.inset_axes((1 + 0.15 / side, 0, 0.18 / side, 1))
    add_color_bar(figure, image, "Share of the true class", cax=inset)
    return figure


def _cell_inches(num_classes: int) -> float:
    """Return 0.65 up to 8 classes, 0.34 from 40 on, less where the figure would be too large."""
    return float(min(np.interp(num_classes, [8, 40], [0.65, 0.34]), 16 / num_classes))


def _name_classes(axes: Axes, labels: list[str], totals: np.ndarray, *, rotated: bool) -> None:
    size = 10 if len(labels) <= 15 else 8
    positions = range(len(labels))
    make_matrix_axes(axes)
    look: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(positions, labels, fontsize=size, **(look if rotated else {}))
    rows = [f"{label} ({int(total)})" for label, total in zip(labels, totals, strict=True)]
    axes.set_yticks(positions, rows, fontsize=size)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True (images)")


def _write_cells(
    axes: Axes, matrix: np.ndarray, shares: np.ndarray, cell_inches: float, *, normalized: bool
) -> None:
    """Write all numbers but 0, as large as the longest allows; none if unreadable."""
    texts = {
        cell: f"{shares[cell]:.2f}" if normalized else f"{int(matrix[cell])}"
        for cell in np.ndindex(matrix.shape)
        if matrix[cell]
    }
    letters = max(map(len, texts.values()), default=1)
    # A digit of DejaVu Sans is 0.64 of the font size wide.
    size = min(9.0, 0.85 * cell_inches * _POINTS_PER_INCH / (0.64 * letters))
    if size < _SMALLEST_FONT_POINTS:
        return
    for (row, column), text in texts.items():
        color = "white" if shares[row, column] > 0.55 else BLACK
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=color)
