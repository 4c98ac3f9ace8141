"""One look for all figures, names that can always be drawn, and one way to save a figure."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from artstyle_tf.system.files import replaced_atomically

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

# Asked in this order for letters that DejaVu Sans lacks, as far as they are installed.
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
    # A class may be named "$5 bills": its name is no formula.
    "text.parse_math": False,
    "text.usetex": False,
}


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """The look of all figures, as a context or a decorator.

    Whatever draws needs it, not only what makes the figure: matplotlib reads the settings again
    for every text. They are global, so that figures should not be drawn in several threads.
    """
    settings: Any = {**_SETTINGS, "font.family": _font_families()}  # matplotlib types each key
    with rc_context(settings):
        yield


def new_figure(
    width_inches: float, height_inches: float, *, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """An empty figure with axes side by side.

    It is made without pyplot: nothing is kept in a global list and no display is needed.
    """
    with house_style():
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Writes a figure atomically; the suffix of the path is the format.

    Args:
        figure: what to write.
        path: such as curves.png, curves.pdf or curves.svg; its folder is created.
        dpi: pixels per inch.

    Raises:
        ArtstyleError: if the file cannot be written.
    """
    with house_style(), replaced_atomically(path) as temporary, warnings.catch_warnings():
        # A title may hold letters that no font has; a box is no reason to lose the figure.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(temporary, dpi=dpi, facecolor="white", bbox_inches="tight", pad_inches=0.1)


def class_labels(names: Sequence[str], *, longest: int = 28) -> list[str]:
    """Class names as figures show them: drawable, not too long, and still all different.

    Letters that no font has would all become the same box, so that they are left out and the name
    gets the number of the class, counted from 1: "class 3", or "class 3 Ukiyo-e". A long name
    loses its middle, because names often differ at either end.

    Args:
        names: names of the classes.
        longest: letters that may be shown of a name.

    Returns:
        As many labels.
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
    """Fonts to look a letter up in; matplotlib complains about those that are not installed."""
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(name for name in _FURTHER_FONTS if name in installed))


@functools.cache
def _drawable_letters() -> frozenset[int]:
    fonts = [font_manager.get_font(font_manager.findfont(name)) for name in _font_families()]
    return frozenset(code for font in fonts for code in font.get_charmap())
