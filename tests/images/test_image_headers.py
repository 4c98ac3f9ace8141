"""Headers are read inside a graph; the oracle is Pillow."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from artstyle_tf.images.reading.decoding import decode_unprepared_image
from artstyle_tf.images.reading.headers.reading import read_header, too_large
from artstyle_tf.images.reading.image_reading import decode_image as decode_by_pillow

PIXELS = np.random.default_rng(0).integers(0, 256, (15, 22, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)
LATER = [Image.fromarray(PIXELS // divisor) for divisor in (2, 3, 4)]


def encode(mode, file_format, **options):
    stream = io.BytesIO()
    RGB.convert(mode).save(stream, file_format, **options)
    return stream.getvalue()


def png(width, height, bits=8, color=2):
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(90)


def jpeg(width, height, *, before=b""):
    content = encode("RGB", "JPEG")
    place = content.index(b"\xff\xc0") + 5
    sized = content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]
    return sized[:2] + before + sized[2:]


def gif(width, height):
    content = encode("P", "GIF")
    image = content.index(b",\0\0\0\0")
    sides = struct.pack("<HH", width, height)
    return content[:6] + sides + content[10 : image + 5] + sides + content[image + 9 :]


def extended_webp(width, height, flags=0):
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + canvas
    body = b"WEBP" + chunk + encode("RGB", "WEBP", lossless=True)[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width, height):
    content = encode("RGB", "BMP")
    return content[:18] + struct.pack("<ii", width, height) + content[26:]


def read(content):
    """Width, height and fault."""
    header = read_header(tf.constant(content))
    return int(header.width), int(header.height), header.fault.numpy().decode()


THUMBNAIL = (
    b"\xff\xe1" + struct.pack(">H", 2 + 6 + 40) + b"Exif\0\0" + b"\xff\xc0\0\x11\x08\0\1\0\1" * 4
)
GOOD = {
    "JPEG": encode("RGB", "JPEG"),
    "JPEG, progressive": encode("RGB", "JPEG", progressive=True),
    "JPEG, gray": encode("L", "JPEG"),
    "JPEG, thumbnail with a header": jpeg(22, 15, before=THUMBNAIL + bytes(4)),
    "PNG": encode("RGB", "PNG"),
    "PNG, 1 bit": encode("1", "PNG"),
    "WebP, lossy": encode("RGB", "WEBP"),
    "WebP, lossless": encode("RGB", "WEBP", lossless=True),
    "WebP, transparent": encode("RGBA", "WEBP"),
    "WebP, extended": encode("RGB", "WEBP", exif=b"Exif\0\0II*\0"),
    "GIF": encode("P", "GIF"),
    "GIF, interlaced": encode("P", "GIF", interlace=1),
    "GIF, transparent": encode("P", "GIF", transparency=int(np.asarray(RGB.convert("P"))[3, 3])),
    "GIF, 2 colors": encode("1", "GIF"),
    "GIF, animated": encode("RGB", "GIF", save_all=True, append_images=LATER, loop=0),
    "GIF, comment": encode("P", "GIF", comment=b"x" * 700),
    "BMP": encode("RGB", "BMP"),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_the_size_is_read_and_the_image_is_decoded_as_by_pillow(content):
    assert read(content) == (22, 15, "")
    decoded = decode_unprepared_image(tf.constant(content)).numpy()
    expected = decode_by_pillow(content).pixels
    tolerance = 8 if content.startswith(b"\xff\xd8") else 0  # another decoder of JPEG
    assert np.abs(decoded.astype(int) - expected).max() <= tolerance


def test_a_large_later_image_of_a_gif_is_not_decoded():
    content = encode("P", "GIF")
    large = gif(65_535, 65_535)
    both = content[:-1] + large[large.index(b",\0\0\0\0") :]
    assert read(both) == (22, 15, "")
    assert read_header(tf.constant(both)).content.numpy() == content


def test_only_the_first_image_of_an_animation_is_kept():
    header = read_header(tf.constant(GOOD["GIF, animated"]))
    with Image.open(io.BytesIO(header.content.numpy())) as image:
        assert image.n_frames == 1
    with Image.open(io.BytesIO(GOOD["GIF, animated"])) as image:
        assert image.n_frames == 4


@pytest.mark.parametrize("length", [1, 100, 254, 255])
def test_data_blocks_of_any_length_are_followed(length):
    """Encoders differ: the data is split into other blocks, and other images follow."""
    content = encode("P", "GIF")
    start = content.index(b",\0\0\0\0") + 11
    data, position = b"", start
    while content[position]:
        data += content[position + 1 : position + 1 + content[position]]
        position += content[position] + 1
    blocks = [data[at : at + length] for at in range(0, len(data), length)]
    again = content[:start] + b"".join(bytes([len(b)]) + b for b in blocks)
    more = b"\0" + content[content.index(b",\0\0\0\0") :]
    decoded = decode_unprepared_image(tf.constant(again + more)).numpy()
    np.testing.assert_array_equal(decoded, decode_by_pillow(content).pixels)


FAULTY = {
    "nothing": (b"", "no image that is read here"),
    "text": (b"hello", "no image that is read here"),
    "GIF in a corner": (
        encode("P", "GIF")[:6] + struct.pack("<HH", 40, 40) + encode("P", "GIF")[10:],
        "does not fill its screen",
    ),
    "GIF without an image": (encode("P", "GIF")[:781] + b";", "without an image"),
    "GIF cut off": (encode("P", "GIF")[:-20], "without an end"),
    "GIF, only its mark": (b"GIF89a", "damaged"),
    "JPEG, only its mark": (b"\xff\xd8\xff", "no size"),
    "JPEG without a frame": (b"\xff\xd8\xff\xe0" + bytes(5000), "no size"),
    "JPEG of no height": (jpeg(22, 0), "no size"),
    "PNG, only its mark": (b"\x89PNG\r\n\x1a\n", "no size"),
    "PNG, another chunk first": (GOOD["PNG"][:12] + b"IDAT" + GOOD["PNG"][16:], "no size"),
    "BMP cut off": (GOOD["BMP"][:-5], "cut off"),
    "BMP, 1 bit": (encode("1", "BMP"), "24 bits"),
    "BMP, palette": (encode("P", "BMP"), "24 bits"),
    "BMP, compressed": (GOOD["BMP"][:30] + b"\1" + GOOD["BMP"][31:], "24 bits"),
    "WebP, only its mark": (b"RIFF\0\0\0\0WEBP", "no size"),
    "WebP, animated": (extended_webp(22, 15, flags=2), "an animated WebP"),
    "sound": (b"RIFF\x24\0\0\0WAVEfmt ", "no image that is read here"),
}


@pytest.mark.parametrize(("content", "fault"), FAULTY.values(), ids=FAULTY)
def test_faults_of_headers_are_reported(content, fault):
    assert fault in read(content)[2]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_unprepared_image(tf.constant(content))


BOMBS = {
    "JPEG": jpeg(65_500, 65_500),
    "JPEG behind stray bytes": jpeg(9000, 9000, before=b"\0" * 50 + b"\xff\xff\xff"),
    "PNG": png(10_000, 10_000),
    "PNG, 16 bits": png(10_000, 10_000, bits=16, color=6),
    "PNG, 1 bit": png(30_000, 10_000, bits=1, color=0),
    "PNG, as large as can be": png(2**32 - 1, 2**32 - 1),
    "PNG, thin": png(1, 24_000_000),
    "GIF": gif(65_535, 65_535),
    "BMP": bmp(2**31 - 1, -(2**31)) + bytes(50),
    "WebP, canvas": extended_webp(2**24, 2**24),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_detected_before_decoding(content):
    header = read_header(tf.constant(content))
    reason = too_large(header, 25_000_000).numpy().decode()
    assert reason.startswith("too large: ") or header.fault.numpy()


def test_the_limit_is_the_last_size_that_is_allowed():
    allowed = read_header(tf.constant(png(5000, 5000)))
    assert too_large(allowed, 25_000_000).numpy() == b""
    assert too_large(allowed, 24_999_999).numpy() == (
        b"too large: 5000 x 5000 pixels, more than 24999999"
    )
    assert too_large(read_header(tf.constant(png(16_384, 1))), 25_000_000).numpy() == b""
    assert (
        b"where a side may have 16384"
        in too_large(read_header(tf.constant(png(16_385, 1))), 25_000_000).numpy()
    )


def test_a_large_transparent_image_is_put_on_white_strip_by_strip(monkeypatch):
    content = encode("RGBA", "PNG")
    pixels = np.dstack([PIXELS, np.arange(330, dtype=np.uint8).reshape(15, 22)])
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    monkeypatch.setattr("artstyle_tf.images.reading.decoding._PIXELS_OF_A_STRIP", 4 * 22)
    for each in (content, stream.getvalue()):
        decoded = decode_unprepared_image(tf.constant(each)).numpy()
        np.testing.assert_array_equal(decoded, decode_by_pillow(each).pixels)
