"""Find images that equal, or look like, one that a model has already seen.

Files with the same bytes are found by their digest. Others are found by their perceptual hash, also
when they were mirrored or turned: a flip of the image negates every second frequency of its
discrete cosine transform, and a transposition transposes them, so that the hash of a turned image
follows from the hash of the image. Both are exact for the frequencies; the median that the bits
are compared with changes a little (22 of 255 bits at most on 280 turned, halved and recompressed
images).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from artstyle_tf.images.index.near_duplicates import NUM_FREQUENCIES, different_bits

MOST_DIFFERENT_BITS_OF_COPIES = 64
"""Up to this many, an image is taken for a copy. The limit is higher than that for grouping images
before a split (`near_duplicates.MOST_DIFFERENT_BITS`), because nothing is connected through others
here, and an overlooked copy inflates scores. On 1,208 paintings, photographs and cartoons copies
without their outer 2 % differ in 52 bits at most, without 3 % in 64; different images, also turned,
in at least 78."""

SAME_FILE, SAME_LOOK, MIRRORED, TURNED = "same file", "same look", "mirrored", "turned"
KINDS = (SAME_FILE, SAME_LOOK, MIRRORED, TURNED)
"""How an image equals a known one, the closest first."""

# Flipped left to right, flipped top to bottom, then transposed; an odd number of these mirrors.
_TURNS = {
    (False, False, False): SAME_LOOK,
    (True, False, False): MIRRORED,
    (False, True, False): MIRRORED,
    (False, False, True): MIRRORED,
    (True, True, True): MIRRORED,
    (True, True, False): TURNED,
    (True, False, True): TURNED,
    (False, True, True): TURNED,
}

_NO_MATCH = np.iinfo(np.int64).max


@dataclass(frozen=True)
class HashedImages:
    """The content of N images.

    Attributes:
        digests: str [N], SHA-256 of the files.
        hashes: bool [N, 255], perceptual hashes.
        is_usable: bool [N], which images have a perceptual hash.
    """

    digests: np.ndarray
    hashes: np.ndarray
    is_usable: np.ndarray

    def __len__(self) -> int:
        return len(self.digests)


def match_known_images(
    images: HashedImages, known: HashedImages, *, rank: np.ndarray
) -> pd.DataFrame:
    """Find for each image the known one that it equals, if there is one.

    Args:
        images: N images.
        known: K images that were seen before.
        rank: int [K], not negative; of several known images that with the lowest rank is returned.

    Returns:
        One row per matched image, in their order: image and known (positions), kind (of `KINDS`),
        different_bits (0 for the same file).
    """
    keys = np.full(len(images), _NO_MATCH)
    found = np.full(len(images), -1)
    _match_files(images, known, rank, keys, found)
    for (rows, columns), kind, bits in _near(images, known):
        is_near = bits <= MOST_DIFFERENT_BITS_OF_COPIES
        key = np.where(is_near, _key(rank[columns], kind, bits), _NO_MATCH)
        best = key.argmin(axis=1)
        best_keys = key[np.arange(len(rows)), best]
        better = best_keys < keys[rows]
        keys[rows[better]], found[rows[better]] = best_keys[better], columns[best[better]]
    is_known = np.flatnonzero(found >= 0)
    return pd.DataFrame(
        {
            "image": is_known,
            "known": found[is_known],
            "kind": [KINDS[number] for number in keys[is_known] // 1000 % 10],
            "different_bits": keys[is_known] % 1000,
        }
    )


def turned_pairs(hashes: np.ndarray, others: np.ndarray, *, most_different_bits: int) -> np.ndarray:
    """Find pairs of images of which one is the other mirrored or turned.

    `hashes` are bool [N, 255], `others` bool [M, 255]. Returns int [P, 2], positions in both, each
    pair once.
    """
    one, other = (
        HashedImages(np.full(len(each), ""), each, np.ones(len(each), dtype=bool))
        for each in (hashes, others)
    )
    pairs = {
        (int(rows[row]), int(columns[column]))
        for (rows, columns), kind, bits in _near(one, other)
        if kind != SAME_LOOK
        for row, column in np.argwhere(bits <= most_different_bits)
    }
    return np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)


def _match_files(
    images: HashedImages,
    known: HashedImages,
    rank: np.ndarray,
    keys: np.ndarray,
    found: np.ndarray,
) -> None:
    by_digest: dict[str, int] = {}
    for number in np.argsort(rank, kind="stable"):
        by_digest.setdefault(str(known.digests[number]), int(number))
    for number, digest in enumerate(images.digests):
        if (match := by_digest.get(str(digest))) is not None:
            keys[number], found[number] = _key(rank[match], SAME_FILE, 0), match


def _key(rank: np.ndarray, kind: str, bits: np.ndarray | int) -> np.ndarray:
    """Return the sort key of matches: the lowest rank, the closest kind, the fewest bits."""
    return rank.astype(np.int64) * 10_000 + KINDS.index(kind) * 1000 + bits


def _near(
    images: HashedImages, known: HashedImages
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], str, np.ndarray]]:
    """Count the bits in which images differ from known ones, block by block and turn by turn.

    Yields:
        Positions of n images and of k known ones, the kind, and int [n, k].
    """
    images_at, known_at = np.flatnonzero(images.is_usable), np.flatnonzero(known.is_usable)
    for turn, kind in _TURNS.items():
        turned = _turned(images.hashes[images_at], *turn)
        for rows, columns, bits in different_bits(turned, known.hashes[known_at]):
            yield (images_at[rows], known_at[columns]), kind, bits.astype(np.int64)


def _turned(hashes: np.ndarray, left_right: bool, top_bottom: bool, transposed: bool) -> np.ndarray:
    """Return the hashes of the images after flips and a transposition: bool [N, 255]."""
    # The mean, which the hash omits, is the first of the frequencies.
    bits = np.pad(hashes, ((0, 0), (1, 0)))
    bits = bits.reshape(-1, NUM_FREQUENCIES, NUM_FREQUENCIES)
    is_odd = np.arange(NUM_FREQUENCIES) % 2 == 1
    bits = bits ^ (is_odd[None, None, :] & left_right) ^ (is_odd[None, :, None] & top_bottom)
    if transposed:
        bits = bits.swapaxes(1, 2)
    return bits.reshape(-1, NUM_FREQUENCIES**2)[:, 1:]
