"""Formats are detected by content; an unsupported format is named with advice."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from artstyle_tf.images.reading.file_kinds import HEIC, kind_of


def _encoded(file_format, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, file_format, **options)
    return buffer.getvalue()


def _box_file(major: bytes, *compatible: bytes) -> bytes:
    brands = major + b"\0\0\0\0" + b"".join(compatible)
    return (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + b"\0\0\0\x08free"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP", "AVIF"])
def test_formats_that_are_read(name):
    kind = kind_of(_encoded(name.upper()))
    assert str(kind) == name
    assert kind.is_read
    assert kind_of(_encoded(name.upper())) is not HEIC


@pytest.mark.parametrize(
    ("content", "name", "advice"),
    [
        (_encoded("JPEG2000"), "JPEG 2000", "convert it"),
        (_encoded("JPEG2000", no_jp2=True), "JPEG 2000", "convert it"),
        (bytes.fromhex("0000000c4a584c200d0a870a"), "JPEG XL", "convert it"),
        (b"\xff\x0a\x00", "JPEG XL", "convert it"),
        (b"II\xbc\x01", "JPEG XR", "convert it"),
        (b"8BPS\0\x01" + bytes(20), "PSD", "export it"),
        (b"%PDF-1.7", "a PDF document", "export it"),
        (_encoded("EPS"), "PostScript", "export it"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg/>', "SVG", "export it"),
        (_encoded("PPM"), "PNM", "convert it"),
        (_encoded("ICO"), "an icon", "convert it"),
        (_encoded("DDS"), "DDS", "convert it"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw file", "develop it"),
        (_box_file(b"crx ", b"isom"), "a camera's raw file", "develop it"),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw file", "develop it"),
        (_box_file(b"heic", b"mif1"), "HEIC", "pip install 'artstyle-tf[heif]'"),
    ],
)
def test_images_that_are_not_read(content, name, advice):
    kind = kind_of(content)
    assert kind.name == name
    assert kind.is_image
    assert not kind.is_read
    assert advice in str(kind)
    assert "not an image" not in str(kind)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (_box_file(b"qt  "), "a video"),
        (_box_file(b"isom", b"mp41"), "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"PK\x03\x04", "a ZIP archive, as Office files are, too"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"<?xml version='1.0'?><note/>", "XML"),
    ],
)
def test_invalid_image(content, name):
    assert str(kind_of(content)) == f"not an image but {name}"


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        ((b"mif1", b"mif1", b"heic"), "HEIC"),
        ((b"msf1", b"hevc"), "HEIC"),
        ((b"mif1", b"avif", b"miaf"), "AVIF"),
        ((b"avif", b"mif1", b"miaf"), "AVIF"),
        ((b"avis", b"msf1"), "AVIF"),
    ],
)
def test_heic_and_avif_share_their_first_brands(brands, name):
    assert kind_of(_box_file(*brands)).name == name
    assert (kind_of(_box_file(*brands)) is HEIC) == (name == "HEIC")


@pytest.mark.parametrize(
    "text", [b"", b"hello", b"BMW and other cars", b"P1 is a plan", b"path,label\n", b"RIFF raff"]
)
def test_plain_text_is_nothing_of_this(text):
    assert kind_of(text) is None


def test_a_suffix_decides_where_content_cannot():
    tiff = _encoded("TIFF")
    assert kind_of(tiff, ".NEF").name == "a camera's raw file"
    assert kind_of(tiff, ".tif").name == "TIFF"
    assert kind_of(_encoded("TGA"), ".tga").name == "TGA"
    assert kind_of(_box_file(b"heic"), ".jpg") is HEIC
