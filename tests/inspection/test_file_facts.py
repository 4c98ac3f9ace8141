from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.inspection.file_facts import (
    estimate_jpeg_quality,
    jpeg_ends_properly,
    read_file_facts,
    suffix_fits,
)

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)


def encoded(file_format="JPEG", mode="RGB", **options):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("quality", [1, 10, 37, 50, 75, 90, 95, 99])
def test_the_quality_that_a_jpeg_was_saved_with_is_found(quality):
    assert read_file_facts(encoded(quality=quality)).jpeg_quality == quality


def test_tables_of_other_encoders_get_the_nearest_quality():
    flat = np.full(64, 16)  # no multiple of the standard's table
    better, worse = (estimate_jpeg_quality(flat + change) for change in (-5, 5))
    assert 1 <= worse < estimate_jpeg_quality(flat) < better <= 100


def test_facts_of_a_header():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    facts = read_file_facts(
        encoded(subsampling="4:2:2", progressive=True, exif=exif, icc_profile=profile)
    )
    assert (facts.file_format, facts.mode, facts.num_frames) == ("JPEG", "RGB", 1)
    assert (facts.stored_width_px, facts.stored_height_px) == (60, 40)
    assert (facts.chroma_subsampling, facts.is_progressive, facts.has_exif) == ("4:2:2", True, True)
    assert "sRGB" in facts.color_profile


def test_other_formats_have_no_quality_and_no_subsampling():
    facts = read_file_facts(encoded("PNG", "L"))
    assert (facts.file_format, facts.mode, facts.color_profile) == ("PNG", "L", "")
    assert np.isnan(facts.jpeg_quality)
    assert (facts.chroma_subsampling, facts.is_progressive) == ("", False)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_the_end_of_a_jpeg_is_looked_for_behind_its_pixels(options):
    whole = encoded(**options)
    # A preview in the header has its own scan and end marker.
    preview = b"\xff\xe1\x00\x0cab\xff\xdacd\xff\xd9ef"
    for jpeg in (whole, whole[:2] + preview + whole[2:]):
        assert jpeg_ends_properly(jpeg)
        assert jpeg_ends_properly(jpeg + b"a film" * 5000)
        assert not jpeg_ends_properly(jpeg[:-2])
        assert not jpeg_ends_properly(jpeg[: len(jpeg) // 2])


def test_a_damaged_profile_is_a_profile():
    assert read_file_facts(encoded(icc_profile=b"nonsense")).color_profile == "unreadable"


def test_the_header_of_an_image_that_is_too_large_to_decode_can_be_read():
    facts = read_file_facts(_png_header(14_000, 9_000))
    assert (facts.stored_width_px, facts.stored_height_px) == (14_000, 9_000)


def test_what_is_no_image_is_refused():
    with pytest.raises(UnreadableImageError, match="web page"):
        read_file_facts(b"<!doctype html>")


@pytest.mark.parametrize(
    ("suffix", "file_format", "fits"),
    [
        (".JPG", "JPEG", True),
        (".jpeg", "MPO", True),
        (".png", "JPEG", False),
        (".tif", "TIFF", True),
        (".jpg", "WEBP", False),
        ("", "PNG", False),
    ],
)
def test_suffixes(suffix, file_format, fits):
    assert suffix_fits(suffix, file_format) is fits


def _png_header(width, height):
    """Encode a PNG without pixels."""
    import struct
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    empty = b"IDAT"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk
        + struct.pack(">I", 0)
        + empty
        + struct.pack(">I", zlib.crc32(empty))
    )
