"""Write a run as a SavedModel into the versioned folder that TensorFlow Serving watches."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from artstyle_tf.export.served_signature import IMAGE_BYTES, SERVING_DEFAULT
from artstyle_tf.export.serving_signature import ServingModule
from artstyle_tf.images.reading.headers.reading import MOST_SIDE_PX
from artstyle_tf.runs.served_run import ServedRun
from artstyle_tf.system.files import cannot_write, write_json
from artstyle_tf.system.partial_folders import partial_folder
from artstyle_tf.system.visible_text import shown
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

LABELS = "labels.txt"
"""Asset: class names in the order of the probabilities, one per line, with escapes."""

LIMITS = Path("assets.extra") / "limits.json"
"""Limits of the model's input, readable without a request."""

WARM_UP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"

_WARM_UP_BATCHES = (1, 8)


def write_saved_model(
    run: ServedRun, network: FrozenGraph, versions: Path, *, max_pixels: int
) -> Path:
    """Write the next version atomically: a server that watches the folder never sees a part of it.

    Weights and gallery are constants of the graph; nothing outside the folder is needed.

    Args:
        run: the run to serve.
        network: `run.network`, frozen.
        versions: folder with the subfolders 1, 2, ...
        max_pixels: width x height above which the model rejects an image before decoding it.

    Returns:
        Folder of the new version.

    Raises:
        ArtstyleError: if it cannot be written.
    """
    with _next_version(versions) as (temporary, final):
        labels = temporary.parent / LABELS
        labels.write_text("".join(f"{shown(name)}\n" for name in run.class_names), encoding="utf-8")
        module = ServingModule(run, network, labels, max_pixels=max_pixels)
        # A served model needs no gradients, and constants cannot be part of a custom gradient.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(temporary), module.signatures, options)
        _write_warm_up(temporary, run.image_size_px)
        write_json(temporary / LIMITS, {"max_pixels": max_pixels, "max_side_px": MOST_SIDE_PX})
    return final


@contextlib.contextmanager
def _next_version(versions: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a temporary folder and the final one, to which it is renamed on success."""
    final = versions / str(max(_known_versions(versions), default=0) + 1)
    try:
        with partial_folder(versions) as workplace:
            versions.mkdir(exist_ok=True)
            yield workplace / "model", final
            (workplace / "model").rename(final)
    except (OSError, tf.errors.OpError) as error:  # TensorFlow writes with its own file system
        raise cannot_write(final, error) from error


def _known_versions(versions: Path) -> list[int]:
    if not versions.is_dir():
        return []
    return [int(entry.name) for entry in versions.iterdir() if entry.name.isdecimal()]


def _write_warm_up(saved_model: Path, image_size_px: int) -> None:
    """Write warm-up requests of one and of several images, which a server runs before all others.

    The first requests of a new model are slow, because TensorFlow optimizes the graph during them.
    Source: tensorflow.org/tfx/serving/saved_model_warmup.
    """
    # Imported here: it takes a second and nothing else needs it.
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    image = _any_image(image_size_px)
    file = saved_model / WARM_UP_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for size in _WARM_UP_BATCHES:
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = SERVING_DEFAULT
            request.inputs[IMAGE_BYTES].CopyFrom(tf.make_tensor_proto([image] * size))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def _any_image(side_px: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG")
    return buffer.getvalue()
