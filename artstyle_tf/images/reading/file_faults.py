"""Missing or damaged parts of PNG and HEIF files that decoders show all the same.

Sources: Portable Network Graphics, third edition (W3C 2025), sections 5, 8 and 10; ISO/IEC 14496-12
(boxes); ITU-T H.265, 7.3.2.11.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column, first row, column step and row step of each pass.
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
_MAX_ZEROS_AT_END_OF_HEIF = 64


@dataclass(frozen=True)
class FileFault:
    """A flaw of a file.

    Attributes:
        message: of the decoder, or about the file's structure.
        reason: why the image cannot be used; "" if the flaw is not visible.
    """

    message: str
    reason: str = ""


def fault_of_png(png: bytes) -> FileFault | None:
    """Check what Pillow skips: it shows damaged pixel data as noise, and missing data as black.

    Returns:
        The flaw; None for an intact file. Pillow has read the header of `png` before.
    """
    view = memoryview(png)
    header = b""
    pixel_data: list[memoryview] = []
    start = len(_PNG_SIGNATURE)
    while start + 12 <= len(png):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        kind = bytes(view[start + 4 : start + 8])
        if end + 4 > len(png):
            return FileFault("a chunk ends early", "the file is cut off")
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return FileFault("wrong checksum", "the file is damaged (wrong checksum)")
        if kind == b"IHDR":
            header = bytes(view[start + 8 : end])
        elif kind == b"IDAT":
            pixel_data.append(view[start + 8 : end])
        start = end + 4
    if len(header) != 13:
        return None
    return _fault_of_pixel_data(pixel_data, _sizes_of_passes(header))


def _fault_of_pixel_data(pixel_data: list[memoryview], sizes: list[int]) -> FileFault | None:
    expected, found = sum(sizes), 0
    inflater = zlib.decompressobj()
    try:
        for size in _inflated_sizes(inflater, pixel_data):
            found += size
            if found > expected:
                break  # The rest is not shown.
    except zlib.error:
        return FileFault("damaged pixel data", "the file is damaged (its pixel data is no deflate)")
    if found < expected:
        missing = f"the lower {1 - found / expected:.0%}" if len(sizes) == 1 else "parts of it"
        return FileFault("missing pixel data", f"the file is cut off: {missing} are missing")
    return None if inflater.eof else FileFault("its pixel data does not end properly")


def _inflated_sizes(inflater: zlib._Decompress, pixel_data: list[memoryview]) -> Iterator[int]:
    """Inflate in pieces, so that a small file cannot take much memory."""
    for data in pixel_data:
        rest: bytes | memoryview = data
        while rest and not inflater.eof:
            yield len(inflater.decompress(rest, _INFLATED_AT_ONCE))
            rest = inflater.unconsumed_tail
    while not inflater.eof and (more := inflater.decompress(b"", _INFLATED_AT_ONCE)):
        yield len(more)


def _sizes_of_passes(header: bytes) -> list[int]:
    """Return the bytes of each pass, with a filter byte per row; one pass if not interlaced."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, kind, interlacing = header[8], header[9], header[12]
    bits = depth * _CHANNELS.get(kind, 0)
    passes = _ADAM7 if interlacing else ((0, 0, 1, 1),)
    sizes = []
    for left, top, columns, rows in passes:
        across, down = -((left - width) // columns), -((top - height) // rows)
        sizes.append(down * (1 + (across * bits + 7) // 8) if across > 0 and down > 0 else 0)
    return sizes


def fault_of_heif(heif: bytes) -> FileFault | None:
    """Check what libheif skips: it shows gray where tiles are missing or are zeros.

    Boxes contain their length. The last byte of coded HEVC data is never zero (a stop bit ends it),
    but an interrupted download may have the full size and zeros at its end.
    """
    start, end_of_data = 0, 0
    while start + 8 <= len(heif):
        size, kind = int.from_bytes(heif[start : start + 4], "big"), heif[start + 4 : start + 8]
        if size == 1:  # 64 bits follow
            size = int.from_bytes(heif[start + 8 : start + 16], "big")
        if size < 8:  # up to the end of the file
            size = len(heif) - start
        start += size
        if kind == b"mdat":
            end_of_data = start
    problem = ""
    if end_of_data > len(heif):
        problem = f"{end_of_data - len(heif)} bytes are missing"
    else:
        data = heif[:end_of_data]
        num_zeros = len(data) - len(data.rstrip(b"\0"))
        if num_zeros > _MAX_ZEROS_AT_END_OF_HEIF:
            problem = f"{num_zeros} bytes at the end of its data are zeros"
    return FileFault(problem, f"the file is cut off ({problem})") if problem else None
