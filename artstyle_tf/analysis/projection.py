"""Projection of features to two dimensions."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from artstyle_tf.analysis.settings import ProjectionConfig, ProjectionMethod
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter

FEWEST_TO_PROJECT = 4

PROJECTION_IN_WORDS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}

# More components hardly change neighborhoods, but slow down their search.
_COMPONENTS_FOR_NEIGHBORS = 50


def project(
    features: np.ndarray,
    method: ProjectionMethod,
    *,
    seed: int,
    settings: ProjectionConfig,
    reporter: Reporter = SILENT,
) -> np.ndarray:
    """Project every image to a plane.

    PCA shows distances as far as two directions can. t-SNE and UMAP show neighborhoods; distances
    between clusters and sizes of clusters mean little there.

    Args:
        features: float [N, D], scaled; N of at least 4.
        method: "pca", "tsne" or "umap".
        seed: with the same seed and library versions the result is the same.
        settings: of t-SNE and UMAP.
        reporter: reports what takes time.

    Returns:
        float32 [N, 2].

    Raises:
        ArtstyleError: if there are too few images.

    Source: McInnes et al. 2018, arXiv:1802.03426 (UMAP); van der Maaten and Hinton 2008 (t-SNE).
    """
    if len(features) < FEWEST_TO_PROJECT:
        raise ArtstyleError(
            "There are too few images to project",
            received=f"{len(features)}",
            expected=f"at least {FEWEST_TO_PROJECT}",
        )
    reporter.info(f"Projecting {len(features):,} images with {PROJECTION_IN_WORDS[method]}.")
    features = np.asarray(features, dtype=np.float64)
    if method == "pca":
        return principal_components(features, 2, seed=seed).astype(np.float32)
    reduced = principal_components(features, _COMPONENTS_FOR_NEIGHBORS, seed=seed)
    if method == "tsne":
        # Each point has fewer than N neighbors.
        perplexity = min(settings.tsne_perplexity, (len(reduced) - 1) / 3)
        reducer: Any = TSNE(perplexity=perplexity, init="pca", random_state=seed)
        # Its steps are short: threads that wait for each other on a busy machine take minutes.
        with threadpool_limits(1, user_api="openmp"):
            return reducer.fit_transform(reduced).astype(np.float32)
    reducer = _import_umap().UMAP(
        n_neighbors=min(settings.umap_neighbors, len(reduced) - 1),
        min_dist=settings.umap_min_distance,
        random_state=seed,
        n_jobs=1,  # required by a seed
        init="pca",  # the spectral initialization fails on disconnected neighborhoods
    )
    with _without_umap_warnings():
        return np.asarray(reducer.fit_transform(reduced), dtype=np.float32)


def principal_components(features: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Return the first components, or as many as there are: float64 [N, <= count]."""
    count = min(count, *features.shape)
    return PCA(count, svd_solver="auto", random_state=seed).fit_transform(features)


def _import_umap() -> Any:
    """Import UMAP late: compiling its functions takes about ten seconds."""
    with _without_umap_warnings():
        import umap  # pyright: ignore[reportMissingImports]
    return umap


@contextlib.contextmanager
def _without_umap_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # About its optional dependencies, and deprecations in libraries that it uses.
        warnings.filterwarnings("ignore", module=r"(umap|numba|pynndescent|sklearn)\b")
        warnings.filterwarnings("ignore", category=ImportWarning)
        yield
