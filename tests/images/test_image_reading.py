"""Every kind of image file is read correctly, or rejected with a reason."""

from __future__ import annotations

import io
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from artstyle_tf.images.reading.image_reading import (
    DecodedImage,
    UnreadableImageError,
    decode_image,
    read_image,
)

HEIGHT, WIDTH = 48, 64
_ROWS, _COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
PIXELS = np.stack([_COLUMNS * 4, _ROWS * 5, _ROWS + _COLUMNS], axis=-1).astype(np.uint8)
IMAGE = Image.fromarray(PIXELS)


def _encoded(image: Image.Image = IMAGE, file_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def _mean_difference(image: DecodedImage, expected: np.ndarray = PIXELS) -> float:
    assert image.pixels.dtype == np.uint8
    assert image.pixels.shape == expected.shape
    return float(np.abs(image.pixels.astype(int) - expected.astype(int)).mean())


@pytest.mark.parametrize(
    ("file_format", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 1),
        ("JPEG", {"quality": 95, "progressive": True}, 1),
        ("PNG", {}, 0),
        ("PNG", {"interlace": 1}, 0),
        ("WEBP", {"quality": 90}, 3),
        ("WEBP", {"lossless": True}, 0),
        ("GIF", {}, 8),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("AVIF", {"quality": 90}, 3),
        ("MPO", {"quality": 95, "save_all": True, "append_images": [IMAGE.rotate(180)]}, 1),
    ],
)
def test_formats(file_format, options, tolerance):
    image = decode_image(_encoded(file_format=file_format, **options))
    assert image.file_format == file_format
    assert _mean_difference(image) <= tolerance


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk(file_format):
    assert _mean_difference(decode_image(_encoded(IMAGE.convert("CMYK"), file_format))) <= 1


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette(file_format):
    palette = IMAGE.quantize(32)
    expected = np.asarray(palette.convert("RGB"))
    assert _mean_difference(decode_image(_encoded(palette, file_format)), expected) == 0


@pytest.mark.parametrize("transparency", [0, bytes([0] * 1 + [255] * 31)])
def test_palette_with_transparency_is_put_on_white(transparency):
    palette = IMAGE.quantize(32)
    expected = np.asarray(palette.convert("RGB")).copy()
    expected[np.asarray(palette) == 0] = 255
    content = _encoded(palette, transparency=transparency)
    assert _mean_difference(decode_image(content), expected) == 0


@pytest.mark.parametrize(("mode", "file_format"), [("1", "PNG"), ("1", "TIFF"), ("L", "JPEG")])
def test_gray(mode, file_format):
    gray = IMAGE.convert(mode)
    image = decode_image(_encoded(gray, file_format))
    assert _mean_difference(image, np.asarray(gray.convert("RGB"))) <= 1
    assert not image.is_plain


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_transparency_is_put_on_white(mode, file_format):
    opacity = np.zeros((HEIGHT, WIDTH), np.uint8)
    opacity[:, WIDTH // 2 :] = 255
    with_alpha = IMAGE.copy()
    with_alpha.putalpha(Image.fromarray(opacity))
    expected = np.asarray(IMAGE.convert("L" if mode == "LA" else "RGB").convert("RGB")).copy()
    expected[:, : WIDTH // 2] = 255
    options = {"lossless": True} if file_format == "WEBP" else {}
    image = decode_image(_encoded(with_alpha.convert(mode), file_format, **options))
    assert _mean_difference(image, expected) <= 0.5
    assert not image.is_plain


def test_half_transparent_is_half_white():
    half = Image.new("RGBA", (5, 5), (0, 100, 200, 128))
    np.testing.assert_allclose(decode_image(_encoded(half)).pixels[0, 0], [127, 177, 227], atol=1)


def test_transparent_color_of_an_rgb_png_is_put_on_white():
    image = decode_image(_encoded(Image.new("RGB", (4, 4), (1, 2, 3)), transparency=(1, 2, 3)))
    assert image.pixels.min() == 255
    assert not image.is_plain


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bits_use_their_whole_range(file_format):
    values = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    image = decode_image(_encoded(Image.fromarray(values), file_format))
    expected = np.round(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(image.pixels, np.repeat(expected[:, :, None], 3, axis=2))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 200.0]], np.float32), [0, 100, 200]),
        (np.array([[0.0, 257.0, 65535.0]], np.float32), [0, 1, 255]),
        (np.array([[-1.0, 0.0, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, np.inf, 1.0]], np.float32), [0, 0, 255]),
        (np.array([[0, 100, 200]], np.int32), [0, 100, 200]),
        (np.array([[0, 257, 65535]], np.int32), [0, 1, 255]),
        (np.array([[0, 500_000, 1_000_000]], np.int32), [0, 128, 255]),
        (np.zeros((1, 3), np.float32), [0, 0, 0]),
    ],
)
def test_floats_and_long_integers(values, expected):
    image = decode_image(_encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(image.pixels[0, :, 0], expected)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(file_format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = _encoded(file_format=file_format, exif=exif)
    with Image.open(io.BytesIO(content)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    image = decode_image(content)
    assert _mean_difference(image, expected) == 0
    assert image.pixels.shape[0] == (WIDTH if orientation > 4 else HEIGHT)
    assert image.is_plain == (orientation == 1 and file_format in ("JPEG", "PNG"))


def test_damaged_exif_is_no_reason_to_reject():
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01\x03\x00\x01\x00"
    assert _mean_difference(decode_image(_encoded(file_format="JPEG", exif=exif))) < 3


def test_first_frame_of_several():
    others = [Image.new("RGB", IMAGE.size, "white")]
    for file_format in ("GIF", "PNG", "WEBP", "TIFF"):
        content = _encoded(file_format=file_format, save_all=True, append_images=others)
        image = decode_image(content)
        assert _mean_difference(image) < 8
        assert not image.is_plain


def test_color_profiles_are_followed():
    # Red and green swapped: a decoder that ignores the profile returns the wrong colors.
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(srgb[start : start + 4]): start for start in range(132, 132 + 12 * 20, 12)}
    red, green = tags[b"rXYZ"] + 4, tags[b"gXYZ"] + 4
    srgb[red : red + 4], srgb[green : green + 4] = srgb[green : green + 4], srgb[red : red + 4]
    swapped = bytes(srgb).replace("sRGB".encode("utf-16-be"), "abcd".encode("utf-16-be"))

    image = decode_image(_encoded(icc_profile=swapped))
    assert _mean_difference(image, PIXELS[:, :, [1, 0, 2]]) < 2
    assert not image.is_plain


@pytest.mark.parametrize("profile", ["sRGB", "unreadable", "of another kind"])
def test_color_profiles_that_change_nothing(profile):
    content = {
        "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "unreadable": b"nonsense",
        "of another kind": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    }[profile]
    image = decode_image(_encoded(icc_profile=content))
    assert _mean_difference(image) == 0
    assert image.is_plain == (profile != "of another kind")


def test_lab_tiff():
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(IMAGE, transform)
    assert _mean_difference(decode_image(_encoded(lab, "TIFF"))) < 2


def test_sixteen_bit_color_is_not_plain():
    rows = b"".join(
        b"\x00" + np.repeat(row, 2, axis=-1).astype(np.uint8).tobytes() for row in PIXELS
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    image = decode_image(_png(header, zlib.compress(rows)))
    assert _mean_difference(image) == 0
    assert not image.is_plain


def test_content_decides_not_the_suffix(tmp_path):
    misnamed = tmp_path / "image.jpg"
    misnamed.write_bytes(_encoded())
    np.testing.assert_array_equal(read_image(misnamed), PIXELS)


def test_plain_and_lossy():
    assert decode_image(_encoded()).is_plain
    assert decode_image(_encoded(file_format="JPEG")).is_plain
    lossy = {"JPEG": {}, "WEBP": {}, "AVIF": {}}
    for file_format, options in lossy.items():
        assert decode_image(_encoded(file_format=file_format, **options)).is_lossy
    for file_format, options in {"PNG": {}, "BMP": {}, "WEBP": {"lossless": True}}.items():
        assert not decode_image(_encoded(file_format=file_format, **options)).is_lossy


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello", "not an image in a format"),
        (b"\xff\xd8\xff", "not an image|cut off|cannot be decoded"),
        (b"  <!DOCTYPE html><html>", "not an image but a web page"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (b"%PDF-1.7", "a PDF document, not read here; export it"),
        (_encoded(file_format="EPS"), "PostScript, not read here; export it"),
        (_encoded(file_format="JPEG")[:400], "cut off"),
        (_encoded(file_format="JPEG")[:-30], "cut off"),
        (_encoded()[:-60], "cut off"),
        (_encoded()[:-20], "cut off"),
        (_encoded(file_format="GIF")[:-300], "cut off"),
        (_encoded(file_format="BMP")[:-300], "cut off"),
        (_encoded(file_format="TIFF")[:-300], "cut off|cannot be decoded"),
        (_encoded(file_format="WEBP")[:-30], "cut off|cannot be decoded"),
    ],
)
def test_what_cannot_be_read_has_a_short_reason(content, reason):
    with pytest.raises(UnreadableImageError, match=reason) as caught:
        decode_image(content)
    assert len(caught.value.reason) < 160
    assert "0x" not in caught.value.reason  # An address would make each run's list another one.


def test_damaged_pixel_data_is_not_shown_as_noise():
    content = bytearray(_encoded())
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(UnreadableImageError, match=r"damaged|cannot be decoded"):
        decode_image(bytes(content))


def _png(header: bytes, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    parts = (chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("side", [9_700, 12_000, 60_000])
def test_decompression_bombs_are_refused_without_decoding(side):
    # All three would also be cut off, so only a check before decoding can give this reason.
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    content = _png(header, zlib.compress(b"\x00" * 1000))
    expected = "cut off" if side == 9_700 else "bomb"  # 94 million pixels are still allowed.
    with pytest.raises(UnreadableImageError, match=expected):
        decode_image(content)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG"])
def test_the_limit_can_be_set(file_format):
    content = _encoded(file_format=file_format)
    assert decode_image(content, max_pixels=HEIGHT * WIDTH).pixels.shape == PIXELS.shape
    with pytest.raises(
        UnreadableImageError, match=r"64 x 48 is more than 0\.003071 million pixels"
    ):
        decode_image(content, max_pixels=HEIGHT * WIDTH - 1)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UnreadableImageError, match="No such file"):
        read_image(tmp_path / "missing.jpg")
    with pytest.raises(UnreadableImageError, match="cannot be opened"):
        read_image(tmp_path)


def test_reading_in_threads_leaks_no_warning_and_no_filter():
    import warnings

    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01\x03\x00\x01\x00"
    contents = [_encoded(file_format="JPEG", exif=exif), _encoded(file_format="TIFF"), _encoded()]
    failures: list[BaseException] = []

    def read(content: bytes) -> None:
        try:
            for _ in range(30):
                decode_image(content)
        except BaseException as error:
            failures.append(error)

    before = list(warnings.filters)
    threads = [threading.Thread(target=read, args=(content,)) for content in contents * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert list(warnings.filters) == before
