"""Time one epoch of several ways to read images as batches."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from artstyle_tf.images.batches.batches import training_batches
from artstyle_tf.images.batches.epoch_order import ShuffledOrder
from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.system.errors import ArtstyleError

OneEpoch = Callable[[], float]
"""Function that reads every image once and returns images per second."""


@dataclass(frozen=True)
class Images:
    """JPEG files in style folders, and the size of images and batches.

    Attributes:
        folder: folder of the style folders; contains only these files.
        paths: paths of the files.
        labels: class id of each file.
        image_size_px: side of the square images.
        batch_size: images in a batch.
    """

    folder: Path
    paths: list[Path]
    labels: list[int]
    image_size_px: int
    batch_size: int


def decoding_only(images: Images) -> OneEpoch:
    def decode(content: tf.Tensor) -> tf.Tensor:
        # Returns the number of values, because images of different sizes cannot form a batch.
        return tf.size(tf.io.decode_jpeg(content, channels=3))

    contents = [path.read_bytes() for path in images.paths]
    dataset = tf.data.Dataset.from_tensor_slices(contents)
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(images.batch_size)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return lambda: _images_per_second(dataset, images)


def artstyle_pipeline(images: Images, *, in_memory: bool) -> OneEpoch:
    store = ImageStore(images.paths, image_size_px=images.image_size_px)
    if in_memory:
        store.keep_in_memory(budget_mb=store.size_bytes // 2**20 + 1)
    order = ShuffledOrder(len(images.paths), batch_size=images.batch_size, seed=0)
    dataset = training_batches(store, images.labels, order).take(order.steps_per_epoch)
    return lambda: _images_per_second((labels for _, labels in dataset), images)


def keras_pipeline(images: Images, *, prefetch: bool) -> OneEpoch:
    dataset: Any = keras.utils.image_dataset_from_directory(
        images.folder,
        image_size=(images.image_size_px, images.image_size_px),
        batch_size=images.batch_size,
        verbose=False,
    )
    if prefetch:
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return lambda: _images_per_second((labels for _, labels in dataset), images)


@contextlib.contextmanager
def torch_loader(
    python: Path, images: Images, *, num_workers: int
) -> Iterator[tuple[OneEpoch, dict[str, str]]]:
    """Run `torch_reader.py`, which is idle while other readers are measured.

    Yields:
        The function that measures one epoch, and the versions of torch and Pillow.
    """
    script = Path(__file__).with_name("torch_reader.py")
    request = {
        "paths": [str(path) for path in images.paths],
        "labels": images.labels,
        "image_size_px": images.image_size_px,
        "batch_size": images.batch_size,
        "num_workers": num_workers,
    }
    try:
        process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise _torch_failed(error.strerror) from error

    def request_line(line: str) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # the missing response below raises
            process.stdin.write(line + "\n")
            process.stdin.flush()
        response = process.stdout.readline()
        if not response:
            raise _torch_failed("the process ended; its error message is above")
        return json.loads(response)

    def one_epoch() -> float:
        response = request_line("epoch")
        return _rate(response["images"], response["seconds"], images)

    with process:  # leaving closes its stdin, which ends the process
        yield one_epoch, request_line(json.dumps(request))


def _torch_failed(received: str | None) -> ArtstyleError:
    return ArtstyleError(
        "The torch DataLoader cannot be measured",
        received=received,
        expected="--torch-python with a python that has torch, numpy and pillow",
    )


def _images_per_second(batches: Iterable[Any], images: Images) -> float:
    """Iterate over one epoch and return the images per second.

    Args:
        batches: tensors [B], one entry per image; iterated from the start.
        images: the images that the epoch must contain.

    Raises:
        RuntimeError: if the epoch has another number of images.
    """
    start = time.perf_counter()
    num_read = sum(len(batch) for batch in batches)
    return _rate(num_read, time.perf_counter() - start, images)


def _rate(num_read: int, seconds: float, images: Images) -> float:
    if num_read != len(images.paths):
        raise RuntimeError(f"An epoch held {num_read} of {len(images.paths)} images")
    return num_read / seconds
