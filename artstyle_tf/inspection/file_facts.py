"""Properties of an image's file, before any pixel is decoded."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms, JpegImagePlugin

from artstyle_tf.images.reading.file_kinds import HEIF_FORMAT, HEIF_SUFFIXES
from artstyle_tf.images.reading.image_reading import opened_image

_SUFFIXES = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "MPO": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png"},
    "WEBP": {".webp"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "DIB": {".bmp", ".dib"},
    "TIFF": {".tif", ".tiff"},
    "AVIF": {".avif"},
    HEIF_FORMAT: HEIF_SUFFIXES,
}
_SUBSAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
_NO_LIMIT = 10**18
_MARKER, _START_OF_SCAN = 0xFF, 0xDA
_END_OF_JPEG = b"\xff\xd9"

# The luminance table of the JPEG standard (annex K), of which encoders use multiples.
_STANDARD_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99],
    ]
).ravel()


@dataclass(frozen=True)
class FileFacts:
    """The properties in the header of a file.

    Attributes:
        file_format: Pillow's name of the format, e.g. "JPEG".
        mode: Pillow's name of the pixel type, e.g. "RGB", "L", "CMYK".
        stored_width_px: as stored, before any turn by EXIF.
        stored_height_px: as stored.
        num_frames: 1, or more for an animation and for a file of several images.
        color_profile: description of the embedded profile; "" for none.
        has_exif: whether the file has an EXIF block.
        jpeg_quality: estimate on the usual scale of 1 to 100; NaN for other formats.
        chroma_subsampling: of a JPEG, such as "4:2:0"; "" for other formats.
        is_progressive: of a JPEG.
    """

    file_format: str
    mode: str
    stored_width_px: int
    stored_height_px: int
    num_frames: int
    color_profile: str
    has_exif: bool
    jpeg_quality: float
    chroma_subsampling: str
    is_progressive: bool


def read_file_facts(content: bytes) -> FileFacts:
    """Read the header of an image of any size.

    Raises:
        UnreadableImageError: if it is no image.
    """
    with opened_image(content, max_pixels=_NO_LIMIT) as image:
        is_jpeg = image.format in ("JPEG", "MPO")
        return FileFacts(
            file_format=image.format or "",
            mode=image.mode,
            stored_width_px=image.width,
            stored_height_px=image.height,
            num_frames=_num_frames(image),
            color_profile=_describe_profile(image.info.get("icc_profile")),
            has_exif=bool(image.info.get("exif")),
            jpeg_quality=_jpeg_quality(image) if is_jpeg else np.nan,
            chroma_subsampling=_subsampling(image) if is_jpeg else "",
            is_progressive=is_jpeg and bool(image.info.get("progressive")),
        )


def suffix_fits(suffix: str, file_format: str) -> bool:
    """Return whether a name's suffix, with its dot and in any case, is one of the format's."""
    return suffix.lower() in _SUFFIXES.get(file_format, ())


def jpeg_ends_properly(jpeg: bytes) -> bool:
    """Return whether a JPEG that can be decoded has its end marker, which Pillow does not require.

    Previews in the header of the file have their own end, and cameras append data after the
    image's end.
    """
    position = 2
    while position + 4 <= len(jpeg):
        marker, kind = jpeg[position], jpeg[position + 1]
        if marker != _MARKER:
            return True  # not in the standard, but it was decoded
        if kind == _START_OF_SCAN:
            return jpeg.find(_END_OF_JPEG, position) != -1
        if kind == _MARKER:  # padding
            position += 1
        else:
            position += 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    return False


def estimate_jpeg_quality(luminance_table: np.ndarray) -> int:
    """Estimate libjpeg's quality, 1 to 100, that quantizes most like a table, int [64].

    Other encoders have other tables, for which it is the nearest equivalent.
    """
    return int(np.argmin(np.abs(_SUMS_BY_QUALITY - np.sum(luminance_table)))) + 1


def _sums_by_quality() -> np.ndarray:
    """Compute the sums of libjpeg's luminance table for the qualities 1 to 100."""
    sums = []
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        sums.append(np.clip((_STANDARD_TABLE * scale + 50) // 100, 1, 255).sum())
    return np.array(sums)


_SUMS_BY_QUALITY = _sums_by_quality()


def _jpeg_quality(image: Any) -> float:
    tables = getattr(image, "quantization", None)
    return float(estimate_jpeg_quality(np.asarray(tables[0]))) if tables and 0 in tables else np.nan


def _subsampling(image: Any) -> str:
    with contextlib.suppress(Exception):  # Pillow supports three kinds, and raises for others.
        return _SUBSAMPLING.get(JpegImagePlugin.get_sampling(image), "other")
    return "other"


def _num_frames(image: Image.Image) -> int:
    # To count them Pillow reads the whole file, which may be damaged.
    with contextlib.suppress(Exception):
        return int(getattr(image, "n_frames", 1))
    return 1


def _describe_profile(profile: Any) -> str:
    if not isinstance(profile, bytes) or not profile:
        return ""
    with contextlib.suppress(Exception):  # any damaged profile
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return " ".join(ImageCms.getProfileDescription(opened).split()) or "without a name"
    return "unreadable"
