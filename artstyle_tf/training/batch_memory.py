"""Says which batches fit into the memory when the wanted ones do not.

Halving them silently would be easier for the user and dishonest: other batches are another
training, whose scores and whose learning rate belong to another batch size.
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
    """Tells, when the body runs out of memory, which part of a batch can be learned from.

    Args:
        model: that is trained, compiled; it is of no use afterwards.
        batches_from: number of an epoch -> (inputs, labels) batches.
        phase_name: for the message.

    Raises:
        ArtstyleError: if memory runs out.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        inputs, _ = next(iter(batches_from(0)))
        wanted = len(inputs)
        fitting = largest_that_fits(model, wanted)
        fix = (
            f"begin a new run with batches of {fitting}, the largest that was found to fit: "
            f"training.batch_size={fitting}, or fewer classes or images in a batch of an "
            "embedding; or with a smaller model.image_size_px"
            if fitting
            else "not even one image fits: a smaller model.image_size_px, a smaller backbone, or "
            "fewer unfrozen blocks"
        )
        raise not_enough_memory(
            f"There is not enough memory for batches of {wanted} in the phase {phase_name}",
            error,
            fix=fix,
        ) from error


def largest_that_fits(model: keras.Model, wanted: int) -> int:
    """Halves a batch until a step of training with it works.

    Args:
        model: compiled; its weights change.
        wanted: number of examples that is too large.

    Returns:
        Number of examples; 0 if not even one fits.
    """
    size = wanted // 2
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
