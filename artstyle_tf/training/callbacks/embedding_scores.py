"""Evaluate an embedding after each epoch: by nearest neighbors, and for signs of a collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.embedding_health import (
    active_triplet_share,
    effective_rank,
    mean_pairwise_distance,
)
from artstyle_tf.metrics.neighbors import knn_probabilities, nearest_neighbors

# So many training images are a sufficient sample; the cost grows with their square.
_MAX_IMAGES = 2000

COLUMNS = ("mean_distance", "active_triplets", "embedding_rank")
"""Scores that are added to the logs."""


@dataclass(frozen=True)
class LabeledImages:
    """Labels and parents of N images.

    Attributes:
        labels: int [N], class ids in [0, C).
        parents: str [N], equal for an image and its augmented copies.
    """

    labels: np.ndarray
    parents: np.ndarray


class EmbeddingScores(keras.callbacks.Callback):
    """Adds k-NN scores, the validation loss and collapse measures to the logs of an epoch.

    Images are embedded as they are, without augmentation. A training image never votes for
    itself or for a copy of itself: train-on-train k-NN would always be correct.

    Args:
        embed: "train" or "val" -> embeddings float32 [N, D] with the current weights.
        validation_batches: int [S, B], numbers of the validation images of each batch for the
            validation loss; the same for all epochs, so that losses can be compared.
        num_classes: C.
        seed: of the sample of training images that is measured where there are many.

    Attributes:
        loss: of labels [B] and embeddings [B, D]; None leaves the validation loss out.
        margin: a triplet is active while its negative is not farther away than its positive by
            this L2 distance.
    """

    def __init__(
        self,
        embed: Callable[[str], np.ndarray],
        *,
        train: LabeledImages,
        val: LabeledImages,
        validation_batches: np.ndarray,
        num_classes: int,
        num_neighbors: int = 5,
        seed: int = 42,
    ) -> None:
        super().__init__()
        self._embed = embed
        self._train = train
        self._val = val
        self._validation_batches = validation_batches
        self._num_classes = num_classes
        self._num_neighbors = num_neighbors
        size = min(_MAX_IMAGES, len(train.labels))
        chosen = np.random.default_rng(seed).choice(len(train.labels), size, replace=False)
        self._sample = np.sort(chosen)
        self.loss: keras.losses.Loss | None = None
        self.margin = 0.0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the scores to the logs."""
        if logs is not None:
            logs.update(self.measure())

    def measure(self) -> dict[str, float]:
        """Score the embedding as it is now: `COLUMNS`, macro_f1, val_macro_f1 and so on."""
        gallery, queries = self._embed("train"), self._embed("val")
        if not (np.isfinite(gallery).all() and np.isfinite(queries).all()):
            # Neighbors of NaN mean nothing.
            return {**dict.fromkeys((*COLUMNS, "val_loss"), math.nan), **_WORST_SCORES}
        sample, labels = gallery[self._sample], self._train.labels[self._sample]
        val_scores = self._scores(queries, self._val, gallery)
        train_scores = self._scores(
            sample, LabeledImages(labels, self._train.parents[self._sample]), gallery
        )
        scores = {
            **{name: train_scores[name] for name in ("macro_f1", "accuracy")},
            **{f"val_{name}": val_scores[name] for name in ("macro_f1", "accuracy")},
            "mean_distance": mean_pairwise_distance(sample),
            "active_triplets": active_triplet_share(sample, labels, margin=self.margin),
            "embedding_rank": effective_rank(sample),
        }
        if self.loss is not None:
            scores["val_loss"] = self._validation_loss(queries, self.loss)
        return scores

    def _scores(
        self, queries: np.ndarray, images: LabeledImages, gallery: np.ndarray
    ) -> dict[str, float]:
        """Score k-NN on the queries; none is compared with its own parent and siblings."""
        neighbors = nearest_neighbors(
            queries,
            gallery,
            num_neighbors=self._num_neighbors,
            query_groups=images.parents,
            gallery_groups=self._train.parents,
        )
        probabilities = knn_probabilities(
            neighbors, self._train.labels, num_classes=self._num_classes
        )
        return classification_summary(
            images.labels, probabilities.argmax(axis=1), num_classes=self._num_classes
        )

    def _validation_loss(self, queries: np.ndarray, loss: keras.losses.Loss) -> float:
        losses = [
            float(keras.ops.convert_to_numpy(loss(self._val.labels[batch], queries[batch])))
            for batch in self._validation_batches
        ]
        return float(np.mean(losses))


_WORST_SCORES = dict.fromkeys(("macro_f1", "accuracy", "val_macro_f1", "val_accuracy"), 0.0)
