"""Decoded images by number: kept in memory when they fit, decoded again when they do not."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from artstyle_tf.images.batches.dataset_options import untuned
from artstyle_tf.images.reading.decoding import AspectPolicy, decode_image, resize_image
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.system.threads import usable_cores

_BATCH_FOR_FILLING = 64


class ImageStore:
    """Images of one size, ready for the network.

    Args:
        paths: files that `decode_image` reads, in the order of their numbers.
        image_size_px: side S of the square images, in pixels.
        aspect: how an image becomes a square; see `resize_image`.
        digests: SHA-256 in hex of each file as it is expected; None to take what there is. A file
            is compared each time it is read, so that a preparation with other settings that runs
            meanwhile cannot change what is learned, or what is cached under the old digest.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        image_size_px: int,
        aspect: AspectPolicy = "squash",
        digests: Sequence[str] | None = None,
    ) -> None:
        self._paths = tf.constant([str(path) for path in paths], dtype=tf.string)
        self._digests = None if digests is None else tf.constant(list(digests), dtype=tf.string)
        self._num_images = len(paths)
        self._image_size_px = image_size_px
        self._aspect: AspectPolicy = aspect
        self._images: tf.Tensor | None = None

    def __len__(self) -> int:
        return self._num_images

    @property
    def size_bytes(self) -> int:
        """What all images take in memory, as uint8."""
        return self._num_images * self._image_size_px**2 * 3

    @property
    def is_in_memory(self) -> bool:
        """Whether the images were kept."""
        return self._images is not None

    def keep_in_memory(
        self,
        *,
        budget_mb: int,
        description: str = "Reading images",
        reporter: Reporter = SILENT,
    ) -> None:
        """Reads all images now, if they fit, so that none is ever decoded again.

        Args:
            budget_mb: nothing happens if all images take more than this many MiB.
            description: what is being read, for the progress report.
            reporter: where progress goes.

        Raises:
            ArtstyleError: if an image cannot be read.
        """
        if not self.is_in_memory and self.size_bytes <= budget_mb * 2**20:
            with errors_of_reading():
                self._images = self._read_all(description, reporter)

    def load(self, number: tf.Tensor | int) -> tf.Tensor:
        """One image, also inside `tf.data`.

        Args:
            number: scalar integer in [0, len).

        Returns:
            uint8 [S, S, 3].
        """
        if self._images is not None:
            return self._images[number]  # pyright: ignore[reportIndexIssue]
        return self._read(number)

    def _path(self, number: int) -> str:
        return self._paths.numpy()[number].decode()

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
                received=_telling_line(str(error.message)),
                fix="delete the file, then run scripts/prepare_data.py again",
            ) from error
        with tf.device("cpu"):
            return tf.constant(images)


def _unchanged(content: Any, digest: Any, path: Any) -> bytes:
    """The content of a file, if it is the one that was prepared.

    Raises:
        ValueError: if it is not; TensorFlow makes an InvalidArgumentError of it.
    """
    # Outside a graph TensorFlow hands out arrays of one element.
    found, expected, name = (np.asarray(each).item() for each in (content, digest, path))
    if hashlib.sha256(found).hexdigest().encode() != expected:
        raise ValueError(f"{_HAS_CHANGED}: {name.decode(errors='backslashreplace')}")
    return found


_HAS_CHANGED = "The file has changed since it was prepared"

# What TensorFlow says of files that are gone, damaged, not allowed, or on a disk that fails.
_ERRORS_OF_FILES = (
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.DataLossError,
    tf.errors.OutOfRangeError,
)

# Names of the operations, and what the system says; the same errors can be mistakes of a program.
_WORDS_OF_THE_SYSTEM = ("No such file", "Permission denied", "Unknown image file")
_SIGNS_OF_READING = (*_WORDS_OF_THE_SYSTEM, "ReadFile", "DecodeImage", "DecodeJpeg")
_CHANGED_FILE = re.compile(rf"{_HAS_CHANGED}: ([^\n]+)")
_PLACE_IN_THE_GRAPH = re.compile(r"\(\d+\) [A-Z_]+: |\{\{.*?\}\}\s*")


@contextlib.contextmanager
def errors_of_reading() -> Iterator[None]:
    """Says in the user's words that a prepared image is gone or damaged.

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
            received=_telling_line(str(error.message)),
            fix="run scripts/prepare_data.py again",
        ) from error


def _telling_line(message: str) -> str:
    """The line of TensorFlow's report that names the file, without where in the graph it was."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line for line in lines if any(sign in line for sign in _WORDS_OF_THE_SYSTEM)]
    return _PLACE_IN_THE_GRAPH.sub("", (telling or lines)[0])
