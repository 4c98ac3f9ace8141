"""P x K batches as plain arrays of indices, for any data and any training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.system.errors import ArtstyleError


class PKSampler:
    """Batches of indices with K images of each of P classes.

    `train_triplet.py` uses the same batches, drawn by `BalancedOrder`: in an epoch every image
    occurs, every class is in equally many batches plus or minus one, and images of one group share
    a batch only if a class has fewer than K groups.

    Each iteration is an epoch, and the next one has another order. An epoch depends on (seed,
    number of the epoch) alone; `set_epoch` selects it, to repeat one or to resume.

    Args:
        labels: [N], of any type that can be sorted.
        classes_per_batch: P; the number of classes if there are fewer.
        images_per_class: K, at least 2: without two of a class there is no positive.
        seed: of the order.
        groups: [N], equal for an original and its augmented copies, or for the works of one artist,
            which would be too easy positives. None if there are no groups.

    Attributes:
        batch_size: B = P * K.
        epoch: number of the epoch of the next iteration, from 0.

    Raises:
        ArtstyleError: if there are fewer than two classes, P or K are too small, or labels and
            groups differ in length.

    Examples:
        >>> labels = ["cubism"] * 6 + ["rococo"] * 4 + ["cartoon"] * 3
        >>> sampler = PKSampler(labels, classes_per_batch=2, images_per_class=3)
        >>> len(sampler), sampler.batch_size
        (3, 6)
        >>> [batch.shape for batch in sampler]
        [(6,), (6,), (6,)]

        With Keras, which needs endless batches:

        ```python
        def batches():
            while True:
                for index in sampler:
                    yield X[index], y[index]

        model.compile("adam", SemiHardTripletLoss())
        model.fit(batches(), steps_per_epoch=len(sampler), epochs=10, shuffle=False)
        ```

    Source: Hermans et al. 2017, arXiv:1703.07737, section 2 (PK batches).
    """

    def __init__(
        self,
        labels: Sequence[Any] | np.ndarray,
        *,
        classes_per_batch: int = 8,
        images_per_class: int = 4,
        seed: int = 42,
        groups: Sequence[Any] | np.ndarray | None = None,
    ) -> None:
        _check_at_least("classes_per_batch", classes_per_batch, 2, "a negative is of another class")
        _check_at_least("images_per_class", images_per_class, 2, "a positive is of the same class")
        labels = np.asarray(labels)
        if labels.ndim != 1 or (groups is not None and len(groups) != len(labels)):
            raise ArtstyleError(
                "Labels and groups do not match",
                received=f"labels of shape {labels.shape}"
                + ("" if groups is None else f" and {len(groups)} groups"),
                expected="one label, and one group, for each image",
            )
        self._order = BalancedOrder(
            np.unique(labels, return_inverse=True)[1],
            classes_per_batch=classes_per_batch,
            images_per_class=images_per_class,
            seed=seed,
            parents=None if groups is None else np.asarray(groups),
        )
        self.batch_size = self._order.batch_size
        self.epoch = 0

    def __len__(self) -> int:
        """Return the number of batches, the same in every epoch."""
        return self._order.steps_per_epoch

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the batches of `epoch`, each int32 [B], and advance to the next epoch."""
        numbers, _ = self._order.draw(self.epoch)
        self.epoch += 1
        return iter(numbers)

    def set_epoch(self, epoch: int) -> None:
        """Select the epoch of the next iteration, from 0.

        Raises:
            ArtstyleError: if it is negative.
        """
        _check_at_least("epoch", epoch, 0, "epochs count from 0")
        self.epoch = int(epoch)


def _check_at_least(name: str, value: int, least: int, why: str) -> None:
    if isinstance(value, bool) or int(value) != value or value < least:
        raise ArtstyleError(
            f"{name} cannot be used",
            received=f"{name}={value!r}",
            expected=f"a whole number, at least {least}: {why}",
        )
