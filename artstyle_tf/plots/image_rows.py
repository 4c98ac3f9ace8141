"""Rows of images with captions: galleries and sheets, and the choice of their images."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

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

CELL_INCHES = 1.25
"""Width of a cell; one unit of the axes in both directions."""
ROW_HEIGHT = 1.18
"""From the top of a row to that of the next: image, caption and some space."""

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
    """Draw named rows of images.

    Args:
        images: rows of uint8 [S, S, 3].
        captions: for each image its caption, which loses its middle where it is wider than the
            image, and whether it is correct (framed green), incorrect (red) or neither (None,
            black).
        row_names: of each row.
        title: of the figure.
    """
    columns = max(len(row) for row in images)
    width, height = columns * CELL_INCHES + 1.5, len(images) * (CELL_INCHES + 0.22) + 0.4
    figure, (axes,) = new_figure(width, height)
    axes.set_axis_off()
    axes.set_xlim(-1.1, columns)
    axes.set_ylim(len(images) * ROW_HEIGHT, -0.05)
    set_title(axes, title)
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


def draw_cell(
    axes: Axes,
    left: float,
    top: float,
    image: np.ndarray,
    caption: str,
    *,
    is_right: bool | None,
    caption_points: float = 6,
) -> Text:
    """Draw an image, its frame and its caption below it; return the caption.

    Args:
        axes: whose unit is a cell, with y growing downwards and limits that are set.
        left: of the cell.
        top: of the cell.
        image: uint8 [S, S, 3].
        caption: drawn as it is; see `cut_to_width`.
        is_right: the frame is green if True, red if False and black if None.
        caption_points: font size of the caption.
    """
    first, last, bottom = left + 0.03, left + 0.97, top + 0.94
    axes.imshow(image, extent=(first, last, bottom, top), zorder=1)
    axes.plot(
        [first, last, last, first, first],
        [top, top, bottom, bottom, top],
        color=BLACK if is_right is None else GREEN if is_right else RED,
        linewidth=2,
        solid_joinstyle="miter",
        zorder=2,
    )
    return axes.text(
        left + 0.5,
        bottom + 0.03,
        caption,
        ha="center",
        va="top",
        fontsize=caption_points,
        color=RED if is_right is False else BLACK if is_right is None else GRAY,
    )


def cut_to_width(text: Text, width_inches: float) -> None:
    """Remove letters from the middle of a text of a figure until it fits, in a single line.

    From the middle, because names often differ at either end.
    """
    whole = " ".join(text.get_text().split())
    text.set_text(whole)
    num_kept = len(whole)
    with warnings.catch_warnings():
        # A letter that no font has is drawn, and measured, as a box.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        while num_kept > 2 and (excess := _width_inches(text) / width_inches) > 1:
            # At least one letter less; many at once while the text is much too long.
            num_kept = min(num_kept - 1, int(1.2 * num_kept / excess))
            num_last = num_kept // 2
            first, last = whole[: num_kept - num_last], whole[len(whole) - num_last :]
            text.set_text(f"{first.rstrip()}…{last.lstrip()}")


def _width_inches(text: Text) -> float:
    figure = text.figure
    return 0.0 if figure is None else text.get_window_extent().width / figure.dpi


def choose_for_gallery(
    labels: np.ndarray, predictions: np.ndarray, confidences: np.ndarray, *, columns: int = 8
) -> list[list[int]]:
    """Choose the most informative images of each class.

    Args:
        labels: int [N], true classes.
        predictions: int [N], predicted classes.
        confidences: float [N], probability of the predicted class.
        columns: images of a class at most.

    Returns:
        For each class that occurs, in order, positions in [0, N): errors first, the most
        confident ahead, then correct predictions, the least confident ahead.
    """
    chosen = []
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        wrong = positions[predictions[positions] != label]
        right = positions[predictions[positions] == label]
        wrong = wrong[np.argsort(-confidences[wrong], kind="stable")]
        right = right[np.argsort(confidences[right], kind="stable")]
        # At most half of a row are errors: a row should also show correct examples of the class.
        num_wrong = min(len(wrong), max(columns // 2, columns - len(right)))
        row = [*wrong[:num_wrong], *right[: columns - num_wrong]]
        chosen.append([int(position) for position in row])
    return chosen
