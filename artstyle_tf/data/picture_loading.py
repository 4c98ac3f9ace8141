"""Any picture file -> the pixels that a network takes, just as if it had been prepared first."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf

from artstyle_tf.data.decoding import AspectPolicy, decode_picture, resize_picture
from artstyle_tf.data.picture_reading import UnreadablePictureError, is_plain_jpeg, read_bytes
from artstyle_tf.data.prepared_files.picture_writing import prepare_bytes

Loaded = TypeVar("Loaded")

# Decoded ahead of the network: enough for a batch while the one before is looked at.
_PICTURES_AHEAD = 32


class PictureLoader:
    """Reads pictures as training has read them.

    Args:
        image_size_px: side S of the square pictures, in pixels.
        aspect: how a picture becomes a square.
        max_side_px: larger pictures are reduced to this first, as in preparation; None: never.
    """

    def __init__(
        self, *, image_size_px: int, aspect: AspectPolicy, max_side_px: int | None
    ) -> None:
        self._max_side_px = max_side_px
        # One compiled function, because single operations hold Python's lock too often.
        self._to_square = tf.function(
            lambda content: resize_picture(
                decode_picture(content), image_size_px=image_size_px, aspect=aspect
            ),
            input_signature=[tf.TensorSpec([], tf.string)],
        )

    def load(self, path: Path) -> np.ndarray:
        """Reads one picture.

        Returns:
            uint8 [S, S, 3].

        Raises:
            UnreadablePictureError: if the file cannot be used as a picture.
        """
        content = read_bytes(path)
        # Most pictures need no preparation, and to see that takes much less than decoding twice.
        if is_plain_jpeg(content, max_side_px=self._max_side_px):
            try:
                return self._to_square(content).numpy()
            except tf.errors.InvalidArgumentError:
                pass  # damaged; the other way says how, or can read it all the same
        return self._to_square(prepare_bytes(content, max_side_px=self._max_side_px)).numpy()


def load_prepared(path: Path, *, max_side_px: int | None) -> bytes:
    """The file as preparation would have written it, for somebody else to decode.

    Raises:
        UnreadablePictureError: if the file cannot be used as a picture.
    """
    content = read_bytes(path)
    if is_plain_jpeg(content, max_side_px=max_side_px):
        return content
    return prepare_bytes(content, max_side_px=max_side_px)


def load_ahead(
    load: Callable[[Path], Loaded], paths: Iterable[Path], *, num_threads: int
) -> Iterator[tuple[Path, Loaded | UnreadablePictureError]]:
    """Loads pictures in threads, some ahead of whoever takes them; memory stays flat.

    Args:
        load: raises UnreadablePictureError where it has to.
        paths: of the pictures.
        num_threads: at least 1.

    Yields:
        Path, and what was loaded or why it was not, in the order of the paths.
    """

    def attempt(path: Path) -> Loaded | UnreadablePictureError:
        try:
            return load(path)
        except UnreadablePictureError as error:
            return error

    executor = ThreadPoolExecutor(num_threads)
    try:
        waiting = iter(paths)
        ahead = deque(
            (path, executor.submit(attempt, path))
            for path in itertools.islice(waiting, _PICTURES_AHEAD)
        )
        while ahead:
            path, future = ahead.popleft()
            yield path, future.result()
            ahead.extend(
                (path, executor.submit(attempt, path)) for path in itertools.islice(waiting, 1)
            )
    finally:
        executor.shutdown(cancel_futures=True)
