"""Tokens of vision transformers, as feature maps and as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops


class TokenLayout(NamedTuple):
    """What the tokens [B, P + h * w, C] of a transformer mean.

    Attributes:
        height: h, rows of patches.
        width: w, columns of patches.
        num_prefix_tokens: P, tokens before those of the patches: class and register tokens.
        has_class_token: whether the first one is the class token, which describes the image.
    """

    height: int
    width: int
    num_prefix_tokens: int
    has_class_token: bool


class _OfTokens(keras.layers.Layer):
    """A layer that knows the layout of its tokens."""

    def __init__(self, layout: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layout = TokenLayout(*layout)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "layout": list(self.layout)}


@keras.saving.register_keras_serializable(package="artstyle_tf")
class PatchMap(_OfTokens):
    """Tokens [B, P + h * w, C] -> feature map [B, h, w, C] of the patches, row by row.

    Args:
        layout: a `TokenLayout`.
        **kwargs: of `keras.layers.Layer`.
    """

    def call(self, inputs: Any) -> Any:
        """Drop the tokens that are not of patches, and reshape the others."""
        height, width, num_prefix_tokens, _ = self.layout
        return ops.reshape(inputs[:, num_prefix_tokens:], (-1, height, width, inputs.shape[-1]))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return (B, h, w, C)."""
        return input_shape[0], self.layout.height, self.layout.width, input_shape[-1]


@keras.saving.register_keras_serializable(package="artstyle_tf")
class TokenPooling(_OfTokens):
    """Tokens [B, P + h * w, C] -> [B, 2 C], class token and mean of the patches.

    Without a class token only the mean, [B, C]. Register tokens are ignored.

    Args:
        layout: a `TokenLayout`.
        **kwargs: of `keras.layers.Layer`.
    """

    def call(self, inputs: Any) -> Any:
        """Average the patches and add the class token."""
        mean = ops.mean(inputs[:, self.layout.num_prefix_tokens :], axis=1)
        if not self.layout.has_class_token:
            return mean
        return ops.concatenate([inputs[:, 0], mean], axis=-1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return (B, 2 C) or (B, C)."""
        channels = input_shape[-1]
        if channels is not None and self.layout.has_class_token:
            channels *= 2
        return input_shape[0], channels
