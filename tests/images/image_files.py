"""Image files that Pillow cannot write: any TIFF, small ICC profiles, PNG chunk by chunk."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SHORT, _LONG, _BYTES = 3, 4, 7


def tiff(*pages: dict) -> bytes:
    """Encode a little-endian TIFF.

    Args:
        *pages: each with data (bytes), size (width, height), and tags by number: integers, tuples
            of integers, or bytes.
    """
    content = b"II*\0\0\0\0\0"
    link = 4
    for page in pages:
        width, height = page["size"]
        start = len(content)
        content += page["data"] + bytes(len(page["data"]) % 2)
        tags = {256: width, 257: height, 259: 1, 273: start, 277: 1, 278: height}
        tags |= {279: len(page["data"]), **page["tags"]}
        content += b"\0" * (len(content) % 2)
        entries, extra = b"", b""
        directory = len(content)
        extras_at = directory + 2 + 12 * len(tags) + 4
        for tag in sorted(tags):
            kind, count, value = _encoded(tags[tag])
            if len(value) > 4:
                value, extra = struct.pack("<I", extras_at + len(extra)), extra + value
            entries += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
        content = content[:link] + struct.pack("<I", directory) + content[link + 4 :]
        content += struct.pack("<H", len(tags)) + entries + bytes(4) + extra
        link = directory + 2 + len(entries)
    return content


def _encoded(value: object) -> tuple[int, int, bytes]:
    if isinstance(value, bytes):
        return _BYTES, len(value), value
    numbers = value if isinstance(value, tuple) else (value,)
    kind = _SHORT if max(numbers) < 2**16 else _LONG
    letter = "H" if kind == _SHORT else "I"
    return kind, len(numbers), struct.pack(f"<{len(numbers)}{letter}", *numbers)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Pack integers [H, W] of so many bits; each row starts at a byte."""
    each = (values[:, :, None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(each.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def png(
    size: tuple[int, int], depth: int, kind: int, rows: bytes, extra: bytes = b"", interlaced=0
) -> bytes:
    """Encode a PNG; rows include filter bytes, `extra` are chunks before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlaced)
    return png_of_chunks(header, zlib.compress(rows), extra)


def png_of_chunks(header: bytes, data: bytes, extra: bytes = b"") -> bytes:
    """Encode a PNG with the given pixel data, valid or not."""
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def chunk(kind: bytes, content: bytes) -> bytes:
    """Encode a chunk of a PNG with its checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


_SRGB_COLUMNS = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def icc_profile(color_space: str, *, gamma: float, name: str, columns=_SRGB_COLUMNS) -> bytes:
    """Encode a display profile with one gamma for all channels; "GRAY" or "RGB"."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    text = name.encode() + b"\0"
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(80)),
        (b"wtpt", _xyz((0.9642, 1, 0.8249))),
    ]
    if color_space == "GRAY":
        tags.append((b"kTRC", curve))
    else:
        tags += [
            (kind, _xyz(at)) for kind, at in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
        ]
        tags += [(kind, curve) for kind in (b"rTRC", b"gTRC", b"bTRC")]
    start = 128 + 4 + 12 * len(tags)
    table, contents = struct.pack(">I", len(tags)), b""
    for kind, content in tags:
        table += struct.pack(">4sII", kind, start + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    size = struct.pack(">I4xI", start + len(contents), 0x02400000)
    header = size + b"mntr" + color_space.ljust(4).encode() + b"XYZ "
    header = header.ljust(36, b"\0") + b"acsp" + bytes(28) + _xyz((0.9642, 1, 0.8249))[8:]
    return header.ljust(128, b"\0") + table + contents


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))
