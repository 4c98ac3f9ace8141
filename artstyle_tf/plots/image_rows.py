"""Rows of images: each row has a name, each image a caption."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.plots.image_cells import CELL_INCHES, ROW_HEIGHT, cut_to_width, draw_cell
from artstyle_tf.plots.theme import class_labels, house_style, new_figure

_CAPTION_INCHES = 0.85 * CELL_INCHES  # with room for letters that grow with the resolution
_LETTERS_OF_NAME = 17
_LONGEST_NAME = 3 * _LETTERS_OF_NAME


@house_style()
def plot_image_rows(
    images: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[tuple[str, bool | None]]],
    row_names: Sequence[str],
    *,
    title: str,
) -> Figure:
    """Draws rows of images.

    Args:
        images: rows of uint8 [S, S, 3].
        captions: for each image its caption, which loses its middle where it is wider than the
            image, and whether it is right (framed green), wrong (red) or neither (None, black).
        row_names: of each row.
        title: of the figure.

    Returns:
        A figure that grows with rows and columns.
    """
    columns = max(len(row) for row in images)
    width, height = columns * CELL_INCHES + 1.5, len(images) * (CELL_INCHES + 0.22) + 0.4
    figure, (axes,) = new_figure(width, height)
    axes.set_axis_off()
    axes.set_xlim(-1.1, columns)
    axes.set_ylim(len(images) * ROW_HEIGHT, -0.05)
    axes.set_title(" ".join(title.split()), loc="left")
    for row, name in enumerate(class_labels(row_names, longest=_LONGEST_NAME)):
        name = textwrap.fill(name, _LETTERS_OF_NAME)
        axes.text(-0.08, row * ROW_HEIGHT + 0.5, name, ha="right", va="center", fontsize=9)
        for column, (image, (caption, is_right)) in enumerate(
            zip(images[row], captions[row], strict=True)
        ):
            text = draw_cell(axes, column, row * ROW_HEIGHT, image, caption, is_right=is_right)
            cut_to_width(text, _CAPTION_INCHES)
    axes.set_aspect("equal")
    return figure
