"""A projection that already tells classes apart, in closed form from frozen features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA

from artstyle_tf.heads.feature_scales import feature_scales
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
    """Joins the logits of a linear probe and principal components of the features.

    A random projection knows nothing, and its first gradients distort the features. The probe's
    logits lie together where classes do; the components keep what else tells images apart.
    Both blocks are scaled to a root mean square length of 1, the components then by
    `pca_fraction`, so that neither drowns the other.

    Args:
        features: float [N, D].
        probe_kernel: float [D, C], of a linear probe on these features.
        probe_bias: float [C], of the probe.
        dimension: K of the embedding.
        pca_fraction: length of the block of components beside that of the logits.
        groups: of the features; see `feature_scales`.

    Returns:
        kernel float32 [D, K] and bias float32 [K] of a dense layer. If K is smaller than C only
        the logits' own principal components are kept; columns that nothing is left for are 0.
    """
    features = np.asarray(features, dtype=np.float64)
    scale = feature_scales(features, groups)  # which refuses what is not finite
    blocks = [_class_directions(features, probe_kernel, probe_bias, most=dimension)]
    room = dimension - blocks[0][1].size
    if room and pca_fraction:
        blocks.append(_components(features, scale, most=room, length=pca_fraction))
    kernel = np.concatenate([block[0] for block in blocks], axis=1)
    bias = np.concatenate([block[1] for block in blocks])
    unused = dimension - bias.size
    kernel, bias = np.pad(kernel, ((0, 0), (0, unused))), np.pad(bias, (0, unused))
    return kernel.astype(np.float32), bias.astype(np.float32)


def _class_directions(
    features: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The probe's logits without their common part, turned into at most C - 1 dimensions."""
    kernel = kernel - kernel.mean(axis=1, keepdims=True)
    bias = bias - bias.mean()
    # Right singular vectors: a rotation, which leaves distances as they are, largest first.
    _, _, rotation = np.linalg.svd(features @ kernel + bias, full_matrices=False)
    rotation = rotation[: min(most, bias.size - 1)].T
    return _scaled(features, kernel @ rotation, bias @ rotation, length=1.0)


def _components(
    features: np.ndarray, scale: np.ndarray, *, most: int, length: float
) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of the scaled features, whitened half-way."""
    mean = features.mean(axis=0)
    number = min(most, features.shape[1], len(features) - 1)
    wide = features.shape[1] > len(features)  # then the covariance is the larger matrix
    solver = "full" if wide else "covariance_eigh"
    analysis = PCA(number, svd_solver=solver).fit((features - mean) / scale)
    # Half-way, because fully whitened components of small variance are noise, and without any
    # whitening the first few components are all there is.
    variance = np.maximum(analysis.explained_variance_, 1e-12)
    kernel = analysis.components_.T / variance**0.25 / scale[:, None]
    return _scaled(features, kernel, -mean @ kernel, length=length)


def _scaled(
    features: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, length: float
) -> tuple[np.ndarray, np.ndarray]:
    """The block with the root mean square length of its rows set."""
    squares = np.square(features @ kernel + bias).sum(axis=1)
    factor = length / max(float(np.sqrt(squares.mean())), 1e-12)
    return kernel * factor, bias * factor
