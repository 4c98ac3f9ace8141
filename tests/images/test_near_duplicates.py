from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from artstyle_tf.images.index import near_duplicates
from artstyle_tf.images.index.near_duplicates import (
    find_near_duplicates,
    near_pairs,
    perceptual_hashes,
)
from artstyle_tf.system.content_cache import content_cache


def scenery(seed, width=320, height=240):
    """Generate an image with detail at every scale, like paintings."""
    generator = np.random.default_rng(seed)
    layers = []
    for cells in (4, 8, 16, 32):
        noise = generator.random((cells, cells, 3)) * 255 / np.sqrt(cells)
        small = Image.fromarray(noise.astype(np.uint8))
        layers.append(np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), float))
    pixels = np.sum(layers, axis=0)
    return Image.fromarray((255 * pixels / pixels.max()).astype(np.uint8))


VARIANTS = {
    "the same bytes": lambda image: image,
    "half the size": lambda image: image.resize((160, 120)),
    "another aspect": lambda image: image.resize((320, 320)),
    "gray": lambda image: image.convert("L"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    "one degree turned": lambda image: image.rotate(1, Image.Resampling.BICUBIC),
}


@pytest.fixture
def folder(tmp_path):
    for seed in range(20):
        scenery(seed).save(tmp_path / f"other-{seed}.png")
    original = scenery(100)
    original.save(tmp_path / "original.png")
    for name, change in VARIANTS.items():
        change(original).save(tmp_path / f"{name}.jpg", quality=40)
    return tmp_path


def sets_in(folder, paths):
    numbers = find_near_duplicates(folder, paths)
    return [{path for path, n in zip(paths, numbers, strict=True) if n == m} for m in set(numbers)]


def test_copies_are_found_and_nothing_else(folder):
    paths = sorted(path.name for path in folder.iterdir())
    sets = [found for found in sets_in(folder, paths) if len(found) > 1]
    assert sets == [{"original.png", *(f"{name}.jpg" for name in VARIANTS)}]


def test_an_image_turned_by_exif_is_the_same(tmp_path):
    image = scenery(1)
    image.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by viewers
    turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "turned.jpg", exif=exif)
    turned.save(tmp_path / "lying.jpg")
    paths = ["upright.png", "turned.jpg", "lying.jpg"]
    assert sorted(map(sorted, sets_in(tmp_path, paths))) == [
        ["lying.jpg"],
        ["turned.jpg", "upright.png"],
    ]


def test_a_mirror_image_is_another_image(tmp_path):
    scenery(2).save(tmp_path / "a.png")
    ImageOps.mirror(scenery(2)).save(tmp_path / "b.png")
    assert len(sets_in(tmp_path, ["a.png", "b.png"])) == 2


def test_flat_and_unreadable_files_look_like_nothing(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 64), "white").save(tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "d.png").write_bytes(b"no image")
    paths = ["a.png", "b.png", "c.png", "d.png", "missing.png"]
    assert len(sets_in(tmp_path, paths)) == len(paths)
    assert not perceptual_hashes([tmp_path / path for path in paths])[1].any()


@pytest.mark.parametrize("count", [0, 1, 2, 70])
def test_pairs_are_those_of_a_loop(count, monkeypatch):
    monkeypatch.setattr("artstyle_tf.images.index.near_duplicates._ROWS_AT_ONCE", 16)
    hashes = np.random.default_rng(count).random((count, 24)) < 0.5
    expected = [
        [i, j]
        for i in range(count)
        for j in range(i + 1, count)
        if (hashes[i] != hashes[j]).sum() <= 5
    ]
    assert sorted(near_pairs(hashes, most_different_bits=5).tolist()) == expected


def test_near_duplicates_are_transitive(monkeypatch, tmp_path):
    chain = np.zeros((4, 255), dtype=bool)
    chain[1, :40] = chain[2, :80] = True  # 40 bits from one to the next, 80 from end to end
    chain[3] = True
    monkeypatch.setattr(
        "artstyle_tf.images.index.near_duplicates.perceptual_hashes",
        lambda *_: (chain, np.ones(4, dtype=bool)),
    )
    assert find_near_duplicates(tmp_path, ["a", "b", "c", "d"]).tolist() == [0, 0, 0, 1]


def test_known_hashes_are_not_computed_again(folder, tmp_path, monkeypatch):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    expected = perceptual_hashes(files)
    hashed = []
    hash_one = near_duplicates.perceptual_hash
    monkeypatch.setattr(
        near_duplicates, "perceptual_hash", lambda content: hashed.append(1) or hash_one(content)
    )
    for _ in range(2):
        with content_cache(tmp_path / "cache" / "content_cache.sqlite"):
            found = perceptual_hashes(files, digests=digests)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(hashed) == len(files)
    # Another content than that of the digest is hashed, and not remembered.
    with content_cache(tmp_path / "cache" / "content_cache.sqlite"):
        perceptual_hashes(files[:1], digests=["0" * 64])
        perceptual_hashes(files[:1], digests=["0" * 64])
    assert len(hashed) == len(files) + 2
