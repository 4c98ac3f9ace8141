"""Read every image once and compute a table row of its properties."""

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

MEASURES = ("red", "green", "blue", "brightness", "contrast", "saturation", "sharpness")
"""Columns of a survey that describe the pixels of an image."""

_ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class Survey:
    """The properties of N images.

    Attributes:
        images: one row per image: the columns of the index (path, label, group, digest,
            size_bytes); is_readable and reason; complaint (of the decoder about invisible flaws);
            those of `FileFacts`; fits_suffix, ends_properly, width_px, height_px (as the image is
            shown), aspect (width / height), megapixels, bytes_per_pixel; those of `PixelMeasures`,
            with border (its kind) and border_share (the mean of its four shares); looks_like
            (equal for images that look the same) and perceptual_hash (as text). Missing values are
            NaN or "".
        histograms: style -> float64 [3, 64], mean over its readable images of the shares of
            pixels in each bin of red, green and blue.
    """

    images: pd.DataFrame
    histograms: dict[str, np.ndarray]


@dataclass(frozen=True)
class _ReadImage:
    """The result of the process that read an image; a hash takes 32 bytes."""

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
    """Read every image once, in several processes, and return rows instead of pixels.

    Args:
        images: of an `ImageIndex`, whose order is preserved.
        root: folder that their paths are relative to.
        num_workers: processes; None for one per core.
        reporter: where progress goes.
    """
    images = images.reset_index(drop=True)
    tables, rows = [], []
    hashes = np.zeros((len(images), NUM_BITS), dtype=bool)
    is_usable = np.zeros(len(images), dtype=bool)
    sums: dict[str, np.ndarray] = {}
    results = _read_all(images, root, num_workers, reporter)
    for number, (path, style, result) in enumerate(
        zip(images["path"], images["label"], results, strict=True)
    ):
        rows.append(_row(path, result))
        if len(rows) == _ROWS_AT_ONCE:
            tables.append(_compact(rows))
            rows = []
        if result.packed_hash is not None:
            hashes[number] = np.unpackbits(result.packed_hash, count=NUM_BITS)
            is_usable[number] = True
        if result.histogram is not None:
            sums[style] = sums.get(style, np.zeros((3, NUM_BINS))) + result.histogram
    if rows:  # an empty table would change the others' bool columns to objects
        tables.append(_compact(rows))
    table = pd.concat([images, pd.concat(tables, ignore_index=True)], axis=1)
    table["bytes_per_pixel"] = table["size_bytes"] / (table["megapixels"] * 1e6)
    table["looks_like"] = join_near_pairs(hashes, is_usable)
    table["perceptual_hash"] = hashes_as_text(hashes, is_usable)
    num_readable = table.groupby("label")["is_readable"].sum()
    return Survey(table, {style: sums[style] / num_readable[style] for style in sorted(sums)})


def _read_one(path: Path) -> _ReadImage:
    """Compute all properties of one file, which is read once."""
    facts = None
    try:
        content = read_bytes(path)
        facts = read_file_facts(content)
        decoded = decode_image(content)
        measures, histogram = measure_pixels(decoded.pixels)
        found = perceptual_hash(content)
    except UnreadableImageError as error:
        return _ReadImage(error.reason, facts)
    height, width = decoded.pixels.shape[:2]
    return _ReadImage(
        reason="",
        facts=facts,
        ends_properly=decoded.file_format != "JPEG" or jpeg_ends_properly(content),
        complaint=decoded.complaint,
        size_px=(width, height),
        measures=measures,
        histogram=histogram,
        packed_hash=None if found is None else np.packbits(found),
    )


def _read_all(
    images: pd.DataFrame, root: Path, num_workers: int | None, reporter: Reporter
) -> Iterator[_ReadImage]:
    files = [root / path for path in images["path"]]
    with WorkerPool(num_workers) as pool:
        yield from reporter.track(
            pool.map(_read_one, files), total=len(files), description="Reading images"
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


def _row(path: str, result: _ReadImage) -> dict[str, Any]:
    row = {**_EMPTY_ROW, "is_readable": not result.reason, "reason": result.reason}
    if result.facts is not None:
        row.update(vars(result.facts))
        row["fits_suffix"] = suffix_fits(Path(path).suffix, result.facts.file_format)
        row["megapixels"] = result.facts.stored_width_px * result.facts.stored_height_px / 1e6
    if result.measures is not None and result.size_px is not None:
        width, height = result.size_px
        row.update(width_px=width, height_px=height, aspect=width / height)
        row.update({name: getattr(result.measures, name) for name in _NUMBERS})
        row["border"] = result.measures.border.kind
        row["border_share"] = float(np.mean(result.measures.border.shares))
        row["ends_properly"] = result.ends_properly
        row["complaint"] = result.complaint
    return row


def _compact(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Convert rows to columns, which take a tenth of the memory."""
    return pd.DataFrame(rows, columns=list(_EMPTY_ROW))
