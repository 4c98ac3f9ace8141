"""Requests that TensorFlow Serving answers for itself before it takes others.

The first requests of a new model are slow, because TensorFlow optimises the graph for them.
Source: tensorflow.org/tfx/serving/saved_model_warmup.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from artstyle_tf.export.serving_signature import IMAGE_BYTES

WARM_UP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"

_BATCH_SIZES = (1, 8)


def write_warm_up(saved_model: Path, image_size_px: int) -> None:
    """Writes requests of one and of several pictures into the folder of a SavedModel.

    Args:
        saved_model: folder.
        image_size_px: of the pictures, which are drawn at random.
    """
    # Here, because it takes a second to import and nothing else needs it.
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    picture = _any_picture(image_size_px)
    file = saved_model / WARM_UP_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for size in _BATCH_SIZES:
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = "serving_default"
            request.inputs[IMAGE_BYTES].CopyFrom(tf.make_tensor_proto([picture] * size))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def _any_picture(side_px: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG")
    return buffer.getvalue()
