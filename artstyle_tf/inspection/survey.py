"""Every image is opened once, and what there is to know about it becomes a row of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.images.index.near_duplicates import (
    NUM_BITS,
    hashes_as_text,
    join_near_pairs,
    perceptual_hash,
)
from artstyle_tf.images.preparation.worker_pool import WorkerPool
from artstyle_tf.images.reading.image_reading import (
    UnreadableImageError,
    decode_image,
    read_bytes,
)
from artstyle_tf.inspection.file_facts import (
    FileFacts,
    jpeg_ends_properly,
    read_file_facts,
    suffix_fits,
)
from artstyle_tf.inspection.pixel_measures import NUM_BINS, PixelMeasures, measure_pixels
from artstyle_tf.system.progress import SILENT, Reporter

MEASURES = (
    "red",
    "green",
    "blue",
    "brightness",
    "contrast",
    "saturation",
    "sharpness",
)
"""Columns of a survey that describe what an image looks like."""


_ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class Survey:
    """What is known of N images after each was opened once.

    Attributes:
        images: one row an image: the columns of the index (path, label, group, digest,
            size_bytes); is_readable and reason; complaint (of the decoder about
            what is not to be seen); those of `FileFacts`; fits_suffix, ends_properly,
            width_px, height_px (as the image is shown), aspect (width / height), megapixels,
            bytes_per_pixel; those of `PixelMeasures`, with border (its kind) and border_share (the
            mean of its four shares); looks_like (equal for images that look the same) and
            perceptual_hash (as text). What a file did not give is NaN or "".
        histograms: style -> float64 [3, 64], mean over its readable images of the shares of
            pixels in each bin of red, green and blue.
    """

    images: pd.DataFrame
    histograms: dict[str, np.ndarray]


@dataclass(frozen=True)
class _Seen:
    """What comes back from the process that opened an image; a hash is 32 bytes there."""

    reason: str
    facts: FileFacts | None = None
    ends_properly: bool = True
    complaint: str = ""
    size_px: tuple[int, int] | None = None
    measures: PixelMeasures | None = None
    histogram: np.ndarray | None = None
    packed_hash: np.ndarray | None = None


def survey_images(
    images: pd.DataFrame,
    *,
    root: Path,
    num_workers: int | None = None,
    reporter: Reporter = SILENT,
) -> Survey:
    """Opens every image once, in several processes, and keeps rows instead of pixels.

    Args:
        images: of an `ImageIndex`.
        root: folder that their paths are relative to.
        num_workers: processes; None for one per core.
        reporter: where progress goes.

    Returns:
        The table, in the order of the images.
    """
    images = images.reset_index(drop=True)
    tables, rows = [], []
    hashes = np.zeros((len(images), NUM_BITS), dtype=bool)
    is_usable = np.zeros(len(images), dtype=bool)
    sums: dict[str, np.ndarray] = {}
    places = zip(images["path"], images["label"], strict=True)
    for number, ((path, style), seen) in enumerate(
        zip(places, _see_all(images, root, num_workers, reporter), strict=True)
    ):
        rows.append(_row(path, seen))
        if len(rows) == _ROWS_AT_ONCE:
            tables.append(_compact(rows))
            rows = []
        if seen.packed_hash is not None:
            hashes[number] = np.unpackbits(seen.packed_hash, count=NUM_BITS)
            is_usable[number] = True
        if seen.histogram is not None:
            sums[style] = sums.get(style, np.zeros((3, NUM_BINS))) + seen.histogram
    if rows:  # an empty table would turn the others' truth values into objects
        tables.append(_compact(rows))
    seen_table = pd.concat(tables, ignore_index=True)
    table = pd.concat([images, seen_table], axis=1)
    table["bytes_per_pixel"] = table["size_bytes"] / (table["megapixels"] * 1e6)
    table["looks_like"] = join_near_pairs(hashes, is_usable)
    table["perceptual_hash"] = hashes_as_text(hashes, is_usable)
    num_readable = table.groupby("label")["is_readable"].sum()
    return Survey(table, {style: sums[style] / num_readable[style] for style in sorted(sums)})


def _see_image(path: Path) -> _Seen:
    """Everything that is wanted of one file, which is read once."""
    facts = None
    try:
        content = read_bytes(path)
        facts = read_file_facts(content)
        decoded = decode_image(content)
        measures, histogram = measure_pixels(decoded.pixels)
        found = perceptual_hash(content)
    except UnreadableImageError as error:
        return _Seen(error.reason, facts)
    height, width = decoded.pixels.shape[:2]
    return _Seen(
        reason="",
        facts=facts,
        ends_properly=decoded.file_format != "JPEG" or jpeg_ends_properly(content),
        complaint=decoded.complaint,
        size_px=(width, height),
        measures=measures,
        histogram=histogram,
        packed_hash=None if found is None else np.packbits(found),
    )


def _see_all(
    images: pd.DataFrame, root: Path, num_workers: int | None, reporter: Reporter
) -> Iterator[_Seen]:
    files = [root / path for path in images["path"]]
    with WorkerPool(num_workers) as pool:
        yield from reporter.track(
            pool.map(_see_image, files), total=len(files), description="Looking at the images"
        )


_NUMBERS = [field.name for field in dataclasses.fields(PixelMeasures) if field.name != "border"]
_EMPTY_ROW: dict[str, Any] = {
    **dict.fromkeys(("is_readable", "has_exif", "is_progressive"), False),
    **dict.fromkeys(("fits_suffix", "ends_properly"), True),
    **dict.fromkeys(("reason", "complaint", "file_format", "mode"), ""),
    **dict.fromkeys(("color_profile", "chroma_subsampling", "border"), ""),
    **dict.fromkeys(("stored_width_px", "stored_height_px", "num_frames", "jpeg_quality"), np.nan),
    **dict.fromkeys(("width_px", "height_px", "aspect", "megapixels"), np.nan),
    **dict.fromkeys(_NUMBERS, np.nan),
    "border_share": 0.0,
}


def _row(path: str, seen: _Seen) -> dict[str, Any]:
    row = {**_EMPTY_ROW, "is_readable": not seen.reason, "reason": seen.reason}
    if seen.facts is not None:
        row.update(vars(seen.facts))
        row["fits_suffix"] = suffix_fits(Path(path).suffix, seen.facts.file_format)
        row["megapixels"] = seen.facts.stored_width_px * seen.facts.stored_height_px / 1e6
    if seen.measures is not None and seen.size_px is not None:
        width, height = seen.size_px
        row.update(width_px=width, height_px=height, aspect=width / height)
        row.update({name: getattr(seen.measures, name) for name in _NUMBERS})
        row["border"] = seen.measures.border.kind
        row["border_share"] = float(np.mean(seen.measures.border.shares))
        row["ends_properly"] = seen.ends_properly
        row["complaint"] = seen.complaint
    return row


def _compact(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """As columns a row takes a tenth of the memory."""
    return pd.DataFrame(rows, columns=list(_EMPTY_ROW))
