"""The look of all figures: colors, fonts, layout and class labels."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe and Ito's palette, which people with any color vision can tell apart.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
BLACK, GRAY, LIGHT_GRAY = "#111827", "#6B7280", "#F3F4F6"

# Used in this order for letters that DejaVu Sans lacks, as far as they are installed.
_FURTHER_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans CJK KR",
    "Source Han Sans",
    "IPAexGothic",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Nirmala UI",
    "Arial Unicode MS",
)
_SETTINGS: dict[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9CA3AF",
    "axes.labelcolor": BLACK,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "legend.frameon": False,
    # A class may be named "$5 bills": its name is not a formula.
    "text.parse_math": False,
    "text.usetex": False,
}


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Apply the look of all figures, as a context or a decorator.

    Everything that draws needs it, not only what creates the figure: matplotlib reads the settings
    again for every text. They are global, so figures should not be drawn in several threads.
    """
    settings: Any = {**_SETTINGS, "font.family": _font_families()}  # matplotlib types each key
    with rc_context(settings):
        yield


def new_figure(
    width_inches: float, height_inches: float, *, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """Create an empty figure with axes side by side.

    It is created without pyplot: it is not stored in a global list and no display is needed.
    """
    with house_style():
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def new_panels(
    num_panels: int,
    width_inches: float,
    height_inches: float,
    *,
    most_columns: int = 4,
    share_x: bool = False,
    share_y: bool = True,
) -> tuple[Figure, np.ndarray]:
    """Create a figure with a grid of panels.

    Args:
        num_panels: to use; the others of the grid are hidden.
        width_inches: of the figure.
        height_inches: of the figure.
        most_columns: of the grid; as many rows follow as are needed.
        share_x: whether panels share their x axis.
        share_y: whether panels share their y axis.

    Returns:
        The figure, and its axes: object [rows, columns].
    """
    figure, _ = new_figure(width_inches, height_inches)
    figure.clear()
    columns = min(most_columns, num_panels)
    panels = figure.subplots(
        -(-num_panels // columns), columns, sharex=share_x, sharey=share_y, squeeze=False
    )
    for axes in panels.flat[num_panels:]:
        axes.set_axis_off()
    return figure, panels


def last_in_columns(panels: np.ndarray, num_panels: int) -> np.ndarray:
    """Return the lowest panel of each column, which need tick labels where x axes are shared."""
    return panels.flat[max(num_panels - panels.shape[1], 0) : num_panels]


def set_title(axes: Axes, title: str) -> None:
    """Set a title on the left, in one line."""
    axes.set_title(" ".join(title.split()), loc="left")


def set_figure_title(figure: Figure, title: str) -> None:
    """Set a title above all panels, on the left."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")


def make_matrix_axes(axes: Axes) -> None:
    """Remove grid, spines and tick marks, for heat maps."""
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def add_color_bar(figure: Figure, mappable: ScalarMappable, label: str, **position: Any) -> None:
    """Add a color bar without outline; `position` as for `Figure.colorbar`."""
    bar = figure.colorbar(mappable, **position)
    bar.set_label(label)
    bar.outline.set_visible(False)


def make_row_axes(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a horizontal chart, the first on top, without tick marks or grid."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def scale_logarithmically(axes: Axes) -> None:
    """Make the x axis of drawn data logarithmic, with a few labels as plain numbers.

    Matplotlib would write powers as formulas, which our theme does not typeset.
    """
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    digits = (1,) if high / low > 400 else (1, 3) if high / low > 12 else (1, 2, 5)
    axes.xaxis.set_major_locator(LogLocator(subs=digits, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def class_labels(names: Sequence[str], *, longest: int = 28) -> list[str]:
    """Return class names for figures: drawable, at most `longest` letters, and all different.

    Letters that no font has would all become the same box, so that they are left out and the name
    gets the number of the class, counted from 1: "class 3", or "class 3 Ukiyo-e". A long name
    loses its middle, because names often differ at either end.
    """
    labels = []
    for number, name in enumerate(names, start=1):
        text = " ".join(str(name).split())
        drawable = "".join(letter for letter in text if ord(letter) in _drawable_letters())
        if drawable != text or not text:
            text = f"class {number} {' '.join(drawable.split())}".strip()
        if len(text) > longest:
            end = longest // 3
            text = f"{text[: longest - end - 1].rstrip()}…{text[-end:].lstrip()}"
        labels.append(text)
    repeated = {label for label, count in Counter(labels).items() if count > 1}
    return [
        f"{label} ({number})" if label in repeated else label
        for number, label in enumerate(labels, start=1)
    ]


@functools.cache
def _font_families() -> tuple[str, ...]:
    """Return installed fonts; matplotlib warns about those that are not installed."""
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(name for name in _FURTHER_FONTS if name in installed))


@functools.cache
def _drawable_letters() -> frozenset[int]:
    fonts = [font_manager.get_font(font_manager.findfont(name)) for name in _font_families()]
    return frozenset(code for font in fonts for code in font.get_charmap())
