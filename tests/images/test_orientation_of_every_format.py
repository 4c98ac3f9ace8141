"""The graph applies the same orientations as preparation, wherever the file stores them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, PngImagePlugin

from artstyle_tf.images.reading.decoding import decode_unprepared_image
from artstyle_tf.images.reading.image_reading import decode_image as decode_by_pillow

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
IMAGE = Image.fromarray(PIXELS)
EXIF = b"Exif\0\0"


def encode(file_format, **options):
    stream = io.BytesIO()
    IMAGE.save(stream, file_format, **options)
    return stream.getvalue()


def exif(number, *, big_endian=False, kind=3, count=1, before=0):
    """Encode a TIFF header with one directory; `before` other tags in it."""
    order = ">" if big_endian else "<"
    entries = [struct.pack(f"{order}HHII", 0x0100 + each, 4, 1, 7) for each in range(before)]
    value = struct.pack(f"{order}HH", number, 0) if kind == 3 else struct.pack(f"{order}I", number)
    entries.append(struct.pack(f"{order}HHI", 0x0112, kind, count) + value)
    mark = b"MM\0*" if big_endian else b"II*\0"
    head = struct.pack(f"{order}IH", 8, len(entries))
    return mark + head + b"".join(entries) + bytes(4)


def xmp(number, *, as_element=False):
    noted = f'tiff:Orientation="{number}"'
    if as_element:
        noted = f"><tiff:Orientation>{number}</tiff:Orientation"
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf {noted}></rdf></x:xmpmeta>".encode()


def png_with(*chunks, at_the_end=False):
    content = encode("PNG")
    place = len(content) - 12 if at_the_end else 33
    made = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return content[:place] + made + content[place:]


def jpeg_with(*segments):
    content = encode("JPEG", quality=95, subsampling=0)
    made = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data
        for marker, data in segments
    )
    return content[:2] + made + content[2:]


def webp_with(*, flags, chunks):
    """Encode a WebP of the extended format with chunks after the pixels."""
    plain = encode("WEBP", lossless=True)
    height, width = PIXELS.shape[:2]
    canvas = bytes([flags, 0, 0, 0]) + struct.pack("<I", width - 1)[:3]
    parts = [(b"VP8X", canvas + struct.pack("<I", height - 1)[:3])]
    body = b"".join(n + struct.pack("<I", len(d)) + d + bytes(len(d) % 2) for n, d in parts)
    body += plain[12:]
    body += b"".join(n + struct.pack("<I", len(d)) + d + bytes(len(d) % 2) for n, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _itxt(number):
    return b"XML:com.adobe.xmp" + bytes(5) + xmp(number)


XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
FILES = {
    **{f"PNG {n}": png_with((b"eXIf", exif(n))) for n in range(1, 9)},
    **{f"WebP {n}": encode("WEBP", lossless=True, exif=EXIF + exif(n)) for n in range(1, 9)},
    "PNG, big endian": png_with((b"eXIf", exif(6, big_endian=True))),
    "PNG, behind the pixels": png_with((b"eXIf", exif(6)), at_the_end=True),
    "PNG, with the prefix of JPEG": png_with((b"eXIf", EXIF + exif(8))),
    "PNG, far behind": png_with((b"teXt", bytes(300_000)), (b"eXIf", exif(6))),
    "PNG, XMP": png_with((b"iTXt", _itxt(6))),
    "PNG, EXIF before XMP": png_with((b"iTXt", _itxt(3)), (b"eXIf", exif(6))),
    "PNG, no number": png_with((b"eXIf", exif(9)), (b"iTXt", _itxt(6))),
    "PNG, two numbers": png_with((b"eXIf", exif(6, count=2))),
    "PNG, long number": png_with((b"eXIf", exif(6, kind=4, big_endian=True))),
    "PNG, many tags": png_with((b"eXIf", exif(6, before=18))),
    "WebP, big endian": encode("WEBP", lossless=True, exif=exif(6, big_endian=True)),
    "WebP, odd chunk before": webp_with(flags=8, chunks=[(b"ODD ", b"x"), (b"EXIF", exif(6))]),
    "WebP, not announced": webp_with(flags=0, chunks=[(b"EXIF", exif(6))]),
    "WebP, XMP": webp_with(flags=4, chunks=[(b"XMP ", xmp(8))]),
    "WebP, XMP not announced": webp_with(flags=0, chunks=[(b"XMP ", xmp(8))]),
    "WebP, two": webp_with(flags=8, chunks=[(b"EXIF", exif(6)), (b"EXIF", exif(3))]),
    "JPEG, far behind": jpeg_with(*[(0xE2, bytes(65_000))] * 4, (0xE1, EXIF + exif(6))),
    "JPEG, XMP": jpeg_with((0xE1, XMP_IN_JPEG + xmp(6))),
    "JPEG, XMP element": jpeg_with((0xE1, XMP_IN_JPEG + xmp(8, as_element=True))),
    "JPEG, upright by EXIF": jpeg_with((0xE1, XMP_IN_JPEG + xmp(6)), (0xE1, EXIF + exif(1))),
    "JPEG, fill bytes": jpeg_with((0xE1, EXIF + exif(6))).replace(
        b"\xff\xe1", b"\xff" * 4 + b"\xe1"
    ),
    "JPEG, in a comment": jpeg_with((0xFE, EXIF + exif(6))),
    "JPEG, long number": jpeg_with((0xE1, EXIF + exif(6, kind=4, big_endian=True))),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_is_turned_as_preparation_turns_it(content):
    turned = decode_unprepared_image(tf.constant(content)).numpy()
    expected = decode_by_pillow(content).pixels
    assert turned.shape == expected.shape
    # The two decoders of JPEG differ by some levels.
    tolerance = 8 if content.startswith(b"\xff\xd8") else 0
    assert np.abs(turned.astype(int) - expected).max() <= tolerance


def test_the_files_are_not_all_upright():
    """The oracle is only useful if it rotates some images."""
    upright = sum(decode_by_pillow(content).pixels.shape[0] == 12 for content in FILES.values())
    assert 10 < upright < len(FILES) - 20


def test_pillow_writes_the_chunk_that_is_read():
    info = PngImagePlugin.PngInfo()
    number = Image.Exif()
    number[0x0112] = 6
    content = encode("PNG", exif=number, pnginfo=info)
    assert decode_unprepared_image(tf.constant(content)).shape == (20, 12, 3)
