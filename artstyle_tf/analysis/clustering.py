"""K-Means clustering of features, and how well clusters agree with styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn import metrics
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter

_STARTS = 10
# The silhouette compares all pairs; so many images estimate it well enough.
_MOST_IMAGES_FOR_SILHOUETTE = 5000


@dataclass(frozen=True)
class Clustering:
    """Clusters of N images.

    Attributes:
        clusters: int [N], in [0, K), the largest cluster of the fitted images first.
        centers: float64 [K, D].
        distances: float64 [N], of each image from its center.
        silhouettes: number of clusters -> mean silhouette of the fitted images, of all
            numbers that were tried.
    """

    clusters: np.ndarray
    centers: np.ndarray
    distances: np.ndarray
    silhouettes: dict[int, float]

    @property
    def num_clusters(self) -> int:
        """K."""
        return len(self.centers)


def cluster(
    features: np.ndarray,
    is_fitted: np.ndarray,
    num_clusters: Sequence[int],
    *,
    seed: int,
    reporter: Reporter = SILENT,
) -> Clustering:
    """Fit clusters to some images and assign all images to the nearest center.

    Args:
        features: float [N, D], scaled.
        is_fitted: bool [N], images to fit the centers to.
        num_clusters: numbers to try; the one with the largest silhouette is used.
        seed: of the starts.
        reporter: gets the progress.

    Raises:
        ArtstyleError: if there are no more images than clusters.
    """
    features = np.asarray(features, dtype=np.float64)
    fitted = features[is_fitted]
    if len(fitted) <= max(num_clusters):
        raise ArtstyleError(
            "There are too few images to cluster",
            received=f"{len(fitted)} images",
            expected=f"more than the {max(num_clusters)} clusters",
            fix="set clustering.num_clusters or clustering.max_clusters to less",
        )
    found: dict[int, KMeans] = {}
    silhouettes: dict[int, float] = {}
    tracked = reporter.track(
        num_clusters, total=len(num_clusters), description="Clustering", unit="numbers of clusters"
    )
    for number in tracked:
        # Short steps: several threads would wait for each other more than they work.
        with threadpool_limits(1, user_api="openmp"):
            found[number] = KMeans(number, n_init=_STARTS, random_state=seed).fit(fitted)
        silhouettes[number] = silhouette(fitted, found[number].labels_, seed=seed)
    best = found[max(silhouettes, key=lambda number: silhouettes[number])]
    # The largest cluster is number 1 in tables and figures.
    order = np.argsort(-np.bincount(best.labels_, minlength=best.n_clusters), kind="stable")
    clusters = np.argsort(order)[best.predict(features)]
    centers = best.cluster_centers_[order]
    distances = np.linalg.norm(features - centers[clusters], axis=1)
    return Clustering(clusters, centers, distances, silhouettes)


def silhouette(features: np.ndarray, clusters: np.ndarray, *, seed: int) -> float:
    """Compute the mean silhouette of at most 5,000 images; 0 if all are in one cluster.

    It is the mean of (b - a) / max(a, b), where a is an image's mean distance within its cluster
    and b that to the next cluster.

    Source: Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    num_clusters = len(np.unique(clusters))
    if not 1 < num_clusters < len(clusters):
        return 0.0
    generator = np.random.default_rng(seed)
    if len(features) > _MOST_IMAGES_FOR_SILHOUETTE:
        sample = generator.choice(len(features), _MOST_IMAGES_FOR_SILHOUETTE, replace=False)
        features, clusters = features[sample], clusters[sample]
    return float(metrics.silhouette_score(features, clusters))


def contingency(labels: np.ndarray, clusters: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Count images by class and cluster: int64 [C, K].

    Args:
        labels: int [N], in [0, num_classes).
        clusters: int [N], in [0, K).
        num_classes: C.
    """
    counts = np.zeros((num_classes, int(clusters.max(initial=-1)) + 1), np.int64)
    np.add.at(counts, (labels, clusters), 1)
    return counts


def clustering_scores(labels: np.ndarray, clusters: np.ndarray) -> dict[str, float]:
    """Score the agreement of clusters int [N] with classes int [N], whatever their numbers.

    Returns:
        adjusted_rand_index (1 for agreement, 0 by chance), normalized_mutual_information (0 to 1,
        arithmetic mean of the entropies), purity (share of images that are of their cluster's most
        frequent class; it grows with the number of clusters).

    Source: Hubert and Arabie 1985, doi:10.1007/BF01908075 (adjusted Rand index).
    """
    counts = contingency(labels, clusters, num_classes=int(labels.max()) + 1)
    return {
        "adjusted_rand_index": float(metrics.adjusted_rand_score(labels, clusters)),
        "normalized_mutual_information": float(
            metrics.normalized_mutual_info_score(labels, clusters)
        ),
        "purity": float(counts.max(axis=0).sum() / len(labels)),
    }
