"""What is missing or damaged in a PNG that Pillow shows all the same.

Source: Portable Network Graphics, third edition (W3C 2025), sections 5, 8 and 10.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

# First column, first row, distance of columns, distance of rows; of each pass.
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_INFLATED_AT_ONCE = 2**20


@dataclass(frozen=True)
class PngFault:
    """What is wrong with a PNG.

    Attributes:
        message: what it is.
        reason: why the image cannot be used; "" if all of its pixels are there.
    """

    message: str
    reason: str = ""


def fault_of_png(png: bytes) -> PngFault | None:
    """Checks what Pillow skips: it shows damaged pixel data as noise, and what is missing as black.

    Args:
        png: a file whose header Pillow has read.

    Returns:
        What is wrong; None for a whole file.
    """
    view = memoryview(png)
    header = b""
    pixel_data: list[memoryview] = []
    start = len(_SIGNATURE)
    while start + 12 <= len(png):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        kind = bytes(view[start + 4 : start + 8])
        if end + 4 > len(png):
            return PngFault("a chunk ends early", "the file is cut off")
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return PngFault("wrong checksum", "the file is damaged (wrong checksum)")
        if kind == b"IHDR":
            header = bytes(view[start + 8 : end])
        elif kind == b"IDAT":
            pixel_data.append(view[start + 8 : end])
        start = end + 4
    if len(header) != 13:
        return None
    return _fault_of_pixel_data(pixel_data, _sizes_of_passes(header))


def _fault_of_pixel_data(pixel_data: list[memoryview], sizes: list[int]) -> PngFault | None:
    wanted, found = sum(sizes), 0
    inflater = zlib.decompressobj()
    try:
        for size in _inflated_sizes(inflater, pixel_data):
            found += size
            if found > wanted:
                break  # Whatever follows is not shown.
    except zlib.error:
        return PngFault("damaged pixel data", "the file is damaged (its pixel data is no deflate)")
    if found < wanted:
        missing = f"the lower {1 - found / wanted:.0%}" if len(sizes) == 1 else "parts of it"
        return PngFault("missing pixel data", f"the file is cut off: {missing} are missing")
    return None if inflater.eof else PngFault("its pixel data does not end properly")


def _inflated_sizes(inflater: zlib._Decompress, pixel_data: list[memoryview]) -> Iterator[int]:
    """Inflates in pieces, so that a small file cannot take much memory."""
    for data in pixel_data:
        rest: bytes | memoryview = data
        while rest and not inflater.eof:
            yield len(inflater.decompress(rest, _INFLATED_AT_ONCE))
            rest = inflater.unconsumed_tail
    while not inflater.eof and (more := inflater.decompress(b"", _INFLATED_AT_ONCE)):
        yield len(more)


def _sizes_of_passes(header: bytes) -> list[int]:
    """Bytes of each pass, one for images that are not interlaced, with a filter byte for a row."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, kind, interlacing = header[8], header[9], header[12]
    bits = depth * _CHANNELS.get(kind, 0)
    passes = _ADAM7 if interlacing else ((0, 0, 1, 1),)
    sizes = []
    for left, top, columns, rows in passes:
        across, down = -((left - width) // columns), -((top - height) // rows)
        sizes.append(down * (1 + (across * bits + 7) // 8) if across > 0 and down > 0 else 0)
    return sizes
