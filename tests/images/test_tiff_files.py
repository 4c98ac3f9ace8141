"""TIFFs whose values Pillow misinterprets, or that are damaged."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib

import numpy as np
import pytest
from image_files import packed, tiff
from PIL import Image

from artstyle_tf.images.reading.image_reading import UnreadableImageError, decode_image

BITS, PHOTOMETRIC, SAMPLES, FORMAT = 258, 262, 277, 339
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
RAMP = np.linspace(0, 1, 16)[None].repeat(3, axis=0)
EXPECTED = np.round(RAMP[0] * 255).astype(int)


def gray_tiff(values, *, bits, white_is_zero=False, sample_format=UNSIGNED, **tags):
    data = values.tobytes() if bits in (8, 16, 32) else packed(values, bits)
    tags = {int(tag.removeprefix("tag_")): value for tag, value in tags.items()}
    tags |= {BITS: bits, PHOTOMETRIC: 0 if white_is_zero else 1, FORMAT: sample_format}
    return tiff({"data": data, "size": values.shape[::-1], "tags": tags})


def levels(content):
    pixels = decode_image(content).pixels
    np.testing.assert_array_equal(pixels, np.broadcast_to(pixels[:1, :, :1], pixels.shape))
    return pixels[0, :, 0].astype(int)


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize(
    ("dtype", "bits", "sample_format"),
    [
        (np.uint8, 2, UNSIGNED),
        (np.uint8, 4, UNSIGNED),
        (np.uint8, 8, UNSIGNED),
        (np.uint16, 10, UNSIGNED),
        (np.uint16, 12, UNSIGNED),
        (np.uint16, 14, UNSIGNED),
        (np.uint16, 16, UNSIGNED),
        (np.float32, 32, FLOAT),
    ],
)
def test_gray_of_all_depths_reaches_from_black_to_white(dtype, bits, sample_format, white_is_zero):
    scale = 1 if sample_format == FLOAT else 2**bits - 1
    ramp = RAMP if sample_format == FLOAT else np.round(RAMP * scale) / scale
    stored = 1 - ramp if white_is_zero else ramp
    values = (stored * scale if sample_format == FLOAT else np.round(stored * scale)).astype(dtype)
    content = gray_tiff(values, bits=bits, white_is_zero=white_is_zero, sample_format=sample_format)
    expected = np.round(ramp[0] * 255)
    if bits in (10, 14) or (bits == 12 and white_is_zero):
        with pytest.raises(UnreadableImageError, match="not read here"):
            decode_image(content)
    else:
        np.testing.assert_allclose(levels(content), expected, atol=0.5)


@pytest.mark.parametrize(
    ("dtype", "sample_format", "highest"),
    [
        (np.uint32, UNSIGNED, 2**32 - 1),
        (np.int32, SIGNED, 2**31 - 1),
        (np.int16, SIGNED, 2**15 - 1),
        (np.int8, SIGNED, 2**7 - 1),
    ],
)
def test_long_and_signed_integers_do_not_fold(dtype, sample_format, highest):
    values = np.round(RAMP * highest).astype(dtype)
    content = gray_tiff(values, bits=values.itemsize * 8, sample_format=sample_format)
    np.testing.assert_allclose(levels(content), EXPECTED, atol=1)


@pytest.mark.parametrize(("dtype", "bits"), [(np.int8, 8), (np.int16, 16), (np.int32, 32)])
def test_negative_numbers_are_the_darkest(dtype, bits):
    values = np.array([[-100, 0, 100]], dtype)
    content = gray_tiff(values, bits=bits, sample_format=SIGNED)
    np.testing.assert_array_equal(levels(content), [0, 128, 255])


@pytest.mark.parametrize(("declared", "brightest"), [(4095, 255), (16383, 64), (4000, 16)])
def test_twelve_bits_in_sixteen_are_used_where_declared(declared, brightest):
    values = np.round(RAMP * 4095).astype(np.uint16)
    assert levels(gray_tiff(values, bits=16, tag_281=declared)).max() == brightest


def page(value, *, size=(16, 3), **tags):
    tags = {int(tag.removeprefix("tag_")): number for tag, number in tags.items()}
    data = bytes([value]) * (size[0] * size[1])
    return {"data": data, "size": size, "tags": {BITS: 8, PHOTOMETRIC: 1, **tags}}


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ((page(9, size=(8, 2), tag_254=1), page(200)), 200),
        ((page(9, size=(8, 2), tag_255=2), page(200, tag_255=1)), 200),
        ((page(9, tag_254=4), page(9, size=(8, 2), tag_254=1), page(200)), 200),
        ((page(200), page(9, size=(8, 2), tag_254=1)), 200),
        ((page(200, tag_254=2), page(9, tag_254=2)), 200),  # pages of a document
        ((page(200, tag_254=1), page(9, tag_254=1)), 200),  # nothing but thumbnails
    ],
)
def test_the_first_page_of_full_resolution_is_the_image(pages, expected):
    decoded = decode_image(tiff(*pages))
    assert decoded.pixels.shape == (3, 16, 3)
    assert (decoded.pixels == expected).all()


@pytest.mark.parametrize(("samples", "photometric"), [(3, 2), (4, 5)])
def test_deep_channels_that_are_stored_apart_are_rejected(samples, photometric):
    # Pillow reads every second byte of them.
    plane = np.full((3, 16), 40_000, np.uint16).tobytes()
    tags = {BITS: (16,) * samples, PHOTOMETRIC: photometric, SAMPLES: samples, 284: 2}
    starts = tuple(8 + len(plane) * number for number in range(samples))
    tags |= {273: starts, 279: (len(plane),) * samples}
    content = tiff({"data": plane * samples, "size": (16, 3), "tags": tags})
    with pytest.raises(UnreadableImageError, match="a TIFF of 16 bits whose channels"):
        decode_image(content)


def test_gray_with_premultiplied_alpha_is_put_on_white():
    data = bytes([100, 128]) * 48
    tags = {BITS: (8, 8), PHOTOMETRIC: 1, SAMPLES: 2, 338: 1}
    decoded = decode_image(tiff({"data": data, "size": (16, 3), "tags": tags}))
    np.testing.assert_allclose(decoded.pixels, 100 + 255 - 128, atol=2)


def textured(height=64, width=64):
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    ramp = np.linspace(40, 200, width)[None, :, None]
    return Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8))


def test_damaged_deflate_is_rejected_by_its_checksum():
    pixels = np.asarray(textured())
    whole = zlib.compress(pixels.tobytes())
    tags = {BITS: (8, 8, 8), PHOTOMETRIC: 2, SAMPLES: 3, 259: 8}
    for data in (whole[:-4] + b"abcd", whole[: len(whole) // 2]):
        content = tiff({"data": data, "size": (64, 64), "tags": tags})
        with pytest.raises(UnreadableImageError, match="damaged: 1 of the 1 parts"):
            decode_image(content)
    decoded = decode_image(tiff({"data": whole, "size": (64, 64), "tags": tags}))
    np.testing.assert_array_equal(decoded.pixels, pixels)


def test_a_cut_jpeg_in_a_tiff_is_rejected():
    buffer = io.BytesIO()
    textured().save(buffer, "TIFF", compression="jpeg")
    content = bytearray(buffer.getvalue())
    decode_image(bytes(content))
    with Image.open(io.BytesIO(content)) as image:
        (start,), (count,) = image.tag_v2[273], image.tag_v2[279]
    content[start + count // 2 : start + count // 2 + 2] = b"\xff\xd9"
    with pytest.raises(UnreadableImageError, match="damaged: 1 of the 1 parts"):
        decode_image(bytes(content))


def test_what_libtiff_prints_becomes_the_reason(tmp_path):
    """Runs in a separate process, because libtiff writes to the file descriptor itself."""
    buffer = io.BytesIO()
    textured().save(buffer, "TIFF", compression="tiff_lzw")
    content = bytearray(buffer.getvalue())
    with Image.open(io.BytesIO(content)) as image:
        middle = image.tag_v2[273][0] + image.tag_v2[279][0] // 2
    content[middle : middle + 60] = bytes(60)
    file = tmp_path / "damaged.tif"
    file.write_bytes(content)
    program = (
        "import sys, pathlib\n"
        "from artstyle_tf.images.reading.image_reading import read_image\n"
        "from artstyle_tf.images.reading.image_reading import UnreadableImageError\n"
        "try:\n    read_image(pathlib.Path(sys.argv[1]))\n"
        "except UnreadableImageError as error:\n    print(error.reason)\n"
        "print('still here', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("the file is damaged (")
    assert done.stderr == "still here\n"
