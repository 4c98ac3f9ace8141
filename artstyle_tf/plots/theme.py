"""One look for all figures, and one way to save them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from artstyle_tf.files import replaced_atomically

# Okabe and Ito's palette, which people with any colour vision can tell apart.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
GREY = "#6B7280"

_SETTINGS: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9CA3AF",
    "axes.labelcolor": "#111827",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "legend.frameon": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib
}


def new_figure(
    width_inches: float, height_inches: float, *, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """An empty figure with axes side by side.

    It is made without pyplot: nothing is kept in a global list and no display is needed.
    """
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Writes a figure atomically; the suffix of the path is the format."""
    with rc_context(_SETTINGS), replaced_atomically(path) as temporary, warnings.catch_warnings():
        # A folder may be named in letters the font lacks; a box in a figure is no reason to stop.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(temporary, dpi=dpi, facecolor="white")
