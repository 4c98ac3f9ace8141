"""Batches of P classes x K images, as metric learning needs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from artstyle_tf.system.errors import ArtstyleError


class BalancedOrder:
    """Order of an epoch in which every batch has K images of each of P classes.

    A triplet needs two images of a class and one of another, which shuffled batches do not
    guarantee. With imbalanced classes, a frequent class would also be the anchor, the positive and
    the negative of most triplets; here every class has each role equally often.

    In an epoch
    - every image occurs at least once;
    - the numbers of batches that two classes are in differ by at most one;
    - the images of a class occur equally often, or one time more. So a class repeats only because
      another one is larger;
    - an image shares a batch with itself, an augmented copy of itself or another copy of the same
      original only if the class has fewer than K originals: such a positive teaches nothing. Where
      many copies have one original, that can make some images more frequent than others.

    Args:
        labels: int [N], class ids.
        classes_per_batch: P; reduced to the number of classes if there are fewer.
        images_per_class: K.
        seed: of the order and of the views; an epoch depends on (seed, number of the epoch) alone.
        num_views: V; each image of a batch is drawn in one view.
        parents: N names, equal for an original and its augmented copies; None if there are none.
        separate_siblings: keep the images of one parent in different batches.

    Raises:
        ArtstyleError: if there are fewer than two classes: there are no negatives.

    Source: Hermans et al. 2017, arXiv:1703.07737, section 2 (PK batches).
    """

    def __init__(
        self,
        labels: Sequence[int] | np.ndarray,
        *,
        classes_per_batch: int,
        images_per_class: int,
        seed: int,
        num_views: int = 1,
        parents: Sequence[str] | np.ndarray | None = None,
        separate_siblings: bool = True,
    ) -> None:
        labels = np.asarray(labels)
        class_ids = np.unique(labels)
        if len(class_ids) < 2:
            raise ArtstyleError(
                "Metric learning needs images of at least two classes",
                received=f"{len(labels)} images of {len(class_ids)}",
            )
        if parents is None or not separate_siblings:
            families = np.arange(len(labels))
        else:
            families = np.unique(np.asarray(parents), return_inverse=True)[1]
        self._seed = seed
        self._num_views = num_views
        self._num_classes_in_batch = min(classes_per_batch, len(class_ids))
        self._classes = [
            _ClassImages(np.flatnonzero(labels == number), families, images_per_class)
            for number in class_ids
        ]
        self._num_rounds = max(images.fewest_groups for images in self._classes)
        self.batch_size = self._num_classes_in_batch * images_per_class

    @property
    def steps_per_epoch(self) -> int:
        """Return the number S of batches, the same in every epoch."""
        return -(-len(self._classes) * self._num_rounds // self._num_classes_in_batch)

    def batches(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """Return the numbers int32 [B] and views int32 [B] of each batch."""
        drawn = tf.numpy_function(self.draw, [epoch], [tf.int32, tf.int32])
        shape = (self.steps_per_epoch, self.batch_size)
        return tf.data.Dataset.from_tensor_slices(
            tuple(tf.ensure_shape(array, shape) for array in drawn)
        )

    def draw(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw an epoch, from 0: image numbers int32 [S, B] and their views int32 [S, B]."""
        generator = np.random.default_rng([self._seed, int(epoch)])
        classes = self._draw_classes(generator)
        numbers = np.empty((*classes.shape, self.batch_size // classes.shape[1]), np.int32)
        for position, images in enumerate(self._classes):
            where = classes == position
            numbers[where] = images.draw_groups(int(where.sum()), generator)
        views = generator.integers(self._num_views, size=numbers.shape, dtype=np.int32)
        views = _one_after_another(numbers, views)
        shape = (self.steps_per_epoch, self.batch_size)
        return numbers.reshape(shape), (views % self._num_views).reshape(shape).astype(np.int32)

    def _draw_classes(self, generator: np.random.Generator) -> np.ndarray:
        """Draw the positions of the classes of each batch: int [S, P], different within a row."""
        num_classes, in_batch = len(self._classes), self._num_classes_in_batch
        total = self.steps_per_epoch * in_batch
        sequence = np.empty(0, np.int64)
        rounds = []
        filled = 0
        while filled < total:
            # A round contains every class once. Its first classes complete a batch that the round
            # before has begun, and must not be in it already.
            unfinished = sequence[len(sequence) - filled % in_batch :]
            sequence = _begin_with_others(generator.permutation(num_classes), unfinished, in_batch)
            rounds.append(sequence)
            filled += num_classes
        return np.concatenate(rounds)[:total].reshape(-1, in_batch)


class _ClassImages:
    """The images of one class, drawn in groups of K.

    Args:
        numbers: int [n], of the images.
        families: int [N], family of each image of the data set: an original and its copies.
        group_size: K.
    """

    def __init__(self, numbers: np.ndarray, families: np.ndarray, group_size: int) -> None:
        self._numbers = numbers
        _, self._family, self._sizes = np.unique(
            families[numbers], return_inverse=True, return_counts=True
        )
        self._group_size = group_size
        self._can_separate = len(self._sizes) >= group_size

    @property
    def fewest_groups(self) -> int:
        """Return the number of groups for every image, with no family twice if that is possible."""
        groups = -(-len(self._numbers) // self._group_size)
        return max(groups, int(self._sizes.max())) if self._can_separate else groups

    def draw_groups(self, num_groups: int, generator: np.random.Generator) -> np.ndarray:
        """Draw the numbers of the images of G groups: int [G, K]."""
        total = num_groups * self._group_size
        limit = num_groups if self._can_separate else total
        of_family = _share_out(self._sizes, total, limit, generator)
        # Families in random order, and the images of each of them.
        keys = generator.permutation(len(self._sizes))[self._family]
        order = np.lexsort((generator.random(len(keys)), keys))
        family = self._family[order]
        _, first, place = np.unique(keys[order], return_index=True, return_inverse=True)
        times, more = np.divmod(of_family[family], self._sizes[family])
        times += np.arange(len(order)) - first[place] < more
        sequence = np.repeat(self._numbers[order], times)
        # Neighbors in this sequence go to different groups, so that a family which is not longer
        # than the number of groups is never twice in one; a longer one is spread evenly.
        groups = sequence.reshape(self._group_size, num_groups).T
        return generator.permutation(groups, axis=0)


def _share_out(
    sizes: np.ndarray, total: int, limit: int, generator: np.random.Generator
) -> np.ndarray:
    """Compute how often the images of each family appear, int [F] with the sum `total`.

    In proportion to the families' `sizes`, int [F], but none above the limit: the excess of a large
    family is distributed to the others. All sizes are <= limit, their sum <= total <= F * limit.
    The generator decides who gets the rest after rounding down.
    """
    shares = np.zeros(len(sizes), np.int64)
    is_full = np.zeros(len(sizes), bool)
    while True:
        left = total - limit * int(is_full.sum())
        exact = left * sizes / max(int(sizes[~is_full].sum()), 1)
        overflows = ~is_full & (exact > limit)
        if not overflows.any():
            break
        is_full |= overflows
    # Whole rounds of all images first: no image occurs twice more often than another.
    shares = np.where(is_full, limit, np.floor(exact + 1e-9).astype(np.int64))
    return _hand_out(shares, sizes, total, limit, generator)


def _hand_out(
    shares: np.ndarray, sizes: np.ndarray, total: int, limit: int, generator: np.random.Generator
) -> np.ndarray:
    """Add ones to the shares, those furthest behind first, until they add up to the total."""
    while (left := total - int(shares.sum())) > 0:
        behind = shares / sizes + generator.random(len(sizes)) * 1e-6
        behind[shares >= limit] = np.inf
        chosen = np.argsort(behind, kind="stable")[:left]
        shares[chosen[np.isfinite(behind[chosen])]] += 1
    return shares


def _begin_with_others(permutation: np.ndarray, present: np.ndarray, in_batch: int) -> np.ndarray:
    """Swap classes that are present already out of the positions that complete a batch."""
    num_open = (in_batch - len(present)) % in_batch
    is_present = np.isin(permutation, present)
    wrong = np.flatnonzero(is_present[:num_open])
    right = num_open + np.flatnonzero(~is_present[num_open:])[: len(wrong)]
    permutation[wrong], permutation[right] = permutation[right], permutation[wrong]
    return permutation


def _one_after_another(numbers: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Give repetitions of an image in a group the views after that of its first occurrence.

    `numbers` of images and `views` are int [..., K]; so is the result, which may exceed the number
    of views.
    """
    same = numbers[..., :, None] == numbers[..., None, :]
    views_of_first = np.take_along_axis(views, same.argmax(axis=-1), axis=-1)
    return views_of_first + np.tril(same, k=-1).sum(axis=-1, dtype=np.int32)
