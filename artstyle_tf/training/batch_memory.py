"""Report which batch size fits into memory when the configured one does not.

Halving batches silently would be dishonest: other batches are another training, whose scores and
learning rate belong to another batch size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from artstyle_tf.system.os_errors import is_out_of_memory, not_enough_memory


@contextlib.contextmanager
def memory_errors_explained(
    model: keras.Model, batches_from: Callable[[int], Iterable[Any]], phase_name: str
) -> Iterator[None]:
    """Report, when the body runs out of memory, which fraction of a batch fits.

    Args:
        model: that is trained, compiled; it cannot be used afterwards.
        batches_from: number of an epoch -> (inputs, labels) batches.

    Raises:
        ArtstyleError: if memory runs out.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        inputs, _ = next(iter(batches_from(0)))
        size = len(inputs)
        fitting = largest_that_fits(model, size)
        fix = (
            f"begin a new run with batches of {fitting}, the largest size that fits: "
            f"training.batch_size={fitting}, or fewer classes or images in a batch of an "
            "embedding; or with a smaller model.image_size_px"
            if fitting
            else "not even one image fits: a smaller model.image_size_px, a smaller backbone, or "
            "fewer unfrozen blocks"
        )
        raise not_enough_memory(
            f"There is not enough memory for batches of {size} in the phase {phase_name}",
            error,
            fix=fix,
        ) from error


def largest_that_fits(model: keras.Model, too_many: int) -> int:
    """Halve a batch of `too_many` examples until a training step works; 0 if not even one fits.

    The weights of the compiled model change.
    """
    size = too_many // 2
    while size:
        try:
            shape = (size, *model.input_shape[1:])
            model.train_on_batch(np.zeros(shape, np.float32), np.zeros(size, np.int32))
            return size
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        size //= 2
    return 0
