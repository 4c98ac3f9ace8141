"""The SavedModel refuses bad images and predicts the rest of the request."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "reliability"))
from hostile_images import gif_of_frames, png_of_nothing

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
def test_the_same_image_in_another_file_gets_the_same_prediction(ask, content):
    with Image.open(io.BytesIO(content)) as image:
        plain = io.BytesIO()
        image.convert("RGB").save(plain, "PNG")
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
    "PNG of 400 million pixels": png_of_nothing(20_000, 20_000, bits=1, color=0),
    "PNG of 26 million pixels": png_of_nothing(5100, 5100, color=6, width=4, filled=False),
    "GIF of 300 images in a corner": gif_of_frames(300),
    "half a JPEG": encoded("RGB", "JPEG")[:-300],
    "half a PNG": encoded("RGB", "PNG")[:-200],
    "half a WebP": encoded("RGB", "WEBP", lossless=True)[:-40],
    "half a GIF": encoded("P", "GIF")[:-40],
    "nothing": b"",
    "base64": b"aGVsbG8=",
}


REASONS = {
    "beginning of an animated WebP": "an animated WebP",
    "animated WebP": "an animated WebP",
    "beginning of BMP": "a BMP that is not of 24 bits",
    "BMP with a palette": "a BMP that is not of 24 bits",
    "BMP of 32 bits": "a BMP that is not of 24 bits",
    "BMP of 1 bit": "a BMP that is not of 24 bits",
    "PNG of 400 million pixels": "too large: 20000 x 20000 pixels, where a side may have 16384",
    "PNG of 26 million pixels": "too large: 5100 x 5100 pixels, more than 25000000",
    "GIF of 300 images in a corner": "a GIF whose first image does not fill its screen",
    "half a JPEG": "damaged: it cannot be decoded",
    "half a PNG": "damaged: it cannot be decoded",
    "half a WebP": "damaged: it cannot be decoded",
    "half a GIF": "damaged: a GIF without an end",
}


@pytest.mark.parametrize(("name", "content"), REFUSED.items(), ids=REFUSED)
def test_files_that_tensorflow_misreads_are_rejected_alone(ask, name, content):
    good = encoded("RGB", "PNG")
    found = {key: value.numpy() for key, value in ask(good, content, good, content).items()}
    alone = {key: value.numpy() for key, value in ask(good).items()}
    status = [text.decode() for text in found["status"]]
    assert status[0] == status[2] == "ok"
    assert status[1] == status[3]
    assert status[1].startswith(REASONS.get(name, "no image that is read here"))
    for key, values in found.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values[[0, 2]], alone[key][[0, 0]], atol=1e-5)
        else:
            np.testing.assert_array_equal(values[[0, 2]], alone[key][[0, 0]])
    assert found["label"][1] == b""
    assert not found["accepted"][[1, 3]].any()
    for key in ("confidence", "probabilities", "embedding"):
        assert not found[key][[1, 3]].any()


def test_a_request_of_bad_files_only_gets_a_response(ask):
    found = ask(b"", b"nothing", REFUSED["half a PNG"])
    assert not (found["status"] == b"ok").numpy().any()
    assert found["label"].numpy().tolist() == [b""] * 3
    assert found["classes"].shape == found["probabilities"].shape


def test_neighbors_of_what_is_no_image_are_none(exports):
    import tensorflow as tf

    signature = exports["triplet"].loaded.signatures["serving_default"]
    found = signature(image_bytes=tf.constant([b"nothing", encoded("RGB", "PNG")]))
    assert found["neighbor_ids"].numpy()[0].tolist() == [b""] * 3
    assert found["neighbor_ids"].numpy()[1].all()
    assert not found["neighbor_distances"].numpy()[0].any()


def test_the_first_image_of_a_gif_is_predicted(ask):
    still, moving = encoded("P", "GIF"), animated("GIF")
    with Image.open(io.BytesIO(moving)) as image:
        assert image.n_frames == 2
    found = ask(still, moving)
    assert found["status"].numpy().tolist() == [b"ok", b"ok"]


def test_the_limit_is_that_of_the_export(exports):
    import json

    limits = json.loads((exports["direct"].saved_model / "assets.extra/limits.json").read_text())
    assert limits == {"max_pixels": 25_000_000, "max_side_px": 16_384}


def test_an_empty_request_is_refused_before_anything_is_made_of_it(ask, exports):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match="The request is empty"):
        ask()
    size = exports["direct"].size_px
    signature = exports["direct"].loaded.signatures["from_pixels"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="The request is empty"):
        signature(pixels=tf.zeros([0, size, size, 3]))
