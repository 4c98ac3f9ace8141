"""Any image file -> the input pixels of a network, just as if it had been prepared first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf

from artstyle_tf.images.preparation.image_writing import prepare_bytes
from artstyle_tf.images.reading.decoding import AspectPolicy, decode_image, resize_image
from artstyle_tf.images.reading.image_reading import (
    UnreadableImageError,
    read_bytes,
    size_of_plain_jpeg,
)
from artstyle_tf.system.threads import in_batches, map_in_threads

Source = TypeVar("Source")
Loaded = TypeVar("Loaded")

# Decoded ahead of the network: enough for a batch while the one before is evaluated.
_IMAGES_AHEAD = 32

# Decoded by one call of TensorFlow: alone, each takes a third longer.
_IMAGES_A_CALL = 8


class ImageLoader:
    """Loader of images as training has read them.

    Args:
        image_size_px: side S of the square images, in pixels.
        aspect: how an image is converted to a square.
        max_side_px: larger images are reduced to this first, as in preparation; None: never.
    """

    def __init__(
        self, *, image_size_px: int, aspect: AspectPolicy, max_side_px: int | None
    ) -> None:
        self._max_side_px = max_side_px

        def to_square(content: tf.Tensor) -> tf.Tensor:
            image = decode_image(content)
            return resize_image(image, image_size_px=image_size_px, aspect=aspect)

        # One compiled function, because single operations hold Python's lock too often.
        self._to_squares = tf.function(
            lambda contents: tf.map_fn(
                to_square,
                contents,
                # Several threads do this already, and one large image at a time is enough.
                parallel_iterations=1,
                fn_output_signature=tf.TensorSpec([image_size_px, image_size_px, 3], tf.uint8),
            ),
            input_signature=[tf.TensorSpec([None], tf.string)],
        )

    def load(self, paths: Sequence[Path]) -> list[np.ndarray | UnreadableImageError]:
        """Load each path: uint8 [S, S, 3], or why the file cannot be used as an image."""
        files = load_prepared(paths, max_side_px=self._max_side_px)
        contents = [file for file in files if isinstance(file, bytes)]
        try:
            squares = iter(self._squares(contents))
            return [next(squares) if isinstance(file, bytes) else file for file in files]
        except tf.errors.OpError:
            return [
                _attempt(self._load_with_care, file) if isinstance(file, bytes) else file
                for file in files
            ]

    def _squares(self, contents: list[bytes]) -> np.ndarray:
        # A tensor, because without graphs TensorFlow converts no lists.
        return self._to_squares(tf.constant(contents, tf.string)).numpy()

    def _load_with_care(self, content: bytes) -> np.ndarray:
        """Load one image of a batch of which one is damaged."""
        try:
            return self._squares([content])[0]
        except tf.errors.OpError:
            # Pillow, which preparation uses, raises a reason or can read it all the same.
            prepared = prepare_bytes(content, max_side_px=self._max_side_px)
        try:
            return self._squares([prepared])[0]
        except tf.errors.OpError as error:
            message = str(error.message).splitlines()[0]
            raise UnreadableImageError(f"TensorFlow cannot use it: {message}") from error


def load_prepared(
    paths: Sequence[Path], *, max_side_px: int | None
) -> list[bytes | UnreadableImageError]:
    """Return each file's bytes as preparation would have written them, or why it cannot be used."""

    def load_one(path: Path) -> bytes:
        content = read_bytes(path)
        # Most images need no preparation, and checking that takes much less than decoding twice.
        if size_of_plain_jpeg(content, max_side_px=max_side_px) is not None:
            return content
        return prepare_bytes(content, max_side_px=max_side_px)

    return [_attempt(load_one, path) for path in paths]


def load_ahead(
    load: Callable[[Sequence[Path]], Sequence[Loaded]], paths: Iterable[Path], *, num_threads: int
) -> Iterator[tuple[Path, Loaded]]:
    """Load images in threads, a few ahead of the consumer, so that memory stays flat.

    `load` returns one value for each of some paths. Yields path and value, in the order of the
    paths.
    """

    def load_some(some: list[Path]) -> list[tuple[Path, Loaded]]:
        return list(zip(some, load(some), strict=True))

    loaded = map_in_threads(
        load_some,
        in_batches(paths, _IMAGES_A_CALL),
        num_threads=num_threads,
        num_ahead=_IMAGES_AHEAD // _IMAGES_A_CALL,
    )
    return itertools.chain.from_iterable(loaded)


def _attempt(function: Callable[[Source], Loaded], source: Source) -> Loaded | UnreadableImageError:
    try:
        return function(source)
    except UnreadableImageError as error:
        return error
