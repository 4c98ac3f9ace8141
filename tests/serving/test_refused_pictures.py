"""What the SavedModel takes and what it refuses, before TensorFlow's decoder sees it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

PIXELS = np.kron(
    np.random.default_rng(0).integers(0, 256, (4, 6, 3)), np.ones((8, 8, 1), int)
).astype(np.uint8)


def encoded(mode: str, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def animated(kind: str) -> bytes:
    later = Image.fromarray(255 - PIXELS)
    return encoded("RGB", kind, save_all=True, append_images=[later], lossless=True)


@pytest.fixture(scope="module")
def ask(exports):
    import tensorflow as tf

    signature = exports["direct"].loaded.signatures["serving_default"]
    return lambda *files: signature(image_bytes=tf.constant(files, tf.string, [len(files)]))


READ = {
    "PNG": encoded("RGB", "PNG"),
    "PNG of four channels": encoded("RGBA", "PNG"),
    "PNG with a palette": encoded("P", "PNG"),
    "BMP": encoded("RGB", "BMP"),
    "WebP": encoded("RGB", "WEBP", lossless=True),
    "WebP of four channels": encoded("RGBA", "WEBP", lossless=True),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_the_same_picture_in_another_file_gets_the_same_answer(ask, content):
    with Image.open(io.BytesIO(content)) as picture:
        plain = io.BytesIO()
        picture.convert("RGB").save(plain, "PNG")
    expected, found = ask(plain.getvalue(), content)["probabilities"].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


REFUSED = {
    # TensorFlow writes beyond its buffer at this one, which would end the tests.
    "animated WebP": animated("WEBP"),
    "beginning of an animated WebP": animated("WEBP")[:21],
    "BMP with a palette": encoded("P", "BMP"),
    "BMP of 32 bits": encoded("RGBA", "BMP"),
    "BMP of 1 bit": encoded("1", "BMP"),
    "sound": b"RIFF\x24\0\0\0WAVEfmt ",
    "beginning of WebP": b"RIFF",
    "beginning of BMP": b"BM",
    "beginning of JPEG": b"\xff\xd8",
    "nothing": b"",
    "base64": b"aGVsbG8=",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_tensorflow_would_not_read_rightly_is_refused(ask, content):
    import tensorflow as tf

    good = encoded("RGB", "PNG")
    with pytest.raises(tf.errors.InvalidArgumentError, match="Input 1 of image_bytes, counted"):
        ask(good, content, good, content)


def test_an_empty_request_is_refused_before_anything_is_made_of_it(ask, exports):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match="The request is empty"):
        ask()
    size = exports["direct"].size_px
    signature = exports["direct"].loaded.signatures["from_pixels"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="The request is empty"):
        signature(pixels=tf.zeros([0, size, size, 3]))
