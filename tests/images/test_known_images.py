from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from test_near_duplicates import scenery

from artstyle_tf.images.index.known_images import HashedImages, match_known_images, turned_pairs
from artstyle_tf.images.index.near_duplicates import (
    hashes_as_text,
    hashes_from_text,
    perceptual_hashes,
)

Turn = Image.Transpose


def saved(image, file_format, **options):
    """Encode the image as another program may have saved it."""
    with io.BytesIO() as content:
        image.save(content, file_format, **options)
        return Image.open(io.BytesIO(content.getvalue())).convert("RGB")


def without_edges(image, share):
    x, y = round(share * image.width), round(share * image.height)
    return image.crop((x, y, image.width - x, image.height - y))


COPIES = {
    "same look": {
        "JPEG of quality 60": lambda image: saved(image, "JPEG", quality=60),
        "WebP": lambda image: saved(image, "WEBP", quality=60),
        "half the size": lambda image: image.resize((160, 120)),
        "gray": lambda image: image.convert("L"),
        "without the outer 2 %": lambda image: without_edges(image, 0.02),
    },
    "mirrored": {
        "mirrored": ImageOps.mirror,
        "mirrored, half the size, JPEG": lambda image: saved(
            ImageOps.mirror(image).resize((160, 120)), "JPEG", quality=60
        ),
        "upside down and mirrored": lambda image: image.transpose(Turn.FLIP_TOP_BOTTOM),
        "transposed": lambda image: image.transpose(Turn.TRANSPOSE),
        "transversed": lambda image: image.transpose(Turn.TRANSVERSE),
    },
    "turned": {
        "by 90 degrees": lambda image: image.transpose(Turn.ROTATE_90),
        "by 180 degrees": lambda image: image.transpose(Turn.ROTATE_180),
        "by 270 degrees, gray": lambda image: image.transpose(Turn.ROTATE_270).convert("L"),
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for seed in range(12):
        scenery(seed).save(folder / f"{seed}.png")
    return folder


def hashed(folder, names):
    hashes, is_usable = perceptual_hashes([folder / name for name in names])
    digests = np.array([f"digest of {folder.name}/{name}" for name in names])
    return HashedImages(digests, hashes, is_usable)


KNOWN = [f"{seed}.png" for seed in range(12)]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, copies in COPIES.items() for name in copies]
)
def test_a_copy_is_found_with_its_original_and_its_kind(kind, name, folder, tmp_path):
    COPIES[kind][name](scenery(7)).save(tmp_path / "copy.png")
    found = match_known_images(
        hashed(tmp_path, ["copy.png"]), hashed(folder, KNOWN), rank=np.zeros(12, dtype=int)
    )
    assert found[["image", "known", "kind"]].to_numpy().tolist() == [[0, 7, kind]]
    assert 0 <= found["different_bits"].item() <= 64


def test_other_images_are_new(folder, tmp_path):
    names = [f"{seed}.png" for seed in range(100, 130)]
    for seed, name in enumerate(names, 100):
        scenery(seed).save(tmp_path / name)
    found = match_known_images(
        hashed(tmp_path, names), hashed(folder, KNOWN), rank=np.zeros(12, dtype=int)
    )
    assert len(found) == 0


def test_the_lowest_rank_counts_then_the_closest_kind(folder):
    known = hashed(folder, KNOWN)
    # Image 3 three times: mirrored, as another file, as the same file.
    one = HashedImages(known.digests[[3]], known.hashes[[3]], known.is_usable[[3]])
    ways = HashedImages(
        np.array(["other", "another", str(known.digests[3])]),
        np.concatenate([mirrored_hash(folder), one.hashes, one.hashes]),
        np.ones(3, dtype=bool),
    )

    def found(rank):
        return match_known_images(one, ways, rank=np.array(rank))[["known", "kind"]].values.tolist()

    assert found([0, 0, 0]) == [[2, "same file"]]
    assert found([0, 0, 1]) == [[1, "same look"]]
    assert found([0, 1, 1]) == [[0, "mirrored"]]


def mirrored_hash(folder):
    ImageOps.mirror(scenery(3)).save(folder / "mirrored.bmp")
    return hashed(folder, ["mirrored.bmp"]).hashes


def test_blocks_do_not_change_what_is_found(folder, monkeypatch):
    known = hashed(folder, KNOWN)
    rank = np.zeros(12, dtype=int)
    whole = match_known_images(known, known, rank=rank)
    monkeypatch.setattr("artstyle_tf.images.index.near_duplicates._ROWS_AT_ONCE", 5)
    assert match_known_images(known, known, rank=rank).equals(whole)
    assert whole["known"].tolist() == list(range(12))


def test_flat_images_equal_nothing_but_their_bytes():
    flat = HashedImages(np.array(["a", "b"]), np.zeros((2, 255), bool), np.zeros(2, bool))
    known = HashedImages(np.array(["b", "c"]), np.zeros((2, 255), bool), np.zeros(2, bool))
    found = match_known_images(flat, known, rank=np.zeros(2, dtype=int))
    assert found[["image", "known", "kind"]].to_numpy().tolist() == [[1, 0, "same file"]]


def test_turned_pairs_leave_out_what_only_looks_the_same(folder, tmp_path):
    known = hashed(folder, KNOWN)
    ImageOps.mirror(scenery(5)).save(tmp_path / "mirrored.png")
    scenery(6).save(tmp_path / "same.png")
    others = hashed(tmp_path, ["mirrored.png", "same.png"])
    pairs = turned_pairs(known.hashes, others.hashes, most_different_bits=64)
    assert pairs.tolist() == [[5, 0]]


def test_hashes_come_back_from_text(folder):
    known = hashed(folder, KNOWN)
    is_usable = np.arange(12) != 4
    texts = hashes_as_text(known.hashes, is_usable)
    assert texts[4] == ""
    assert len(texts[0]) == 64
    hashes, usable = hashes_from_text(texts)
    assert (usable == is_usable).all()
    assert (hashes[is_usable] == known.hashes[is_usable]).all()


@pytest.mark.parametrize("text", ["x", "0" * 63, "0" * 65, "g" * 64, "٠" * 64, "0" * 63 + "\n"])
def test_what_is_no_hash_is_refused(text):
    with pytest.raises(ValueError, match="no perceptual hash"):
        hashes_from_text(["", text])
