"""Train a head on a frozen EfficientNet as Keras's guides do; run by `wait.py`.

Does the job of scripts/train_direct.py without artstyle_tf: image_dataset_from_directory, a network
of keras.applications, global average pooling, a Dense head, evaluate. Prints one JSON object.

  python benchmarks/plain_keras.py FOLDER    which has train/STYLE/ and val/STYLE/
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any


def main() -> None:
    options = _parse()
    # After --help, since it takes seconds.
    import keras

    keras.utils.set_random_seed(0)
    train, val = (_dataset(options, split) for split in ("train", "val"))
    network = _network(options)
    if options.features_once:
        model, train, val = _head_alone(options, network, train, val)
    else:
        features = keras.layers.GlobalAveragePooling2D()(network.output)
        outputs = keras.layers.Dense(len(train.class_names), activation="softmax")(features)
        model = keras.Model(network.input, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    # The datasets shuffle themselves; Keras warns of the default, which cannot.
    history = model.fit(train, epochs=options.epochs, shuffle=False, verbose=0)
    _, accuracy = model.evaluate(val, verbose=0)
    result = {"epochs": len(history.history["loss"]), "val_accuracy": float(accuracy)}
    print(json.dumps(result))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="with train/STYLE/ and val/STYLE/")
    add("--backbone", default="efficientnet_v2_b0", help="default: %(default)s")
    add("--weights", help="imagenet, or a file without top; default: random weights")
    add("--image-size-px", type=int, default=320, metavar="S", help="default: %(default)s")
    add("--batch-size", type=int, default=32, metavar="N", help="default: %(default)s")
    add("--epochs", type=int, default=5, metavar="N", help="default: %(default)s")
    add(
        "--features-once",
        action="store_true",
        help="compute the features of each image once, not once per epoch",
    )
    return parser.parse_args()


def _dataset(options: argparse.Namespace, split: str) -> Any:
    import keras

    return keras.utils.image_dataset_from_directory(
        options.folder / split,
        image_size=(options.image_size_px, options.image_size_px),
        batch_size=options.batch_size,
        shuffle=split == "train",
        seed=0,
        verbose=False,
    )


def _network(options: argparse.Namespace) -> Any:
    """Build the frozen network, which takes pixels from 0 to 255."""
    import keras

    name = options.backbone.replace("_", "")  # efficientnet_v2_b0 -> EfficientNetV2B0
    builders = {builder.lower(): builder for builder in dir(keras.applications)}
    network = getattr(keras.applications, builders[name])(
        include_top=False,
        weights=options.weights,
        input_shape=(options.image_size_px, options.image_size_px, 3),
    )
    network.trainable = False
    return network


def _head_alone(options: argparse.Namespace, network: Any, *datasets: Any) -> tuple[Any, Any, Any]:
    """Return a head, and the features and labels on which to train and evaluate it."""
    import keras
    import numpy as np
    import tensorflow as tf

    pooled = keras.layers.GlobalAveragePooling2D()(network.output)
    extractor = keras.Model(network.input, pooled)
    tables = []
    for dataset in datasets:
        batches = [(extractor.predict_on_batch(images), labels) for images, labels in dataset]
        features, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        table = tf.data.Dataset.from_tensor_slices((features, labels))
        tables.append(table.shuffle(len(labels), seed=0).batch(options.batch_size))
    head = keras.Sequential(
        [
            keras.Input(pooled.shape[1:]),
            keras.layers.Dense(len(datasets[0].class_names), activation="softmax"),
        ]
    )
    return head, *tables


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
