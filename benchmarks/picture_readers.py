"""Ways to read pictures as batches, each as a function that runs one epoch and times it."""

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
from artstyle_tf.images.batches.image_store import PictureStore
from artstyle_tf.system.errors import ArtstyleError

OneEpoch = Callable[[], float]
"""Reads every picture once; gives pictures/s."""


@dataclass(frozen=True)
class Pictures:
    """JPEG files in style folders, and how they are to come out.

    Attributes:
        folder: of the style folders; holds these files and nothing else.
        paths: of the files.
        labels: class id of each file.
        image_size_px: side of the square pictures.
        batch_size: pictures in a batch.
    """

    folder: Path
    paths: list[Path]
    labels: list[int]
    image_size_px: int
    batch_size: int


def decoding_alone(pictures: Pictures) -> OneEpoch:
    def decode(content: tf.Tensor) -> tf.Tensor:
        # Its size stands for the picture: pictures of many sizes do not stack into a batch.
        return tf.size(tf.io.decode_jpeg(content, channels=3))

    contents = [path.read_bytes() for path in pictures.paths]
    dataset = tf.data.Dataset.from_tensor_slices(contents)
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(pictures.batch_size)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return lambda: _pictures_per_second(dataset, pictures)


def ours(pictures: Pictures, *, keep: bool) -> OneEpoch:
    store = PictureStore(pictures.paths, image_size_px=pictures.image_size_px)
    if keep:
        store.keep_in_memory(budget_mb=store.size_bytes // 2**20 + 1)
    order = ShuffledOrder(len(pictures.paths), batch_size=pictures.batch_size, seed=0)
    dataset = training_batches(store, pictures.labels, order).take(order.steps_per_epoch)
    return lambda: _pictures_per_second((labels for _, labels in dataset), pictures)


def keras_directory(pictures: Pictures, *, prefetch: bool) -> OneEpoch:
    dataset: Any = keras.utils.image_dataset_from_directory(
        pictures.folder,
        image_size=(pictures.image_size_px, pictures.image_size_px),
        batch_size=pictures.batch_size,
        verbose=False,
    )
    if prefetch:
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return lambda: _pictures_per_second((labels for _, labels in dataset), pictures)


@contextlib.contextmanager
def torch_loader(
    python: Path, pictures: Pictures, *, num_workers: int
) -> Iterator[tuple[OneEpoch, dict[str, str]]]:
    """Runs `torch_reader.py`; it waits, without using the processor, while others are measured.

    Yields:
        The function that measures one epoch, and the versions of torch and Pillow.
    """
    script = Path(__file__).with_name("torch_reader.py")
    request = {
        "paths": [str(path) for path in pictures.paths],
        "labels": pictures.labels,
        "image_size_px": pictures.image_size_px,
        "batch_size": pictures.batch_size,
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
        return _rate(answer["pictures"], answer["seconds"], pictures)

    with process:  # leaving closes its input, and it ends by itself
        yield one_epoch, ask(json.dumps(request))


def _torch_failed(received: str | None) -> ArtstyleError:
    return ArtstyleError(
        "The torch DataLoader cannot be measured",
        received=received,
        expected="--torch-python with a python that has torch, numpy and pillow",
    )


def _pictures_per_second(batches: Iterable[Any], pictures: Pictures) -> float:
    """Runs through one epoch.

    Args:
        batches: one-dimensional tensors with one entry a picture; iterated from its start.
        pictures: what the epoch has to hold.
    """
    start = time.perf_counter()
    num_read = sum(len(batch) for batch in batches)
    return _rate(num_read, time.perf_counter() - start, pictures)


def _rate(num_read: int, seconds: float, pictures: Pictures) -> float:
    if num_read != len(pictures.paths):
        raise RuntimeError(f"An epoch held {num_read} of {len(pictures.paths)} pictures")
    return num_read / seconds
