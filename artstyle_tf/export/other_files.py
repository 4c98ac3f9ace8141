"""Encode one image in kinds of files that a server and preparation may decode differently."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

import numpy as np
from PIL import Image

_TURNED_BY_90_DEGREES = 6
_ORIENTATION_TAG = 0x0112
_LINEAR_SHIFT = 257  # 8 bits to 16 bits: 255 becomes 65535

# Primaries of Adobe RGB (1998) adapted to D50, its gamma, and the white point of profiles.
_PRIMARIES = {
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
    b"wtpt": (0.9642, 1.0, 0.8249),
}
_GAMMA = 2.19921875


def files_of_other_kinds(pixels: np.ndarray, *, max_side_px: int | None) -> Mapping[str, bytes]:
    """Encode an image in every kind of file that decoders treat differently.

    Args:
        pixels: uint8 [H, W, 3].
        max_side_px: to which preparation downscales larger images; None if it does not.

    Returns:
        Description of each kind -> content of the file.
    """
    image = Image.fromarray(pixels)
    turned = Image.Exif()
    turned[_ORIENTATION_TAG] = _TURNED_BY_90_DEGREES
    transparent = image.copy()
    transparent.putalpha(image.convert("L"))
    gray_16_bit = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * _LINEAR_SHIFT)
    profile = wide_gamut_profile()
    files = {
        "JPEG": _encoded(image, "JPEG", quality=95),
        "PNG": _encoded(image, "PNG"),
        "BMP": _encoded(image, "BMP"),
        "GIF, interlaced": _encoded(image.quantize(256), "GIF", interlace=1),
        "GIF, transparent": _encoded(image.quantize(255), "GIF", transparency=0),
        "PNG, transparent": _encoded(transparent, "PNG"),
        "PNG turned by EXIF": _encoded(image, "PNG", exif=turned),
        "WebP, lossless, turned by EXIF": _encoded(image, "WEBP", lossless=True, exif=turned),
        "JPEG turned by EXIF": _encoded(image, "JPEG", quality=95, exif=turned),
        "JPEG, progressive": _encoded(image, "JPEG", quality=95, progressive=True),
        "JPEG, gray": _encoded(image.convert("L"), "JPEG", quality=95),
        "JPEG, CMYK": _encoded(image.convert("CMYK"), "JPEG", quality=95),
        "WebP, lossy": _encoded(image, "WEBP", quality=90),
        "PNG, 16-bit grayscale": _encoded(gray_16_bit, "PNG"),
        "JPEG in Adobe RGB": _encoded(image, "JPEG", quality=95, icc_profile=profile),
        "PNG in Adobe RGB": _encoded(image, "PNG", icc_profile=profile),
    }
    if max_side_px is not None:
        side = 2 * max_side_px
        large = image.resize((side, side), Image.Resampling.BICUBIC)
        files[f"PNG of {side} x {side} pixels"] = _encoded(large, "PNG", compress_level=1)
    return files


def wide_gamut_profile() -> bytes:
    """Build a color profile with the primaries and the gamma of Adobe RGB.

    Source: ICC.1:2001-04, sections 6.1 and 6.5.
    """
    tags = {
        name: b"XYZ \0\0\0\0" + b"".join(map(_fixed_point, xyz)) for name, xyz in _PRIMARIES.items()
    }
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(_GAMMA * 256)) + bytes(2)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    title = b"wide gamut\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(title)) + title + bytes(79)
    tags[b"desc"] = described + bytes(-len(described) % 4)
    tags[b"cprt"] = b"text\0\0\0\0none" + bytes(4)
    table, content = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(content), len(value))
        content += value
    size = struct.pack(">I", start + len(content))
    head = size + bytes(4) + b"\x02\x40\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += b"".join(map(_fixed_point, (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content


def _fixed_point(number: float) -> bytes:
    """Encode a number as s15Fixed16Number."""
    return struct.pack(">i", round(number * 65536))


def _encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=file_format, **options)
    return buffer.getvalue()
