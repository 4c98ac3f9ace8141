"""Ways to read images as batches, each as a function that runs one epoch and times it."""

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
"""Reads every image once; gives images/s."""


@dataclass(frozen=True)
class Images:
    """JPEG files in style folders, and how they are to come out.

    Attributes:
        folder: of the style folders; holds these files and nothing else.
        paths: of the files.
        labels: class id of each file.
        image_size_px: side of the square images.
        batch_size: images in a batch.
    """

    folder: Path
    paths: list[Path]
    labels: list[int]
    image_size_px: int
    batch_size: int


def decoding_alone(images: Images) -> OneEpoch:
    def decode(content: tf.Tensor) -> tf.Tensor:
        # Its size stands for the image: images of many sizes do not stack into a batch.
        return tf.size(tf.io.decode_jpeg(content, channels=3))

    contents = [path.read_bytes() for path in images.paths]
    dataset = tf.data.Dataset.from_tensor_slices(contents)
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(images.batch_size)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return lambda: _images_per_second(dataset, images)


def ours(images: Images, *, keep: bool) -> OneEpoch:
    store = ImageStore(images.paths, image_size_px=images.image_size_px)
    if keep:
        store.keep_in_memory(budget_mb=store.size_bytes // 2**20 + 1)
    order = ShuffledOrder(len(images.paths), batch_size=images.batch_size, seed=0)
    dataset = training_batches(store, images.labels, order).take(order.steps_per_epoch)
    return lambda: _images_per_second((labels for _, labels in dataset), images)


def keras_directory(images: Images, *, prefetch: bool) -> OneEpoch:
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
    """Runs `torch_reader.py`; it waits, without using the processor, while others are measured.

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

    def ask(line: str) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # the missing answer below says it
            process.stdin.write(line + "\n")
            process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise _torch_failed("it ended; its own words are above")
        return json.loads(answer)

    def one_epoch() -> float:
        answer = ask("epoch")
        return _rate(answer["images"], answer["seconds"], images)

    with process:  # leaving closes its input, and it ends by itself
        yield one_epoch, ask(json.dumps(request))


def _torch_failed(received: str | None) -> ArtstyleError:
    return ArtstyleError(
        "The torch DataLoader cannot be measured",
        received=received,
        expected="--torch-python with a python that has torch, numpy and pillow",
    )


def _images_per_second(batches: Iterable[Any], images: Images) -> float:
    """Runs through one epoch.

    Args:
        batches: one-dimensional tensors with one entry an image; iterated from its start.
        images: what the epoch has to hold.
    """
    start = time.perf_counter()
    num_read = sum(len(batch) for batch in batches)
    return _rate(num_read, time.perf_counter() - start, images)


def _rate(num_read: int, seconds: float, images: Images) -> float:
    if num_read != len(images.paths):
        raise RuntimeError(f"An epoch held {num_read} of {len(images.paths)} images")
    return num_read / seconds
