"""What is wrong with a file that cannot be used as a picture, in a few words."""

from __future__ import annotations

import zlib

from artstyle_tf.data.file_kinds import HEAD_BYTES, HEIC, kind_of
from artstyle_tf.data.heif_files import has_heif

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def fault_of_png(png: bytes) -> str | None:
    """Checks what Pillow skips: it shows damaged pixel data as noise where others give up."""
    view = memoryview(png)
    start = len(_PNG_SIGNATURE)
    while start + 12 <= len(png):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        if end + 4 > len(png):
            return "the file is cut off"
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return "the file is damaged (wrong checksum)"
        start = end + 4
    return None


def what_it_is_instead(content: bytes) -> str:
    """What a file is that no decoder can open."""
    kind = kind_of(content[:HEAD_BYTES])
    if kind is None:
        return (
            "not a picture in a format that is read here"
            " (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC)"
        )
    if kind.is_read or (kind is HEIC and has_heif()):
        return f"cannot be decoded: it begins like {kind.name}, but is damaged"
    return str(kind)


def why_it_failed(error: Exception) -> str:
    """What a decoder's error means."""
    details = str(error) or type(error).__name__
    if any(word in details.lower() for word in ("truncated", "unexpected end", "eof")):
        return f"the file is cut off ({details})"
    return f"cannot be decoded: {details}"
