"""Pretrain the compact network on procedural images: the source of `model.weights: demo`.

    python benchmarks/pretrain_compact.py --output artstyle_tf/models/compact.weights.h5

The images are those of `procedural_images`, which shares nothing with the demo set. The network
learns to predict the factors from which an image was drawn. Its weights are stored in half
precision.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from procedural_images import FACTORS, draw

from artstyle_tf.system.threads import usable_cores

_SIDE_PX = 128
_CROP_PX = 80  # less than half of the pixels, but enough to recognize every factor
_BATCH_SIZE = 32
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 0.01


def main() -> None:
    """Draw images, train, print the accuracy of each factor, and write the weights."""
    parser = argparse.ArgumentParser(description="Pretrain the compact network.")
    parser.add_argument("--output", type=Path, required=True, help="file, ends in .weights.h5")
    parser.add_argument("--images", type=int, default=8_000, help="number of training images")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the printed values here")
    arguments = parser.parse_args()
    start = time.monotonic()
    validation_images = max(64, arguments.images // 10)
    pixels, factors = _draw_all(arguments.images + validation_images)
    drawn = time.monotonic()
    print(f"{len(pixels):,} images drawn in {drawn - start:.0f} s", flush=True)
    backbone, accuracy = _train(
        pixels, factors, validation_images, epochs=arguments.epochs, seed=arguments.seed
    )
    _save_half_precision(backbone, arguments.output)
    trained = time.monotonic()
    size_kb = arguments.output.stat().st_size / 1000
    print(f"trained in {trained - drawn:.0f} s; {arguments.output}: {size_kb:.0f} kB")
    if arguments.json:
        report = {"accuracy": accuracy, "kilobytes": size_kb, "seconds": trained - start}
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")


def _draw_all(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw images with all cores: uint8 [N, S, S, 3] and int32 [N, F]."""
    pixels = np.empty((count, _SIDE_PX, _SIDE_PX, 3), np.uint8)
    factors = np.empty((count, len(FACTORS)), np.int32)
    # Spawned, because a fork of a process that has run native threads can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(usable_cores(), mp_context=context) as processes:
        drawn = processes.map(partial(draw, side_px=_SIDE_PX), range(count), chunksize=64)
        for number, (image, values) in enumerate(drawn):
            pixels[number], factors[number] = image, values
    return pixels, factors


def _train(pixels: np.ndarray, factors: np.ndarray, held_out: int, *, epochs: int, seed: int):
    """Train the network on all images but the last ones, and evaluate it on those.

    Returns:
        (the backbone, factor -> accuracy on the held-out images).
    """
    import keras

    from artstyle_tf.models.compact_network import build_compact_network

    keras.utils.set_random_seed(seed)
    backbone = build_compact_network(input_shape=(None, None, 3))
    features = keras.layers.GlobalAveragePooling2D()(backbone.output)
    heads = [keras.layers.Dense(len(names), name=name)(features) for name, names in FACTORS.items()]
    model = keras.Model(backbone.input, heads)
    steps = (len(pixels) - held_out) // _BATCH_SIZE
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=epochs * steps,
        warmup_target=_LEARNING_RATE,
        warmup_steps=steps,
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=_WEIGHT_DECAY, global_clipnorm=1.0),
        loss=[keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in FACTORS],
        metrics=[["accuracy"] for _ in FACTORS],
        jit_compile=False,
    )
    model.fit(
        _batches(pixels[:-held_out], factors[:-held_out], epochs=epochs, seed=seed),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,  # the batches are shuffled already
        verbose=2,
    )
    accuracy = {}
    predicted = model.predict(pixels[-held_out:], batch_size=_BATCH_SIZE, verbose=0)
    for position, name in enumerate(FACTORS):
        hits = predicted[position].argmax(axis=1) == factors[-held_out:, position]
        accuracy[name] = float(hits.mean())
        chance = 1 / len(FACTORS[name])
        print(f"{name:10} accuracy {accuracy[name]:.3f}, by chance {chance:.3f}")
    return backbone, accuracy


def _batches(
    pixels: np.ndarray, factors: np.ndarray, *, epochs: int, seed: int
) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...]]]:
    """Yield shuffled batches of random crops, flipped and rotated.

    Yields:
        (uint8 [B, C, C, 3], one int32 [B] per factor).
    """
    generator = np.random.default_rng(seed)
    for _ in range(epochs + 1):  # Keras fetches one batch ahead
        order = generator.permutation(len(pixels))
        for first in range(0, len(order) - _BATCH_SIZE + 1, _BATCH_SIZE):
            rows = order[first : first + _BATCH_SIZE]
            top, left = generator.integers(_SIDE_PX - _CROP_PX + 1, size=2)
            batch = pixels[rows, top : top + _CROP_PX, left : left + _CROP_PX]
            batch = np.rot90(batch, int(generator.integers(4)), axes=(1, 2))
            if generator.random() < 0.5:
                batch = batch[:, :, ::-1]
            yield np.ascontiguousarray(batch), tuple(factors[rows].T)


def _save_half_precision(backbone, file: Path) -> None:
    """Write the weights in the layout of `save_weights`, as float16."""
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.weights.h5"
        backbone.save_weights(full)
        # The newest HDF5 layout needs a tenth of the space for the metadata of each array.
        with h5py.File(full) as source, h5py.File(file, "w", libver="latest") as target:
            _copy(source, target)


def _copy(source: h5py.Group, target: h5py.Group) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name))
        else:
            values = item[()].astype(np.float16)
            if not np.isfinite(values).all():
                raise OverflowError(f"{item.name} does not fit into half precision")
            target.create_dataset(name, data=values)


if __name__ == "__main__":
    main()
