"""A framed image with a caption: what galleries and sheets are made of."""

from __future__ import annotations

import warnings

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from artstyle_tf.plots.theme import BLACK, GRAY, GREEN, RED

CELL_INCHES = 1.25
"""Width of a cell; one unit of the axes in both directions."""
ROW_HEIGHT = 1.18
"""From the top of a row to that of the next: image, caption and some air."""


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
    """Draws an image, its frame and, below it, its caption.

    Args:
        axes: whose unit is a cell, with y growing downwards and limits that are set.
        left: of the cell.
        top: of the cell.
        image: uint8 [S, S, 3].
        caption: drawn as it is; see `cut_to_width`.
        is_right: frames green what is right and red what is wrong; None, for an image that is
            neither, black.
        caption_points: size of the caption's letters.

    Returns:
        The caption.
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
    """Takes letters out of the middle until the text fits: names often differ at either end.

    Args:
        text: in a figure; becomes a single line.
        width_inches: that it may have.
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
