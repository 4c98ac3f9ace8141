"""Initial weights of a projection that separates the classes, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA

from artstyle_tf.heads.closed_form import feature_scales
from artstyle_tf.models.features import FeatureGroup


def fit_projection(
    features: np.ndarray,
    probe_kernel: np.ndarray,
    probe_bias: np.ndarray,
    *,
    dimension: int,
    pca_fraction: float,
    groups: Sequence[FeatureGroup] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Join the logits of a linear probe and principal components of the features.

    A random projection contains no information, and its first gradients distort the features. The
    probe's logits lie together where classes do; the components add what else separates images.
    Both blocks are scaled to a root mean square length of 1, the components then by
    `pca_fraction`, so that neither dominates the other.

    Args:
        features: float [N, D].
        probe_kernel: float [D, C], of a linear probe on these features.
        probe_bias: float [C], of the probe.
        dimension: K of the embedding.
        pca_fraction: length of the block of components relative to that of the logits.
        groups: of the features; see `feature_scales`.

    Returns:
        kernel float32 [D, K] and bias float32 [K] of a dense layer. If K is smaller than C only
        the logits' own principal components are used; remaining columns are 0.
    """
    features = np.asarray(features, dtype=np.float64)
    scale = feature_scales(features, groups)  # raises if a feature is not finite
    blocks = [_class_directions(features, probe_kernel, probe_bias, max_columns=dimension)]
    room = dimension - blocks[0][1].size
    if room and pca_fraction:
        blocks.append(_components(features, scale, max_columns=room, length=pca_fraction))
    kernel = np.concatenate([block[0] for block in blocks], axis=1)
    bias = np.concatenate([block[1] for block in blocks])
    unused = dimension - bias.size
    kernel, bias = np.pad(kernel, ((0, 0), (0, unused))), np.pad(bias, (0, unused))
    return kernel.astype(np.float32), bias.astype(np.float32)


def _class_directions(
    features: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, max_columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rotate the probe's logits, without their common part, into at most C - 1 dimensions."""
    kernel = kernel - kernel.mean(axis=1, keepdims=True)
    bias = bias - bias.mean()
    # Right singular vectors: a rotation, which leaves distances as they are, largest first.
    _, _, rotation = np.linalg.svd(features @ kernel + bias, full_matrices=False)
    rotation = rotation[: min(max_columns, bias.size - 1)].T
    return _scaled(features, kernel @ rotation, bias @ rotation, length=1.0)


def _components(
    features: np.ndarray, scale: np.ndarray, *, max_columns: int, length: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute principal components of the scaled features, whitened half-way."""
    mean = features.mean(axis=0)
    number = min(max_columns, features.shape[1], len(features) - 1)
    wide = features.shape[1] > len(features)  # then the covariance is the larger matrix
    solver = "full" if wide else "covariance_eigh"
    analysis = PCA(number, svd_solver=solver).fit((features - mean) / scale)
    # Half-way, because fully whitened components of small variance are noise, and without any
    # whitening the first few components dominate.
    variance = np.maximum(analysis.explained_variance_, 1e-12)
    kernel = analysis.components_.T / variance**0.25 / scale[:, None]
    return _scaled(features, kernel, -mean @ kernel, length=length)


def _scaled(
    features: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, length: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scale the block so that the root mean square length of its rows is `length`."""
    squares = np.square(features @ kernel + bias).sum(axis=1)
    factor = length / max(float(np.sqrt(squares.mean())), 1e-12)
    return kernel * factor, bias * factor
