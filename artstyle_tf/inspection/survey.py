"""Read every image once and compute a table row of its properties."""

from __future__ import annotations

import dataclasses
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
from artstyle_tf.inspection.file_facts import jpeg_ends_properly, read_file_facts, suffix_fits
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
            size_bytes); is_readable and reason; decoder_warning (about invisible flaws);
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
    files = [root / path for path in images["path"]]
    with WorkerPool(num_workers) as pool:
        results = reporter.track(
            pool.map(_read_one, files), total=len(files), description="Reading images"
        )
        for number, (row, histogram, packed_hash) in enumerate(results):
            rows.append(row)
            if len(rows) == _ROWS_AT_ONCE:
                tables.append(_compact(rows))
                rows = []
            if packed_hash is not None:
                hashes[number] = np.unpackbits(packed_hash, count=NUM_BITS)
                is_usable[number] = True
            if histogram is not None:
                style = images["label"].iloc[number]
                sums[style] = sums.get(style, np.zeros((3, NUM_BINS))) + histogram
    if rows:  # an empty table would change the others' bool columns to objects
        tables.append(_compact(rows))
    table = pd.concat([images, pd.concat(tables, ignore_index=True)], axis=1)
    table["bytes_per_pixel"] = table["size_bytes"] / (table["megapixels"] * 1e6)
    table["looks_like"] = join_near_pairs(hashes, is_usable)
    table["perceptual_hash"] = hashes_as_text(hashes, is_usable)
    num_readable = table.groupby("label")["is_readable"].sum()
    return Survey(table, {style: sums[style] / num_readable[style] for style in sorted(sums)})


_NUMBERS = [field.name for field in dataclasses.fields(PixelMeasures) if field.name != "border"]
_EMPTY_ROW: dict[str, Any] = {
    **dict.fromkeys(("is_readable", "has_exif", "is_progressive"), False),
    **dict.fromkeys(("fits_suffix", "ends_properly"), True),
    **dict.fromkeys(("reason", "decoder_warning", "file_format", "mode"), ""),
    **dict.fromkeys(("color_profile", "chroma_subsampling", "border"), ""),
    **dict.fromkeys(("stored_width_px", "stored_height_px", "num_frames", "jpeg_quality"), np.nan),
    **dict.fromkeys(("width_px", "height_px", "aspect", "megapixels"), np.nan),
    **dict.fromkeys(_NUMBERS, np.nan),
    "border_share": 0.0,
}


def _read_one(path: Path) -> tuple[dict[str, Any], np.ndarray | None, np.ndarray | None]:
    """Compute the row, the histogram and the hash, as 32 bytes, of one file, which is read once."""
    row = dict(_EMPTY_ROW)
    try:
        content = read_bytes(path)
        facts = read_file_facts(content)
        row.update(vars(facts))
        row["fits_suffix"] = suffix_fits(path.suffix, facts.file_format)
        row["megapixels"] = facts.stored_width_px * facts.stored_height_px / 1e6
        decoded = decode_image(content)
        measures, histogram = measure_pixels(decoded.pixels)
        found = perceptual_hash(content)
    except UnreadableImageError as error:
        return {**row, "reason": error.reason}, None, None
    height, width = decoded.pixels.shape[:2]
    row.update(is_readable=True, width_px=width, height_px=height, aspect=width / height)
    row.update({name: getattr(measures, name) for name in _NUMBERS})
    row["border"] = measures.border.kind
    row["border_share"] = float(np.mean(measures.border.shares))
    row["ends_properly"] = decoded.file_format != "JPEG" or jpeg_ends_properly(content)
    row["decoder_warning"] = decoded.decoder_warning
    return row, histogram, None if found is None else np.packbits(found)


def _compact(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Convert rows to columns, which take a tenth of the memory."""
    return pd.DataFrame(rows, columns=list(_EMPTY_ROW))
