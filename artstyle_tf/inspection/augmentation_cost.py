"""What each transform of a policy costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from artstyle_tf.images.batches.augmentation import policy_steps, seed_for

_REPEATS = 3
_SLOW_MILLISECONDS = 20.0


def time_policy(policy: str, images: Sequence[np.ndarray], *, seed: int) -> pd.DataFrame:
    """Times the transforms of a policy on one thread.

    Args:
        policy: a key of `augmentation.POLICIES`.
        images: uint8 [H, W, 3], all of one size; a handful is enough.
        seed: of the changes.

    Returns:
        One row a transform, in the order of the policy: transform, probability (that an image
        meets it), milliseconds (mean over the images, when it is applied), expected_milliseconds
        (the two multiplied). The last row, "whole policy", adds up what is expected: timed as a
        whole, a handful of images would meet what is slow and rare too seldom or too often.
    """
    height, width = images[0].shape[:2]
    rows = []
    for step in policy_steps(policy, height, width):
        milliseconds = _mean_milliseconds(step.apply, images, seed)
        rows.append((step.name, step.probability, milliseconds, step.probability * milliseconds))
    total = sum(expected for *_, expected in rows)
    rows.append(("whole policy", 1.0, total, total))
    columns = ["transform", "probability", "milliseconds", "expected_milliseconds"]
    return pd.DataFrame(rows, columns=columns)


def _mean_milliseconds(
    apply: Callable[[np.ndarray, int], np.ndarray], images: Sequence[np.ndarray], seed: int
) -> float:
    apply(images[0], seed)  # the first call prepares tables
    times = [
        _milliseconds(apply, image, seed_for(seed, "timing", number))
        for number, image in enumerate(images)
    ]
    return float(np.mean(times))


def _milliseconds(
    apply: Callable[[np.ndarray, int], np.ndarray], image: np.ndarray, seed: int
) -> float:
    """The fastest of several attempts at the same; what is slow is tried once."""
    fastest = np.inf
    for _ in range(_REPEATS):
        start = time.perf_counter()
        apply(image, seed)
        fastest = min(fastest, 1000 * (time.perf_counter() - start))
        if fastest > _SLOW_MILLISECONDS:
            break
    return fastest
