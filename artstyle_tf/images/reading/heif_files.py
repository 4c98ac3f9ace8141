"""HEIC and HEIF, what phones make: read by pillow-heif where it is installed."""

from __future__ import annotations

import functools
import importlib.util

from artstyle_tf.images.reading.file_kinds import is_heif

HEIF_FORMAT = "HEIF"
"""Pillow's name of the format."""

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".heics", ".heifs", ".hif"})

_MOST_ZEROS_AT_THE_END = 64


@functools.cache
def has_heif() -> bool:
    """Whether pillow-heif is installed, which takes no time to ask."""
    return importlib.util.find_spec("pillow_heif") is not None


def opens_heif(content: bytes) -> bool:
    """Whether a file is HEIC or HEIF and Pillow has been taught to read it.

    Pillow is taught with the first such file, in each process anew: who has none pays nothing.
    """
    return is_heif(content) and has_heif() and _register()


@functools.cache
def _register() -> bool:
    try:
        import pillow_heif
    except ImportError:  # its library does not fit this machine
        return False
    # An embedded thumbnail may show something else; depth and gain maps are not used.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True


def fault_of_heif(heif: bytes) -> str | None:
    """Checks what libheif skips: it shows gray where tiles are missing or are zeros.

    Boxes of ISO/IEC 14496-12 say how long they are. The last byte of coded HEVC data is never zero
    (ITU-T H.265, 7.3.2.11: a stop bit ends it), but a download may have been given its size first.

    Args:
        heif: a file that libheif can open.
    """
    start, end_of_data = 0, 0
    while start + 8 <= len(heif):
        size, kind = int.from_bytes(heif[start : start + 4], "big"), heif[start + 4 : start + 8]
        if size == 1:  # then 64 bits follow
            size = int.from_bytes(heif[start + 8 : start + 16], "big")
        if size < 8:  # up to the end of the file
            size = len(heif) - start
        start += size
        if kind == b"mdat":
            end_of_data = start
    if end_of_data > len(heif):
        return f"the file is cut off ({end_of_data - len(heif)} bytes are missing)"
    data = heif[:end_of_data]
    num_zeros = len(data) - len(data.rstrip(b"\0"))
    if num_zeros > _MOST_ZEROS_AT_THE_END:
        return f"the file is cut off ({num_zeros} bytes at the end of its data are zeros)"
    return None
