"""Pictures that look the same: other sizes, other compression, a little brighter or cropped.

A picture whose copy was learnt from is no test. Files with the same bytes are found by their digest;
this finds the others.

Source: a perceptual hash by the discrete cosine transform (Zauner 2010, "Implementation and
Benchmarking of Perceptual Image Hash Functions"), of 255 bits instead of 63, so that a picture is
not mistaken for another one among a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy import fft

from artstyle_tf.data.picture_groups import connected
from artstyle_tf.data.picture_reading import UnreadablePictureError, read_grey_thumbnail
from artstyle_tf.reporting import SILENT, Reporter

NUM_BITS = 255
MOST_DIFFERENT_BITS = 44
"""Up to this many, two pictures look the same. On 1,208 paintings, photographs and cartoons other
pictures differ in 86 bits at least; stronger compression, half the size, grey for colour in 12 at
most, brighter or more contrast in 40, turned by a degree in 42, without its outer 2 % in 52."""

_FREQUENCIES = 16
_THUMBNAIL_PX = 64
_LEAST_CONTRAST = 3.0  # of 255; what is flatter has nothing that could look the same
_ROWS_AT_ONCE = 2048
_THREADS = 4  # Pillow decodes without Python's lock.


def find_near_duplicates(
    root: Path, paths: Sequence[str], reporter: Reporter = SILENT
) -> np.ndarray:
    """Numbers the sets of pictures that look the same.

    Args:
        root: folder of the pictures.
        paths: of N pictures, relative to root. Files that cannot be read look like nothing else.
        reporter: where progress goes.

    Returns:
        int [N] in [0, G), equal for pictures that look the same, also through others.
    """
    hashes, is_usable = perceptual_hashes([root / path for path in paths], reporter)
    usable = np.flatnonzero(is_usable)
    first, second = usable[near_pairs(hashes[usable])].T
    # Each pair is a key that both share; a picture without a pair has only itself.
    things = np.concatenate([np.arange(len(paths)), first, second])
    pairs = np.concatenate([-1 - np.arange(len(paths)), *[np.arange(len(first))] * 2])
    return connected(things, pairs)[: len(paths)]


def perceptual_hashes(
    files: Sequence[Path], reporter: Reporter = SILENT
) -> tuple[np.ndarray, np.ndarray]:
    """Says for each of the lowest frequencies of a picture whether it is above their median.

    Args:
        files: N pictures.
        reporter: where progress goes.

    Returns:
        bool [N, 255], and bool [N], whether there is a picture with enough contrast to compare.
    """
    hashes = np.zeros((len(files), NUM_BITS), dtype=bool)
    is_usable = np.zeros(len(files), dtype=bool)
    for number, found in enumerate(_in_threads(files, reporter)):
        if found is not None:
            hashes[number], is_usable[number] = found, True
    return hashes, is_usable


def near_pairs(hashes: np.ndarray, *, most_different_bits: int = MOST_DIFFERENT_BITS) -> np.ndarray:
    """All pairs of hashes that differ in few bits.

    Compares all with all, as one matrix product: a hundred thousand take a minute on two cores.

    Args:
        hashes: bool [N, B].
        most_different_bits: a pair may differ in.

    Returns:
        int [P, 2], the first below the second.
    """
    signs = np.where(hashes, np.float32(1), np.float32(-1))
    # The dot product of signs is B - 2 x (different bits), exactly.
    least = hashes.shape[1] - 2 * most_different_bits
    pairs = [np.empty((0, 2), dtype=np.intp)]
    for start in range(0, len(signs), _ROWS_AT_ONCE):
        block = signs[start : start + _ROWS_AT_ONCE] @ signs[start:].T
        rows, columns = np.nonzero(np.triu(block >= least, k=1))
        pairs.append(np.stack([rows, columns], axis=1) + start)
    return np.concatenate(pairs)


def _hash(file: Path) -> np.ndarray | None:
    try:
        grey = read_grey_thumbnail(file, side_px=_THUMBNAIL_PX).astype(np.float32)
    except UnreadablePictureError:
        return None  # preparation says so
    if grey.std() < _LEAST_CONTRAST:
        return None
    lowest = fft.dctn(grey, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES].ravel()
    without_mean = lowest[1:]  # brightness says nothing about what is seen
    return without_mean > np.median(without_mean)


def _in_threads(files: Sequence[Path], reporter: Reporter) -> Iterator[np.ndarray | None]:
    executor = ThreadPoolExecutor(_THREADS)
    try:
        found = executor.map(_hash, files)
        yield from reporter.track(found, total=len(files), description="Looking for duplicates")
    finally:
        # On Ctrl-C nobody wants to wait for the files that are still queued.
        executor.shutdown(cancel_futures=True)
