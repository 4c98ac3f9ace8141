"""Decoded images by number: in memory if they fit, decoded again each time if they do not."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from artstyle_tf.images.batches.epoch_order import untuned
from artstyle_tf.images.reading.decoding import AspectPolicy, decode_image, resize_image
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.system.threads import usable_cores

_BATCH_FOR_FILLING = 64

ViewFunction = Callable[[np.ndarray, int, int], np.ndarray]
"""(image uint8 [S, S, 3], number of the image, view) -> uint8 [S, S, 3]."""


class ImageStore:
    """Images of one size, ready for the network.

    Args:
        paths: files that `decode_image` reads, in the order of their numbers.
        image_size_px: side S of the square images, in pixels.
        aspect: how an image is converted to a square; see `resize_image`.
        digests: expected SHA-256 in hex of each file; None for no check. A file is compared each
            time it is read, so that a concurrent preparation with other settings cannot change
            training data, or activations that are cached under the old digest.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        image_size_px: int,
        aspect: AspectPolicy = "squash",
        digests: Sequence[str] | None = None,
    ) -> None:
        self._files = list(paths)
        self._expected = None if digests is None else list(digests)
        self._paths = tf.constant([str(path) for path in paths], dtype=tf.string)
        self._digests = None if digests is None else tf.constant(list(digests), dtype=tf.string)
        self._num_images = len(paths)
        self._image_size_px = image_size_px
        self._aspect: AspectPolicy = aspect
        self._images: tf.Tensor | None = None

    def __len__(self) -> int:
        return self._num_images

    def select(self, numbers: np.ndarray) -> ImageStore:
        """Return a store of some of the images, none of them in memory; `numbers` are int [n]."""
        digests = self._expected
        return ImageStore(
            [self._files[number] for number in numbers],
            image_size_px=self._image_size_px,
            aspect=self._aspect,
            digests=None if digests is None else [digests[number] for number in numbers],
        )

    def join(self, other: ImageStore) -> ImageStore:
        """Return a store of both stores' images, none of them in memory."""
        mine, its = self._expected, other._expected
        return ImageStore(
            [*self._files, *other._files],
            image_size_px=self._image_size_px,
            aspect=self._aspect,
            digests=None if mine is None or its is None else [*mine, *its],
        )

    @property
    def size_bytes(self) -> int:
        """Return the memory of all images, as uint8."""
        return self._num_images * self._image_size_px**2 * 3

    @property
    def is_in_memory(self) -> bool:
        """Return whether the images are in memory."""
        return self._images is not None

    def keep_in_memory(
        self,
        *,
        budget_mb: int,
        description: str = "Reading images",
        reporter: Reporter = SILENT,
    ) -> None:
        """Read all images now, if they fit into `budget_mb` MiB, so that none is decoded again.

        The description is for the progress report.

        Raises:
            ArtstyleError: if an image cannot be read.
        """
        if not self.is_in_memory and self.size_bytes <= budget_mb * 2**20:
            with errors_of_reading():
                self._images = self._read_all(description, reporter)

    def load(self, number: tf.Tensor | int) -> tf.Tensor:
        """Return the image with a number in [0, len), also inside `tf.data`: uint8 [S, S, 3]."""
        if self._images is not None:
            return self._images[number]  # pyright: ignore[reportIndexIssue]
        return self._read(number)

    def _path(self, number: int) -> str:
        return str(self._files[number])

    def _read(self, number: tf.Tensor | int) -> tf.Tensor:
        path = self._paths[number]  # pyright: ignore[reportIndexIssue]
        content = tf.io.read_file(path)
        if self._digests is not None:
            digest = self._digests[number]  # pyright: ignore[reportIndexIssue]
            content = tf.numpy_function(_unchanged, [content, digest, path], tf.string)
            content = tf.ensure_shape(content, [])
        image = decode_image(content)
        return resize_image(image, image_size_px=self._image_size_px, aspect=self._aspect)

    def _read_all(self, description: str, reporter: Reporter) -> tf.Tensor:
        shape = (self._num_images, self._image_size_px, self._image_size_px, 3)
        images = np.empty(shape, dtype=np.uint8)
        dataset = tf.data.Dataset.range(self._num_images)
        dataset = dataset.map(self._read, num_parallel_calls=usable_cores())
        batches = untuned(dataset.prefetch(_BATCH_FOR_FILLING)).as_numpy_iterator()
        tracked = reporter.track(batches, total=self._num_images, description=description)
        num_read = 0
        try:
            for image in tracked:
                images[num_read] = image
                num_read += 1
        except tf.errors.InvalidArgumentError as error:
            if _CHANGED_FILE.search(str(error.message)):
                raise
            raise ArtstyleError(
                f"The prepared image {self._path(num_read)} cannot be used",
                received=_relevant_line(str(error.message)),
                fix="delete the file, then run scripts/prepare_data.py again",
            ) from error
        with tf.device("cpu"):
            return tf.constant(images)


def view_batches(
    store: ImageStore,
    numbers: np.ndarray,
    views: np.ndarray,
    *,
    make_view: ViewFunction,
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yield float32 [B, S, S, 3], in 0..255, in the order of the numbers; the last may be smaller.

    Each image is decoded once for all its views, and decoding overlaps with the consumer. `numbers`
    and `views` are int [R]; the views of one image should follow each other.

    Raises:
        ArtstyleError: if an image cannot be read.
    """
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
    views_of_each = tf.RaggedTensor.from_row_starts(  # pyright: ignore[reportAttributeAccessIssue]
        tf.constant(views, tf.int32), starts
    )

    def make_views(image: np.ndarray, number: int, chosen: np.ndarray) -> np.ndarray:
        return np.stack([make_view(image, int(number), int(view)) for view in chosen])

    def load(number: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        image = store.load(number)
        in_views = tf.numpy_function(make_views, [image, number, chosen], image.dtype)
        return tf.ensure_shape(in_views, [None, *image.shape])

    dataset = (
        tf.data.Dataset.from_tensor_slices((tf.constant(numbers[starts]), views_of_each))
        .map(load, num_parallel_calls=usable_cores())
        .unbatch()
        .batch(batch_size)
        .map(lambda images: tf.cast(images, tf.float32))
        .prefetch(2)
    )
    with errors_of_reading():
        yield from untuned(dataset).as_numpy_iterator()


def _unchanged(content: Any, digest: Any, path: Any) -> bytes:
    """Return the content of a file, if it is the one that was prepared.

    Raises:
        ValueError: if it is not; TensorFlow converts it to an InvalidArgumentError.
    """
    # Outside a graph TensorFlow passes arrays of one element.
    found, expected, name = (np.asarray(each).item() for each in (content, digest, path))
    if hashlib.sha256(found).hexdigest().encode() != expected:
        raise ValueError(f"{_HAS_CHANGED}: {name.decode(errors='backslashreplace')}")
    return found


_HAS_CHANGED = "The file has changed since it was prepared"

# Errors of TensorFlow for files that are missing, damaged, not allowed, or on a failing disk.
_ERRORS_OF_FILES = (
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.DataLossError,
    tf.errors.OutOfRangeError,
)

# Names of operations, and messages of the system; other such errors are faults of the program.
_SYSTEM_MESSAGES = ("No such file", "Permission denied", "Unknown image file")
_SIGNS_OF_READING = (*_SYSTEM_MESSAGES, "ReadFile", "DecodeImage", "DecodeJpeg")
_CHANGED_FILE = re.compile(rf"{_HAS_CHANGED}: ([^\n]+)")
_PLACE_IN_THE_GRAPH = re.compile(r"\(\d+\) [A-Z_]+: |\{\{.*?\}\}\s*")


@contextlib.contextmanager
def errors_of_reading() -> Iterator[None]:
    """Convert TensorFlow's errors about a missing or damaged prepared image.

    Raises:
        ArtstyleError: instead of TensorFlow's error.
    """
    try:
        yield
    except _ERRORS_OF_FILES as error:
        if (changed := _CHANGED_FILE.search(str(error.message))) is not None:
            raise ArtstyleError(
                "A prepared image has changed while it was used",
                received=changed[1],
                expected="the file that was there at the start; has another program prepared the "
                "same folder with other settings?",
                fix="start again, with another data.prepared for one of the two",
            ) from error
        if not any(sign in str(error) for sign in _SIGNS_OF_READING):
            raise
        raise ArtstyleError(
            "A prepared image cannot be read any more",
            received=_relevant_line(str(error.message)),
            fix="run scripts/prepare_data.py again",
        ) from error


def _relevant_line(message: str) -> str:
    """Return the line of TensorFlow's message that names the file, without the graph position."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    relevant = [line for line in lines if any(sign in line for sign in _SYSTEM_MESSAGES)]
    return _PLACE_IN_THE_GRAPH.sub("", (relevant or lines)[0])
