"""Images that would harm a training, or at least surprise whoever trusts the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.inspection.file_facts import read_file_facts
from artstyle_tf.inspection.settings import LimitsConfig

COLUMNS = ("code", "path", "label", "detail")
Detail = Callable[[Any], str]

_BYTES_OF_A_STRANGER = 2**18  # formats are known by their beginnings


def find_troubles(images: pd.DataFrame, limits: LimitsConfig) -> pd.DataFrame:
    """Finds what is wrong with single images.

    Args:
        images: of a `Survey`.
        limits: from where on an image is worth a word.

    Returns:
        One row for each image and trouble, with the columns `COLUMNS`; code is "unreadable",
        "truncated", "misnamed", "tiny", "huge", "animated", "nearly_uniform", "border", "frame",
        "color_profile" or "decoder_warnings".
    """
    readable = images[images["is_readable"]]
    is_uniform = readable["uniform_fraction"] >= limits.uniform_fraction
    profile = readable["color_profile"]
    ends_early = readable["complaint"].str.contains("remature end")
    is_cut_off = ~readable["ends_properly"] | ends_early
    checks: list[tuple[str, pd.Series, str | Detail]] = [
        (
            "truncated",
            is_cut_off,
            _early_end_in_words,
        ),
        ("tiny", _shorter_side(readable) < limits.tiny_below_px, _size_in_words),
        ("huge", readable["megapixels"] > limits.huge_above_megapixels, _size_in_words),
        ("animated", readable["num_frames"] > 1, _frames_in_words),
        ("nearly_uniform", is_uniform, _uniformity_in_words),
        ("border", (readable["border"] == "border") & ~is_uniform, _border_in_words),
        ("frame", (readable["border"] == "frame") & ~is_uniform, _border_in_words),
        (
            "color_profile",
            (profile != "") & ~profile.str.contains("srgb", case=False),
            lambda row: row.color_profile,
        ),
        (
            "decoder_warnings",
            (readable["complaint"] != "") & ~is_cut_off,
            lambda row: row.complaint,
        ),
    ]
    rows = _unreadable(images[~images["is_readable"]], limits)
    rows += _rows("misnamed", images[~images["fits_suffix"]], _content_in_words)
    for code, is_so, detail in checks:
        rows += _rows(code, readable[is_so], detail)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def find_misnamed_strangers(root: Path, ignored: pd.DataFrame) -> pd.DataFrame:
    """Images that were ignored because of their suffix: a .txt that is a JPEG, say.

    Args:
        root: folder of the images.
        ignored: of an `ImageIndex`.

    Returns:
        Rows as those of `find_troubles`.
    """
    rows = []
    for path in ignored.loc[ignored["reason"].str.startswith("not an image"), "path"]:
        file = root / path
        try:
            with file.open("rb") as opened:
                found = read_file_facts(opened.read(_BYTES_OF_A_STRANGER)).file_format
        except (UnreadableImageError, OSError):
            continue
        label = path.split("/", 1)[0] if "/" in path else ""
        rows.append(("misnamed", path, label, f"ignored, but its content is {found}"))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _unreadable(images: pd.DataFrame, limits: LimitsConfig) -> list[tuple[str, str, str, str]]:
    """Those that cannot be used, told apart by why."""
    is_huge = images["megapixels"] > limits.huge_above_megapixels
    is_huge |= images["reason"].str.contains("decompression bomb")
    is_cut_off = images["reason"].str.startswith("the file is cut off") & ~is_huge

    def reason(row: Any) -> str:
        return f"left out: {row.reason}"

    return [
        *_rows("huge", images[is_huge], reason),
        *_rows("truncated", images[is_cut_off], reason),
        *_rows("unreadable", images[~is_huge & ~is_cut_off], reason),
    ]


def _rows(code: str, images: pd.DataFrame, detail: str | Detail) -> list[tuple[str, str, str, str]]:
    return [
        (code, row.path, row.label, detail if isinstance(detail, str) else detail(row))
        for row in images.itertuples()
    ]


def _shorter_side(images: pd.DataFrame) -> pd.Series:
    return images[["width_px", "height_px"]].min(axis=1)


def _early_end_in_words(row: Any) -> str:
    if row.ends_properly:
        return "its data ends early; less than 1% of it is missing, or its finest detail"
    return "the end of the file is missing, though its pixels are there"


def _content_in_words(row: Any) -> str:
    return f"its content is {row.file_format}"


def _size_in_words(row: Any) -> str:
    return f"{int(row.width_px)} x {int(row.height_px)} pixels"


def _frames_in_words(row: Any) -> str:
    return f"{int(row.num_frames)} frames, of which the first is used"


def _uniformity_in_words(row: Any) -> str:
    return f"{row.uniform_fraction:.0%} of it has one color"


def _border_in_words(row: Any) -> str:
    return f"{row.border_share:.0%} of a side on average"
