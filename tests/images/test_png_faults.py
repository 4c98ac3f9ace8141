"""PNG files with missing parts, which Pillow shows as black, or damage, which it shows as noise."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from image_files import png, png_of_chunks
from PIL import Image

from artstyle_tf.images.reading.image_reading import UnreadableImageError, decode_image

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
HEADER = struct.pack(">IIBBBBB", 50, 40, 8, 2, 0, 0, 0)
ROWS = b"".join(b"\0" + row.tobytes() for row in PIXELS)
DATA = zlib.compress(ROWS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (DATA[: len(DATA) // 2], "cut off: the lower 50% are missing"),
        (zlib.compress(ROWS[: len(ROWS) // 4]), "cut off: the lower 75% are missing"),
        (DATA[:-4] + b"abcd", "damaged"),
        (DATA[:2000] + bytes(100) + DATA[2100:], "damaged"),
        (DATA[:2000] + DATA[3000:], "damaged|cut off"),
        (b"", "cut off|cannot be decoded"),
    ],
)
def test_damage_under_right_checksums_is_found(data, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        decode_image(png_of_chunks(HEADER, data))


@pytest.mark.parametrize("data", [DATA[:-4], zlib.compress(ROWS + bytes(100))])
def test_an_image_with_all_its_pixels_is_used(data):
    decoded = decode_image(png_of_chunks(HEADER, data))
    np.testing.assert_array_equal(decoded.pixels, PIXELS)


def test_an_image_without_a_proper_end_of_its_data_is_written_anew():
    assert decode_image(png_of_chunks(HEADER, DATA)).is_plain
    decoded = decode_image(png_of_chunks(HEADER, DATA[:-4]))
    assert not decoded.is_plain
    assert decoded.decoder_warning


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (50, 40)])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("interlace", [0, 1])
def test_intact_images_of_every_kind_have_no_fault(size, mode, interlace):
    if mode == "I;16":
        image = Image.fromarray(np.zeros(size[::-1], np.uint16))
    else:
        image = Image.fromarray(PIXELS).resize(size).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", interlace=interlace)
    assert decode_image(buffer.getvalue()).decoder_warning == ""


def test_missing_passes_of_an_interlaced_image_are_found():
    # Width and height of the seven passes of 8 x 8 pixels.
    sizes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    whole = b"".join((b"\0" + bytes([9] * width)) * height for width, height in sizes)
    assert (decode_image(png((8, 8), 8, 0, whole, interlaced=1)).pixels == 9).all()
    with pytest.raises(UnreadableImageError, match="parts of it are missing"):
        decode_image(png((8, 8), 8, 0, whole[:-9], interlaced=1))


def test_a_small_file_takes_little_memory_to_check():
    header = struct.pack(">IIBBBBB", 50, 40, 8, 2, 0, 0, 0)
    decoded = decode_image(png_of_chunks(header, zlib.compress(ROWS + bytes(10**8))))
    np.testing.assert_array_equal(decoded.pixels, PIXELS)
