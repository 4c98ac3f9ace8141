"""Second-order pooling: which patterns occur together in an image, at several depths.

Style is stroke, texture and palette. They show less in the features at the top than in how the
channels in the middle of the network vary together: Gatys et al. 2016 (style transfer), Lin et al.
2015, arXiv:1504.07889 (bilinear pooling).

A block's output is first reduced to its second moments, which have no weights: while the block is
frozen they never change and can be cached. A projection to fewer channels comes after them. For
every projection P the second moments of the projected map are P' M P, so this is the same as a 1x1
convolution before the pooling, and P can be trained while the block is frozen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

MAX_CHANNELS = 256
"""Channels whose moments are computed: of more, the moments are larger than the map."""


# Newton-Schulz iterations; five leave small eigenvalues a little too small, which is harmless.
_ITERATIONS = 5
_RIDGE = 1e-4  # fraction of the trace that is added to the diagonal
_TINY = 1e-12


@keras.saving.register_keras_serializable(package="artstyle_tf")
class SecondMoments(keras.layers.Layer):
    """Mean over all positions of the products of each two channels, not centered.

    Not centered, because what is common to all positions contains information about style, too: on
    the artists of the reference case centered moments lose 4 points of macro-F1.

    Input float [B, H, W, C]; output float [B, C(C+1)/2], the upper triangle row by row.
    """

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Compute the positions of the upper triangle."""
        self._triangle = triangle_positions(_channels(input_shape))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Compute the moments of a map."""
        _, height, width, channels = inputs.shape
        if height is None or width is None:
            _, height, width, _ = ops.shape(inputs)  # tensors, which not every export format takes
        positions = ops.reshape(inputs, (-1, height * width, channels))
        count = height * width
        if ops.is_tensor(count):
            count = ops.cast(count, inputs.dtype)
        moments = ops.matmul(ops.transpose(positions, (0, 2, 1)), positions) / count
        return ops.take(ops.reshape(moments, (-1, channels**2)), self._triangle, axis=1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        """Return the size of the triangle."""
        channels = _channels(input_shape)
        return input_shape[0], channels * (channels + 1) // 2


@keras.saving.register_keras_serializable(package="artstyle_tf")
class StylePooling(keras.layers.Layer):
    """Projects second moments to fewer channels and computes their matrix square root.

    The square root brings the few directions that carry most of the energy and the many that carry
    little closer together. It is found by Newton-Schulz iterations, which need matrix products only
    and have finite gradients also for an image of one color. Moments are divided by their trace
    before, so that every output has a length of about 1.

    Input float [B, C(C+1)/2]; output float [B, D(D+1)/2], the upper triangle of the root, with
    entries off the diagonal times sqrt(2), so that distances are those of the matrices.

    Args:
        width: D, channels after the projection; at most C of them are used.
        **kwargs: of `keras.layers.Layer`.

    Source: Li et al. 2018, arXiv:1712.01034 (iSQRT-COV).
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if width < 1:
            raise ValueError(f"`width` should be at least 1. Received: width={width}")
        self.width = width

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the projection."""
        self._channels = channels_of_moments(int(input_shape[-1] or 0))
        self._projected = min(self.width, self._channels)
        rows, columns = np.triu_indices(self._channels)
        square = np.empty((self._channels, self._channels), dtype=np.int32)
        square[rows, columns] = square[columns, rows] = np.arange(len(rows))
        self._square = square.ravel()
        self._triangle = triangle_positions(self._projected)
        rows, columns = np.triu_indices(self._projected)
        self._factors = np.where(rows == columns, 1.0, math.sqrt(2.0)).astype(np.float32)
        self.projection = self.add_weight(
            shape=(self._channels, self._projected), initializer="orthogonal", name="projection"
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Compute the upper triangle of the square root of the projected moments."""
        shape = (-1, self._channels, self._channels)
        moments = ops.reshape(ops.take(inputs, self._square, axis=1), shape)
        projected = ops.matmul(ops.transpose(self.projection), ops.matmul(moments, self.projection))
        root = _square_root_of_normalized(projected, self._projected)
        triangle = ops.take(ops.reshape(root, (-1, self._projected**2)), self._triangle, axis=1)
        return triangle * self._factors

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        """Return the size of the triangle."""
        width = min(self.width, channels_of_moments(int(input_shape[-1] or 0)))
        return input_shape[0], width * (width + 1) // 2

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "width": self.width}


def _square_root_of_normalized(matrices: Any, size: int) -> Any:
    """Compute square roots of symmetric matrices [B, D, D] divided by their traces."""
    # A constant, because not every export format has an operation that makes it.
    identity = ops.convert_to_tensor(np.eye(size), dtype=matrices.dtype)
    trace = ops.sum(matrices * identity, axis=(1, 2), keepdims=True)
    root = (matrices / (trace + _TINY) + (_RIDGE / size) * identity) / (1.0 + _RIDGE)
    inverse = identity
    for _ in range(_ITERATIONS):
        correction = 1.5 * identity - 0.5 * ops.matmul(inverse, root)
        root = ops.matmul(root, correction)
        inverse = ops.matmul(correction, inverse)
    return root


def principal_projection(mean_moments: np.ndarray, *, width: int) -> np.ndarray:
    """Compute the directions in which the channels carry most energy over all images.

    Args:
        mean_moments: float [C(C+1)/2], mean of the second moments of the training images.
        width: D.

    Returns:
        float32 [C, min(D, C)], orthonormal columns.
    """
    channels = channels_of_moments(len(mean_moments))
    moments = np.zeros((channels, channels))
    rows, columns = np.triu_indices(channels)
    moments[rows, columns] = moments[columns, rows] = mean_moments
    _, directions = np.linalg.eigh(moments)
    leading = directions[:, ::-1][:, :width]
    # The sign of an eigenvector is arbitrary; fixing it makes a run repeatable on other machines.
    signs = np.sign(leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])])
    return (leading * signs).astype(np.float32)


def random_projection(width: int, *, name: str) -> keras.layers.Layer:
    """Return a layer that projects maps [B, h, w, C] to D = `width` orthonormal directions.

    The directions are random, the same in every run, and never trained: moments of many channels
    would be larger than the map, and random directions keep most of what they say (Johnson and
    Lindenstrauss 1984).
    """
    return keras.layers.Conv2D(
        width,
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Orthogonal(seed=0),
        trainable=False,
        name=name,
    )


def triangle_positions(size: int) -> np.ndarray:
    """Return positions of the upper triangle in a flattened matrix [D, D]: int32 [D(D+1)/2]."""
    rows, columns = np.triu_indices(size)
    return (rows * size + columns).astype(np.int32)


def channels_of_moments(num_moments: int) -> int:
    """Return C for C(C+1)/2 moments."""
    return (math.isqrt(8 * num_moments + 1) - 1) // 2


def _channels(input_shape: Sequence[int | None]) -> int:
    channels = input_shape[-1]
    if len(input_shape) != 4 or channels is None:
        raise ValueError(
            f"The input should be a feature map [B, H, W, C]. Received: input_shape={input_shape}"
        )
    return channels
