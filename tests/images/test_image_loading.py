from __future__ import annotations

import hashlib
import io
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from artstyle_tf.images.preparation import image_loading as image_loading
from artstyle_tf.images.preparation.image_loading import ImageLoader, load_ahead, load_prepared
from artstyle_tf.images.preparation.image_writing import (
    Target,
    WritingTask,
    prepare_bytes,
    write_images,
)
from artstyle_tf.images.reading.decoding import decode_image, resize_image
from artstyle_tf.images.reading.image_reading import UnreadableImageError, size_of_plain_jpeg
from artstyle_tf.images.reading.image_reading import decode_image as decode_by_pillow

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encode(file_format, *, mode="RGB", orientation=1, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    if orientation != 1:
        options["exif"] = exif
    stream = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(stream, file_format, **options)
    return stream.getvalue()


FILES = {
    "plain.jpg": encode("JPEG"),
    "turned.jpg": encode("JPEG", orientation=6),
    "gray.jpg": encode("JPEG", mode="L"),
    "print.jpg": encode("JPEG", mode="CMYK"),
    "plain.png": encode("PNG"),
    "alpha.png": encode("PNG", mode="RGBA"),
    "palette.png": encode("PNG", mode="P"),
    "lossy.webp": encode("WEBP"),
    "scan.tif": encode("TIFF"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("max_side_px", [None, 50])
def test_an_image_is_seen_as_if_it_had_been_prepared(tmp_path, name, max_side_px):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    digest = hashlib.sha256(FILES[name]).hexdigest()
    task = WritingTask(path, digest, max_side_px, tmp_path, (Target("prepared"),))
    (written,) = write_images(task)
    prepared = written.file.read_bytes()
    expected = resize_image(decode_image(prepared), image_size_px=32, aspect="crop")

    loader = ImageLoader(image_size_px=32, aspect="crop", max_side_px=max_side_px)
    np.testing.assert_array_equal(loader.load([path]), [expected])
    assert load_prepared([path], max_side_px=max_side_px) == [prepared]
    assert prepare_bytes(FILES[name], max_side_px=max_side_px) == prepared


@pytest.mark.parametrize("name", FILES)
def test_a_header_gives_the_same_facts_as_the_whole_file(name):
    decoded = decode_by_pillow(FILES[name])
    expected = decoded.is_plain and decoded.file_format == "JPEG"
    size = (60, 40) if expected else None
    assert size_of_plain_jpeg(FILES[name], max_side_px=None) == size
    assert size_of_plain_jpeg(FILES[name], max_side_px=59) is None
    assert size_of_plain_jpeg(FILES[name], max_side_px=60) == size


@pytest.mark.parametrize(
    "content", [b"", b"text", FILES["plain.jpg"][:300], FILES["plain.png"][:300]]
)
def test_unreadable_files_have_a_reason(tmp_path, content):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    loader = ImageLoader(image_size_px=32, aspect="squash", max_side_px=None)
    for load in (loader.load, partial(load_prepared, max_side_px=None)):
        (error,) = load([path])
        assert isinstance(error, UnreadableImageError)
        assert error.reason


def test_a_damaged_jpeg_with_an_intact_header_does_not_affect_others(tmp_path):
    content = bytearray(FILES["plain.jpg"])
    content[700:900] = bytes(200)
    (tmp_path / "damaged.jpg").write_bytes(content)
    (tmp_path / "cut.jpg").write_bytes(FILES["plain.jpg"][:900] + b"\xff\xd9")
    (tmp_path / "whole.jpg").write_bytes(FILES["plain.jpg"])
    loader = ImageLoader(image_size_px=32, aspect="squash", max_side_px=None)
    (expected,) = loader.load([tmp_path / "whole.jpg"])
    names = ("whole.jpg", "damaged.jpg", "missing.jpg", "cut.jpg", "whole.jpg")
    before, damaged, missing, cut, after = loader.load([tmp_path / name for name in names])
    np.testing.assert_array_equal([before, after], [expected, expected])
    for each in (damaged, cut):
        assert isinstance(each, UnreadableImageError) or each.shape == (32, 32, 3)
    assert "cannot be opened" in missing.reason


def test_images_are_loaded_ahead_in_order_and_not_all_at_once():
    paths = [Path(str(number)) for number in range(201)]
    started, lock = [], threading.Lock()

    def load(some):
        with lock:
            started.extend(some)
        return [int(path.name) for path in some]

    found = []
    for path, loaded in load_ahead(load, paths, num_threads=3):
        time.sleep(0.0005)
        found.append((path, loaded))
        assert len(started) <= len(found) + 40
    assert found == [(path, int(path.name)) for path in paths]


def test_loading_does_not_trace_anew_for_each_image(tmp_path):
    loader = ImageLoader(image_size_px=32, aspect="squash", max_side_px=None)
    for side in (33, 47, 61):
        path = tmp_path / f"{side}.png"
        Image.fromarray(PIXELS[:side, :side]).save(path)
        loader.load([path])
    assert loader._to_squares.experimental_get_tracing_count() == 1
    assert tf.executing_eagerly()


@pytest.mark.parametrize("aspect", ["squash", "crop", "pad"])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_thin_images_of_every_format_are_loaded(tmp_path, file_format, aspect):
    paths = []
    for width, height in [(1, 700), (700, 1), (1, 1), (2, 16_000), (16_000, 2)]:
        paths.append(tmp_path / f"{width}x{height}")
        Image.new("RGB", (width, height), (200, 100, 50)).save(paths[-1], file_format)
    loader = ImageLoader(image_size_px=320, aspect=aspect, max_side_px=None)
    for square in loader.load(paths):
        assert square.shape == (320, 320, 3)
        # A line of one pixel lies just before the middle of the padded square.
        assert np.abs(square[159, 159].astype(int) - [200, 100, 50]).max() < 12


def test_files_that_only_tensorflow_rejects_are_named(tmp_path, monkeypatch):
    (tmp_path / "good.jpg").write_bytes(FILES["plain.jpg"])
    (tmp_path / "odd.png").write_bytes(FILES["plain.png"])
    unknown = b"\x89PNG\r\n\x1a\n and nothing else"
    monkeypatch.setattr(image_loading, "prepare_bytes", lambda *_, **__: unknown)
    loader = ImageLoader(image_size_px=32, aspect="pad", max_side_px=None)
    odd, good = loader.load([tmp_path / "odd.png", tmp_path / "good.jpg"])
    assert isinstance(odd, UnreadableImageError)
    assert odd.reason.startswith("TensorFlow cannot use it")
    assert good.shape == (32, 32, 3)
