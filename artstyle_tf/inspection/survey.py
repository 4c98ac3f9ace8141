"""Read every image once and compute a table row of its properties."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import PIL

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
from artstyle_tf.system.content_cache import facts_of_contents
from artstyle_tf.system.progress import SILENT, Reporter

MEASURES = ("red", "green", "blue", "brightness", "contrast", "saturation", "sharpness")
"""Columns of a survey that describe the pixels of an image."""

_ROWS_AT_ONCE = 2000

# The second number is a version of what is measured.
_KIND = f"survey 1, Pillow {PIL.__version__}"


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
    with WorkerPool(num_workers) as pool:
        results = reporter.track(
            _surveyed(images, root, pool), total=len(images), description="Reading images"
        )
        for number, found in enumerate(results):
            rows.append(found.row)
            if len(rows) == _ROWS_AT_ONCE:
                tables.append(_compact(rows))
                rows = []
            if found.perceptual_hash is not None:
                hashes[number] = np.unpackbits(found.perceptual_hash, count=NUM_BITS)
                is_usable[number] = True
            if found.histogram is not None:
                style = images["label"].iloc[number]
                sums[style] = sums.get(style, np.zeros((3, NUM_BINS))) + found.histogram
    if rows:  # an empty table would change the others' bool columns to objects
        tables.append(_compact(rows))
    table = pd.concat([images, pd.concat(tables, ignore_index=True)], axis=1)
    table["fits_suffix"] = [
        not file_format or suffix_fits(Path(path).suffix, file_format)
        for path, file_format in zip(table["path"], table["file_format"], strict=True)
    ]
    table["bytes_per_pixel"] = table["size_bytes"] / (table["megapixels"] * 1e6)
    table["looks_like"] = join_near_pairs(hashes, is_usable)
    table["perceptual_hash"] = hashes_as_text(hashes, is_usable)
    num_readable = table.groupby("label")["is_readable"].sum()
    return Survey(table, {style: sums[style] / num_readable[style] for style in sorted(sums)})


_NUMBERS = [field.name for field in dataclasses.fields(PixelMeasures) if field.name != "border"]
_EMPTY_ROW: dict[str, Any] = {
    **dict.fromkeys(("is_readable", "has_exif", "is_progressive"), False),
    "ends_properly": True,
    **dict.fromkeys(("reason", "decoder_warning", "file_format", "mode"), ""),
    **dict.fromkeys(("color_profile", "chroma_subsampling", "border"), ""),
    **dict.fromkeys(("stored_width_px", "stored_height_px", "num_frames", "jpeg_quality"), np.nan),
    **dict.fromkeys(("width_px", "height_px", "aspect", "megapixels"), np.nan),
    **dict.fromkeys(_NUMBERS, np.nan),
    "border_share": 0.0,
}


class _SurveyedImage(NamedTuple):
    """What a survey finds in one file.

    Attributes:
        row: of the table, apart from what depends on the file's name.
        histogram: float32 [3, 64]; None if the image is not readable.
        perceptual_hash: uint8 [32]; None if it has none.
        is_as_indexed: whether the file still has the digest of the index.
    """

    row: dict[str, Any]
    histogram: np.ndarray | None = None
    perceptual_hash: np.ndarray | None = None
    is_as_indexed: bool = False

    def encoded(self) -> bytes | None:
        """Return bytes for the content cache, or None.

        None for another content than the digest's, and for images that cannot be read: another
        library may be installed by the next time.
        """
        if not (self.is_as_indexed and self.row["is_readable"]):
            return None
        arrays = {"histogram": self.histogram, "perceptual_hash": self.perceptual_hash}
        as_text = {
            name: None if array is None else base64.b64encode(array.tobytes()).decode()
            for name, array in arrays.items()
        }
        return json.dumps({"row": self.row, **as_text}).encode()

    @classmethod
    def decoded(cls, stored: bytes) -> _SurveyedImage:
        """Do the reverse."""
        values = json.loads(stored)
        histogram, packed = values["histogram"], values["perceptual_hash"]
        return cls(
            values["row"],
            None
            if histogram is None
            else np.frombuffer(base64.b64decode(histogram), np.float32).reshape(3, NUM_BINS),
            None if packed is None else np.frombuffer(base64.b64decode(packed), np.uint8),
        )


def _surveyed(images: pd.DataFrame, root: Path, pool: WorkerPool) -> Iterator[_SurveyedImage]:
    """Yield what is in each file; one with a content that is known is not read again."""
    digests = images["digest"].tolist()
    files = list(zip((root / path for path in images["path"]), digests, strict=True))
    return facts_of_contents(
        _KIND,
        digests,
        lambda numbers: pool.map(_read_one, [files[number] for number in numbers]),
        encode=_SurveyedImage.encoded,
        decode=_SurveyedImage.decoded,
    )


def _read_one(file: tuple[Path, str]) -> _SurveyedImage:
    """Survey one file, given with its digest; it is read once."""
    path, digest = file
    row = dict(_EMPTY_ROW)
    is_as_indexed = False
    try:
        content = read_bytes(path)
        is_as_indexed = hashlib.sha256(content).hexdigest() == digest
        facts = read_file_facts(content)
        row.update(vars(facts))
        row["megapixels"] = facts.stored_width_px * facts.stored_height_px / 1e6
        decoded = decode_image(content)
        measures, histogram = measure_pixels(decoded.pixels)
        found = perceptual_hash(content)
    except UnreadableImageError as error:
        return _SurveyedImage({**row, "reason": error.reason}, is_as_indexed=is_as_indexed)
    height, width = decoded.pixels.shape[:2]
    row.update(is_readable=True, width_px=width, height_px=height, aspect=width / height)
    row.update({name: getattr(measures, name) for name in _NUMBERS})
    row["border"] = measures.border.kind
    row["border_share"] = float(np.mean(measures.border.shares))
    row["ends_properly"] = decoded.file_format != "JPEG" or jpeg_ends_properly(content)
    row["decoder_warning"] = decoded.decoder_warning
    packed = None if found is None else np.packbits(found)
    return _SurveyedImage(row, histogram, packed, is_as_indexed)


def _compact(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Convert rows to columns, which take a tenth of the memory."""
    return pd.DataFrame(rows, columns=list(_EMPTY_ROW))
