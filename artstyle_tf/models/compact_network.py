"""A small residual network that a laptop trains in seconds; its weights come with the package."""

from __future__ import annotations

import keras
from keras import layers

_WIDTHS = (24, 48, 88)
_BLOCKS_PER_STAGE = "ab"

# Keras's 0.99 needs hundreds of steps until the first moving statistics have lost their weight;
# a short training would be validated with statistics of an earlier network.
_BATCH_NORMALIZATION_MOMENTUM = 0.9


def build_compact_network(
    *,
    include_top: bool = False,
    weights: str | None = None,
    input_shape: tuple[int | None, int | None, int] = (128, 128, 3),
) -> keras.Model:
    """Build a residual network of three stages with 0.35 million parameters.

    The signature is that of the builders in keras.applications, of which even the smallest learn
    too slowly from random weights and a few hundred images.

    Args:
        include_top: must be False.
        weights: must be None; `models.weights` loads the pretrained ones.
        input_shape: (S, S, 3); None for images of any size.

    Returns:
        Model of float32 [B, S, S, 3] in 0..255 -> feature map [B, S/16, S/16, 88], rounded up.

    Source: He et al. 2016, arXiv:1512.03385; average pooling in the shortcut and residual
    branches that start at zero after He et al. 2019, arXiv:1812.01187.
    """
    if include_top or weights is not None:
        raise ValueError(
            "The compact network has no top, and is built without weights. Received: "
            f"include_top={include_top}, weights={weights}"
        )
    inputs = keras.Input(input_shape)
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    x = _convolution(x, 24, name="stem", strides=2)
    x = layers.Activation("relu", name="stem_activation")(x)
    for stage, width in enumerate(_WIDTHS, start=1):
        for letter in _BLOCKS_PER_STAGE:
            strides = 2 if letter == _BLOCKS_PER_STAGE[0] else 1
            x = _residual_block(x, width, strides=strides, name=f"block{stage}{letter}")
    return keras.Model(inputs, x, name="compact")


def _residual_block(
    x: keras.KerasTensor, width: int, *, strides: int, name: str
) -> keras.KerasTensor:
    residual = _convolution(x, width, name=f"{name}_first", strides=strides)
    residual = layers.Activation("relu", name=f"{name}_first_activation")(residual)
    residual = _convolution(residual, width, name=f"{name}_second", gamma_initializer="zeros")
    shortcut = x
    if strides > 1:
        shortcut = layers.AveragePooling2D(strides, padding="same", name=f"{name}_pool")(shortcut)
        shortcut = _convolution(shortcut, width, name=f"{name}_shortcut", kernel_size=1)
    x = layers.Add(name=f"{name}_add")([shortcut, residual])
    return layers.Activation("relu", name=f"{name}_activation")(x)


def _convolution(
    x: keras.KerasTensor,
    width: int,
    *,
    name: str,
    kernel_size: int = 3,
    strides: int = 1,
    gamma_initializer: str = "ones",
) -> keras.KerasTensor:
    """Apply a convolution without bias, then BatchNormalization."""
    x = layers.Conv2D(
        width,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return layers.BatchNormalization(
        momentum=_BATCH_NORMALIZATION_MOMENTUM,
        gamma_initializer=gamma_initializer,
        name=f"{name}_bn",
    )(x)
