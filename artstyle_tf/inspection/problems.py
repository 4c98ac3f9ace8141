"""Single images that would harm a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.inspection.file_facts import read_file_facts
from artstyle_tf.inspection.settings import LimitsConfig

COLUMNS = ("code", "path", "label", "detail")

_MAX_HEAD_BYTES = 2**18  # enough to detect any format


def find_problems(images: pd.DataFrame, limits: LimitsConfig) -> pd.DataFrame:
    """Find problems of the single images of a `Survey`.

    Returns:
        One row per image and problem, with the columns `COLUMNS`; code is "unreadable",
        "truncated", "misnamed", "tiny", "huge", "animated", "nearly_uniform", "border", "frame",
        "color_profile" or "decoder_warnings".
    """
    readable = images[images["is_readable"]]
    is_uniform = readable["uniform_fraction"] >= limits.uniform_fraction
    profile, decoder_warning = readable["color_profile"], readable["decoder_warning"]
    is_cut_off = ~readable["ends_properly"] | decoder_warning.str.contains("remature end")
    is_tiny = readable[["width_px", "height_px"]].min(axis=1) < limits.tiny_below_px
    is_huge = readable["megapixels"] > limits.huge_above_megapixels
    is_framed = ~is_uniform & (readable["border"] == "frame")
    is_bordered = ~is_uniform & (readable["border"] == "border")
    is_converted = (profile != "") & ~profile.str.contains("srgb", case=False)
    checks: list[tuple[str, pd.Series, Callable[[Any], str]]] = [
        ("truncated", is_cut_off, _early_end_in_words),
        ("tiny", is_tiny, _size_in_words),
        ("huge", is_huge, _size_in_words),
        (
            "animated",
            readable["num_frames"] > 1,
            lambda row: f"{int(row.num_frames)} frames, of which the first is used",
        ),
        (
            "nearly_uniform",
            is_uniform,
            lambda row: f"{row.uniform_fraction:.0%} of it has one color",
        ),
        ("border", is_bordered, _border_in_words),
        ("frame", is_framed, _border_in_words),
        ("color_profile", is_converted, lambda row: row.color_profile),
        (
            "decoder_warnings",
            (decoder_warning != "") & ~is_cut_off,
            lambda row: row.decoder_warning,
        ),
    ]
    rows = _unreadable(images[~images["is_readable"]], limits)
    rows += _rows(
        "misnamed",
        images[~images["fits_suffix"]],
        lambda row: f"its content is {row.file_format}",
    )
    for code, is_affected, detail in checks:
        rows += _rows(code, readable[is_affected], detail)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def find_misnamed_ignored(root: Path, ignored: pd.DataFrame) -> pd.DataFrame:
    """Find images that were ignored because of their suffix, such as a .txt that is a JPEG.

    Returns rows as those of `find_problems`, for the ignored files of an `ImageIndex`.
    """
    rows = []
    for path in ignored.loc[ignored["reason"].str.startswith("not an image"), "path"]:
        file = root / path
        try:
            with file.open("rb") as opened:
                found = read_file_facts(opened.read(_MAX_HEAD_BYTES)).file_format
        except (UnreadableImageError, OSError):
            continue
        label = path.split("/", 1)[0] if "/" in path else ""
        rows.append(("misnamed", path, label, f"ignored, but its content is {found}"))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _unreadable(images: pd.DataFrame, limits: LimitsConfig) -> list[tuple[str, str, str, str]]:
    """List unusable images, by the kind of reason."""
    is_huge = images["megapixels"] > limits.huge_above_megapixels
    is_huge |= images["reason"].str.contains("decompression bomb")
    is_cut_off = images["reason"].str.startswith("the file is cut off") & ~is_huge
    rows = []
    for code, is_it in (
        ("huge", is_huge),
        ("truncated", is_cut_off),
        ("unreadable", ~is_huge & ~is_cut_off),
    ):
        rows += _rows(code, images[is_it], lambda row: f"left out: {row.reason}")
    return rows


def _rows(
    code: str, images: pd.DataFrame, detail: Callable[[Any], str]
) -> list[tuple[str, str, str, str]]:
    return [(code, row.path, row.label, detail(row)) for row in images.itertuples()]


def _early_end_in_words(row: Any) -> str:
    if row.ends_properly:
        return "its data ends early; less than 1% of it is missing, or its finest detail"
    return "the end of the file is missing, though its pixels are there"


def _size_in_words(row: Any) -> str:
    return f"{int(row.width_px)} x {int(row.height_px)} pixels"


def _border_in_words(row: Any) -> str:
    return f"{row.border_share:.0%} of a side on average"
