"""Forward passes over many batches, with progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from artstyle_tf.system.progress import SILENT, Reporter


def predict(
    model: keras.Model,
    batches: Iterable[tuple[Any, Any]],
    *,
    num_batches: int,
    description: str = "Predicting",
    reporter: Reporter = SILENT,
) -> np.ndarray:
    """Outputs of a model for all examples, in their order.

    Args:
        model: a model with one output of shape [B, D].
        batches: (examples, labels) batches, as `evaluation_batches` gives them.
        num_batches: how many there are.
        description: for the progress report.
        reporter: where progress goes.

    Returns:
        float32 [N, D].
    """
    tracked = reporter.track(batches, total=num_batches, description=description, unit="batches")
    outputs = [model.predict_on_batch(examples) for examples, _ in tracked]
    return np.concatenate(outputs).astype(np.float32)
