"""HEIC is read like other formats: same pixels, limits and faults; or the package is named."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from artstyle_tf.images.index import image_listing
from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.index.near_duplicates import perceptual_hash
from artstyle_tf.images.preparation.image_writing import prepare_bytes
from artstyle_tf.images.reading import file_kinds
from artstyle_tf.images.reading import large_images as large_images
from artstyle_tf.images.reading.file_kinds import has_heif
from artstyle_tf.images.reading.image_reading import (
    UnreadableImageError,
    count_pixels,
    decode_image,
    opened_image,
)
from artstyle_tf.inspection.file_facts import read_file_facts, suffix_fits


def _image(width=60, height=40):
    """Draw corners of different colors, so that rotations and flips are distinguishable."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[: height // 2, : width // 2] = (220, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 200, 30)
    pixels[height // 2 :, : width // 2] = (30, 30, 220)
    return Image.fromarray(pixels)


def _heic(image, **options):
    file = pillow_heif.from_pillow(image)
    buffer = io.BytesIO()
    file.save(buffer, **{"quality": 95, "chroma": 444, **options})
    return buffer.getvalue()


def _difference(first, second):
    return np.abs(np.asarray(first, int) - np.asarray(second, int)).mean()


@pytest.fixture
def without_package(monkeypatch):
    for module in (file_kinds, image_listing):
        monkeypatch.setattr(module, "has_heif", lambda: False)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_pixels_are_those_that_were_stored(mode):
    image = _image().convert(mode)
    if mode == "RGBA":
        image.putalpha(0)  # nothing but the white behind it
    decoded = decode_image(_heic(image))
    expected = Image.new("RGB", image.size, "white") if mode == "RGBA" else image.convert("RGB")
    assert _difference(decoded.pixels, expected) < 3
    assert decoded.file_format == "HEIF"
    assert decoded.is_lossy
    assert not decoded.is_plain


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_applied_once(orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    _image().save(buffer, "JPEG", exif=exif, quality=95)
    as_jpeg = ImageOps.exif_transpose(Image.open(buffer))
    heic = _heic(_image(), exif=exif.tobytes())
    assert _difference(decode_image(heic).pixels, as_jpeg.convert("RGB")) < 6


def test_a_color_profile_is_followed():
    # Mixed-up primaries: what is stored as red is green to the eye.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = bytearray(profile)
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    name = swapped.index("sRGB".encode("utf-16-be"))
    swapped[name : name + 8] = "test".encode("utf-16-be")
    heic = _heic(Image.new("RGB", (32, 32), (250, 10, 10)), icc_profile=bytes(swapped))
    red, green, _ = decode_image(heic).pixels[16, 16]
    assert green > 200 > 60 > red


def test_every_verb_reads_the_same_pixels():
    heic = _heic(_image())
    prepared = Image.open(io.BytesIO(prepare_bytes(heic, max_side_px=None)))
    assert prepared.format == "JPEG"
    assert _difference(prepared, decode_image(heic).pixels) < 2
    facts = read_file_facts(heic)
    assert (facts.file_format, facts.stored_width_px, facts.stored_height_px) == ("HEIF", 60, 40)
    assert suffix_fits(".HEIC", "HEIF")
    assert not suffix_fits(".jpg", "HEIF")
    assert perceptual_hash(heic) is not None
    assert decode_image(heic, max_side_px=30).pixels.shape == (20, 30, 3)


def test_thumbnails_are_never_taken_for_the_image():
    with opened_image(_heic(_image(600, 400), thumbnails=[64])) as image:
        image.draft("RGB", (64, 64))
        image.load()
        assert image.size == (600, 400)


def test_brands_of_other_encoders_and_wrong_suffixes(tmp_path):
    heic = _heic(_image())
    general = heic.replace(b"ftypheic", b"ftypmif1", 1)
    assert decode_image(general).file_format == "HEIF"
    for style in ("a", "b"):
        (tmp_path / style).mkdir()
        (tmp_path / style / "IMG_1.HEIC").write_bytes(heic)
        (tmp_path / style / "IMG_2.jpg").write_bytes(general)
        (tmp_path / style / "IMG_3.hif").write_bytes(general)
    assert len(index_images(tmp_path).images) == 6


def test_large_images_are_refused_before_they_are_decoded(monkeypatch):
    heic = _heic(_image(400, 300))
    assert count_pixels(heic) == 120_000
    with pytest.raises(UnreadableImageError, match="400 x 300 is more than"):
        decode_image(heic, max_pixels=100_000)
    monkeypatch.setattr(large_images, "_MOST_BYTES_WHILE_LOADING", 120_000 * 11)
    with pytest.raises(UnreadableImageError, match="400 x 300 is more than"):
        decode_image(heic)


@pytest.mark.parametrize("options", [{}, {"tile_size": 64}], ids=["whole", "in tiles"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_what_is_cut_off_is_refused(share, options):
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    heic = _heic(Image.fromarray(noise), **options)
    assert decode_image(heic).pixels.shape == (200, 300, 3)
    kept = heic[: int(len(heic) * share)]
    with pytest.raises(UnreadableImageError, match=r"cut off|cannot be decoded"):
        decode_image(kept)
    # A download that was given its full size first; libheif shows such a part in gray.
    with pytest.raises(UnreadableImageError, match="cut off"):
        decode_image(kept + bytes(len(heic) - len(kept)))


def test_damaged_files_give_a_short_reason():
    heic = _heic(_image())
    for content in (heic[:40], heic[:12] + bytes(200), heic.replace(b"hvcC", b"xxxx")):
        with pytest.raises(UnreadableImageError) as caught:
            decode_image(content)
        assert "pip install" not in caught.value.reason
        assert len(caught.value.reason.splitlines()) == 1


def test_a_missing_package_is_named_with_the_install_command(without_package, tmp_path):
    assert has_heif()  # of the test itself
    with pytest.raises(UnreadableImageError, match=r"^HEIC.*pip install 'artstyle-tf\[heif\]'"):
        decode_image(_heic(_image()))
    for style in ("a", "b"):
        (tmp_path / style).mkdir()
        _image().save(tmp_path / style / "1.jpg")
    (tmp_path / "a" / "2.heic").write_bytes(_heic(_image()))
    _image().save(tmp_path / "a" / "3.heic", "JPEG")  # as some phones export it
    index = index_images(tmp_path)
    assert list(index.images["path"]) == ["a/1.jpg", "a/3.heic", "b/1.jpg"]
    ((path, reason),) = zip(index.ignored["path"], index.ignored["reason"], strict=True)
    assert path == "a/2.heic"
    assert "pip install 'artstyle-tf[heif]'" in reason
