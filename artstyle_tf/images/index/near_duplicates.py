"""Find images that look the same: other sizes, other compression, a little brighter or cropped.

An image whose copy was trained on is no valid test. Files with the same bytes are found by their
digest; this finds the others.

Source: a perceptual hash by the discrete cosine transform (Zauner 2010, "Implementation and
Benchmarking of Perceptual Image Hash Functions"), of 255 bits instead of 63, so that an image is
not mistaken for another one among a hundred thousand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from scipy import fft

from artstyle_tf.images.index.groups import connected
from artstyle_tf.images.reading.image_reading import (
    UnreadableImageError,
    count_pixels,
    decode_gray_thumbnail,
    read_bytes,
)
from artstyle_tf.images.reading.large_images import alone_if_large
from artstyle_tf.system.content_cache import facts_of_contents
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.system.threads import map_in_threads

NUM_BITS = 255
MOST_DIFFERENT_BITS = 44
"""Up to this many, two images look the same. On 1,208 paintings, photographs and cartoons different
images differ in at least 86 bits; stronger compression, half the size, gray for color change at
most 12, more brightness or contrast 40, a turn by a degree 42, cropping the outer 2 % 52."""

NUM_FREQUENCIES = 16
"""In each direction; all but the mean form the hash, row by row."""

_DIGITS = 64
_HASH_AS_TEXT = re.compile(rf"[0-9a-f]{{{_DIGITS}}}")
_THUMBNAIL_PX = 64
_MIN_CONTRAST = 3.0  # of 255; flatter images have no structure to compare
_ROWS_AT_ONCE = 2048
# The second number is a version of this module's algorithm.
_KIND = f"perceptual hash 1, Pillow {PIL.__version__}"
_THREADS = 4  # Pillow decodes without Python's lock.


def find_near_duplicates(
    root: Path, paths: Sequence[str], reporter: Reporter = SILENT
) -> np.ndarray:
    """Number the sets of images that look the same, also through others: int [N] in [0, G).

    Args:
        root: folder of the images.
        paths: of N images, relative to root. Files that cannot be read are sets of their own.
        reporter: where progress goes.
    """
    return join_near_pairs(*perceptual_hashes([root / path for path in paths], reporter))


def join_near_pairs(hashes: np.ndarray, is_usable: np.ndarray) -> np.ndarray:
    """Number the sets as `find_near_duplicates`, from the output of `perceptual_hashes`."""
    count = len(hashes)
    usable = np.flatnonzero(is_usable)
    first, second = usable[near_pairs(hashes[usable])].T
    # Each pair is a key that both share; an image without a pair has only itself.
    items = np.concatenate([np.arange(count), first, second])
    pairs = np.concatenate([-1 - np.arange(count), *[np.arange(len(first))] * 2])
    return connected(items, pairs)[:count]


def perceptual_hashes(
    files: Sequence[Path], reporter: Reporter = SILENT, *, digests: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Compute for each of the lowest frequencies of N images whether it is above their median.

    Args:
        files: N images.
        reporter: where progress goes.
        digests: SHA-256 of each file, in hex, if known; then hashes computed before are reused.

    Returns:
        bool [N, 255], and bool [N], whether there is an image with enough contrast to compare.
    """
    hashes = np.zeros((len(files), NUM_BITS), dtype=bool)
    is_usable = np.zeros(len(files), dtype=bool)
    digests = [""] * len(files) if digests is None else digests

    def hash_some(numbers: list[int]) -> Iterator[_HashOfFile]:
        return map_in_threads(
            lambda number: _hash(files[number], digests[number]), numbers, num_threads=_THREADS
        )

    hashed = facts_of_contents(
        _KIND, digests, hash_some, encode=_HashOfFile.encoded, decode=_HashOfFile.decoded
    )
    tracked = reporter.track(hashed, total=len(files), description="Searching for duplicates")
    for number, found in enumerate(tracked):
        if found.bits is not None:
            hashes[number], is_usable[number] = found.bits, True
    return hashes, is_usable


def near_pairs(hashes: np.ndarray, *, most_different_bits: int = MOST_DIFFERENT_BITS) -> np.ndarray:
    """Find all pairs of hashes, bool [N, B], that differ in few bits: int [P, 2], i < j.

    All are compared with all, as matrix products: a hundred thousand take a minute on two cores.
    One block is compared with one block at a time, so that memory grows with the images, not with
    their pairs.
    """
    pairs = [np.empty((0, 2), dtype=np.intp)]
    for rows, columns, bits in different_bits(hashes, hashes, above_diagonal=True):
        is_near = bits <= most_different_bits
        if rows.start == columns.start:
            is_near = np.triu(is_near, k=1)
        pairs.append(np.argwhere(is_near) + np.array([rows.start, columns.start]))
    return np.concatenate(pairs)


def different_bits(
    hashes: np.ndarray, others: np.ndarray, *, above_diagonal: bool = False
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Count the bits in which bool [N, B] and bool [M, B] differ, one block of both at a time.

    Yields:
        Slices of n hashes and of m others, float32 [n, m]; `above_diagonal` skips other blocks.
    """
    # The dot product of signs is B - 2 x (different bits), exactly.
    signs, other_signs = (
        np.where(each, np.float32(1), np.float32(-1)) for each in (hashes, others)
    )
    for start in range(0, len(signs), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        for other in range(start if above_diagonal else 0, len(other_signs), _ROWS_AT_ONCE):
            columns = slice(other, other + _ROWS_AT_ONCE)
            yield rows, columns, (hashes.shape[1] - signs[rows] @ other_signs[columns].T) / 2


def hashes_as_text(hashes: np.ndarray, is_usable: np.ndarray) -> list[str]:
    """Format bool [N, 255] as N strings of 64 hexadecimal digits; "" where `is_usable` is False."""
    packed = np.packbits(hashes, axis=1)
    return [
        row.tobytes().hex() if usable else "" for row, usable in zip(packed, is_usable, strict=True)
    ]


def hashes_from_text(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Parse the output of `hashes_as_text`.

    Returns:
        bool [N, 255], and bool [N], which rows have a hash.

    Raises:
        ValueError: if one of them is no hash.
    """
    hashes = np.zeros((len(texts), NUM_BITS), dtype=bool)
    is_usable = np.array([text != "" for text in texts], dtype=bool)
    for number, text in enumerate(texts):
        if not text:
            continue
        if not _HASH_AS_TEXT.fullmatch(text):
            raise ValueError(f"{text[:80]!r} is no perceptual hash of {_DIGITS} hexadecimal digits")
        packed = np.frombuffer(bytes.fromhex(text), dtype=np.uint8)
        hashes[number] = np.unpackbits(packed)[:NUM_BITS]
    return hashes, is_usable


def perceptual_hash(content: bytes) -> np.ndarray | None:
    """Compute the hash of one image, from the bytes of its file.

    Returns:
        bool [255]; None for an image without enough contrast to compare.

    Raises:
        UnreadableImageError: if there is no image.
    """
    with alone_if_large(count_pixels(content)):
        gray = decode_gray_thumbnail(content, side_px=_THUMBNAIL_PX).astype(np.float32)
    if gray.std() < _MIN_CONTRAST:
        return None
    lowest = fft.dctn(gray, norm="ortho")[:NUM_FREQUENCIES, :NUM_FREQUENCIES].ravel()
    without_mean = lowest[1:]  # brightness does not matter
    return without_mean > np.median(without_mean)


class _HashOfFile(NamedTuple):
    """The hash of a file; None if it is no image, which preparation reports, or a flat one."""

    bits: np.ndarray | None
    is_known: bool = True

    def encoded(self) -> bytes | None:
        """Return bytes for the content cache; None if the next time may have another result."""
        if not self.is_known:
            return None
        return b"" if self.bits is None else np.packbits(self.bits).tobytes()

    @classmethod
    def decoded(cls, stored: bytes) -> _HashOfFile:
        """Do the reverse."""
        packed = np.frombuffer(stored, dtype=np.uint8)
        return cls(np.unpackbits(packed)[:NUM_BITS].astype(bool) if stored else None)


def _hash(file: Path, digest: str) -> _HashOfFile:
    try:
        content = read_bytes(file)
    except UnreadableImageError:
        return _HashOfFile(None, is_known=False)
    # It may have been written since its digest was computed.
    is_expected = bool(digest) and hashlib.sha256(content).hexdigest() == digest
    try:
        return _HashOfFile(perceptual_hash(content), is_expected)
    except UnreadableImageError:  # not remembered: a library for it may be installed later
        return _HashOfFile(None, is_known=False)
