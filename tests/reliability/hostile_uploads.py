"""Small files that cost a server much: bombs of all formats, truncated files, two files in one."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from hostile_images import (
    encoded,
    gif_of_frames,
    mutated,
    ordinary_files,
    png_of_nothing,
    special_files,
    truncations,
)
from PIL import Image

# Kinds of PNG: color, bits of a channel, channels.
_PNG_KINDS = [
    *((0, bits, 1) for bits in (1, 2, 4, 8, 16)),
    *((2, bits, 3) for bits in (8, 16)),
    *((3, bits, 1) for bits in (1, 2, 4, 8)),
    *((4, bits, 2) for bits in (8, 16)),
    *((6, bits, 4) for bits in (8, 16)),
]
_SIDES = [(5001, 5001), (10_000, 10_000), (65_535, 65_535), (2**31 - 1, 2**31 - 1), (24_000_000, 1)]


def hostile_uploads(count: int, *, seed: int = 0) -> Iterator[bytes]:
    """Yield `count` files, which depend on the seed only."""
    generator = np.random.default_rng(seed)
    ordinary = list(ordinary_files(seed).values())
    cut = [part for content in ordinary for part in truncations(content)]
    made = itertools.chain(bombs(), special_files().values(), _two_in_one(ordinary), cut)
    fixed = list(itertools.islice(made, count))
    yield from fixed
    for _ in range(count - len(fixed)):
        one, other = generator.integers(len(ordinary), size=2)
        yield mutated(ordinary[one], ordinary[other], generator)


def bombs() -> Iterator[bytes]:
    """Yield files with huge sizes in the header, or huge content that is small on disk."""
    for (color, bits, channels), (width, height) in itertools.product(_PNG_KINDS, _SIDES):
        yield _png_of_size(width, height, color=color, bits=bits, channels=channels)
    # As in the reports: these are whole, so that a decoder would go on to the end.
    yield png_of_nothing(10_000, 10_000, color=6, width=4, filled=True)
    yield encoded(Image.new("1", (14_000, 14_000)), "PNG")
    rgb = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    for mode, progressive in itertools.product(("L", "RGB", "CMYK"), (False, True)):
        jpeg = encoded(rgb.convert(mode), "JPEG", progressive=progressive)
        for width, height in _SIDES[:3]:
            yield _jpeg_of_size(jpeg, width % 65_536, height % 65_536)
    for options in ({}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}):
        webp = encoded(rgb, "WEBP", **options)
        yield from _webps_of_size(webp)
    bmp = encoded(rgb, "BMP")
    for (width, height), bits in itertools.product(_SIDES, (1, 4, 8, 16, 24, 32)):
        sides = struct.pack("<Ii", width % 2**31, -(height % 2**31))
        yield bmp[:18] + sides + bmp[26:28] + struct.pack("<H", bits) + bmp[30:]
    gif = encoded(rgb.convert("P"), "GIF")
    frame = gif[gif.index(b",\0\0\0\0") : -1]
    yield gif[:-1] + frame * 3000 + b";"
    large = encoded(Image.new("P", (4000, 4000)), "GIF")
    yield large[:-1] + large[large.index(b",\0\0\0\0") : -1] * 300 + b";"
    for width, height in _SIDES[:3]:
        sides = struct.pack("<HH", width % 65_536, height % 65_536)
        yield gif[:6] + sides + gif[10:-1] + b",\0\0\0\0" + sides + frame[9:] + b";"
    yield gif_of_frames(30_000)
    # Data blocks of one byte, which cannot be skipped many at a time.
    yield gif[:13] + b"!\xfe" + b"".join(b"\1x\2xy" for _ in range(200_000)) + b"\0" + gif[13:]


def files_at_the_limit(side_px: int = 5000) -> list[bytes]:
    """Return the largest images that are decoded, in each format; small on disk."""
    size = (side_px, side_px)
    turned = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x07\0\0\0\0\0\0"
    return [
        png_of_nothing(side_px, side_px, color=6, bits=16, width=8, filled=True),
        encoded(Image.new("RGBA", size), "PNG", exif=turned, compress_level=1),
        encoded(Image.new("RGB", size), "JPEG", progressive=True, subsampling=0),
        encoded(Image.new("CMYK", size), "JPEG", progressive=True),
        encoded(Image.new("RGBA", size), "WEBP", method=0),
        encoded(Image.new("P", size), "GIF"),
    ]


def _two_in_one(ordinary: list[bytes]) -> Iterator[bytes]:
    """Yield one file after another, and one file with the start of another."""
    for one, other in itertools.permutations(ordinary[:1] + ordinary[5:6] + ordinary[11:18:2], 2):
        yield one + other
        yield other[:16] + one[16:]
        yield b"%PDF-1.4\n" + one
        yield one[: len(one) // 2] + other


def _png_of_size(width: int, height: int, *, color: int, bits: int, channels: int) -> bytes:
    """Encode a PNG with valid header and checksum whose rows of zeros end early."""
    content = png_of_nothing(64, 64, color=color, bits=bits, width=channels * max(bits // 8, 1))
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def _jpeg_of_size(jpeg: bytes, width: int, height: int) -> bytes:
    place = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2")) + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def _webps_of_size(webp: bytes) -> Iterator[bytes]:
    """Yield a WebP with maximal canvas and image size, and one marked as animated."""
    stream = io.BytesIO(webp)
    content = bytearray(stream.getvalue())
    if content[12:16] == b"VP8X":
        for flags in (content[20], content[20] | 2, 0):
            yield bytes(content[:20]) + bytes([flags]) + b"\0\0\0" + b"\xff" * 6 + content[30:]
        return
    if content[12:16] == b"VP8L":
        yield bytes(content[:21]) + b"\xff\xff\xff\x0f" + bytes(content[25:])
        return
    yield bytes(content[:26]) + b"\xff\x3f\xff\x3f" + bytes(content[30:])
