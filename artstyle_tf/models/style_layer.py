"""The style head as one layer, for any Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from artstyle_tf.models.style_head import SecondMoments, StylePooling, principal_projection


@keras.saving.register_keras_serializable(package="artstyle_tf")
class StyleHead(keras.layers.Layer):
    """Style features of feature maps, with or without a classifier on them, for any Keras model.

    Every input that is a feature map [B, H, W, C] becomes its style: `SecondMoments`, then
    `StylePooling`. Every input that is a vector [B, D], such as a pooled top, stays as it is. All
    are joined in their order, and read by a dense layer if `units` is given. So
    `StyleHead(8)([pooled_top, *maps])` is the head of a run with `model.head: style`.

    Input: one tensor, or a list of tensors. Height and width of a map need not be fixed. Output:
    float [B, units], logits; without `units` float [B, F], where a map of C channels has
    D(D+1)/2 of the F features, D = min(width, C), and a vector its own number.

    Args:
        units: number of classes; None for the features themselves.
        width: D, channels that each map is projected to.
        dropout: fraction of the features dropped in training before the dense layer, in [0, 1).
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ValueError: if an argument is outside its range, or an input is neither map nor vector.

    Example:
        ```python
        backbone = keras.applications.EfficientNetV2B0(include_top=False)
        maps = [backbone.get_layer(name).output for name in ("block4c_add", "block5e_add")]
        pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
        model = keras.Model(backbone.input, StyleHead(8)([pooled, *maps]))
        ```
    """

    def __init__(
        self, units: int | None = None, *, width: int = 48, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if units is not None and units < 1:
            raise ValueError(f"`units` should be at least 1, or None. Received: units={units}")
        self.units = units
        self.width = width
        self.dropout = keras.layers.Dropout(dropout)
        self.dense = None if units is None else keras.layers.Dense(units)
        StylePooling(width)  # raises for an invalid width

    def build(self, input_shape: Any) -> None:
        """Create the projections, and the dense layer."""
        shapes = _shapes(input_shape)
        self.moments = [SecondMoments() if len(shape) == 4 else None for shape in shapes]
        self.poolings = [StylePooling(self.width) if len(shape) == 4 else None for shape in shapes]
        for shape, moments, pooling in zip(shapes, self.moments, self.poolings, strict=True):
            if moments is not None and pooling is not None:
                moments.build(shape)
                pooling.build(moments.compute_output_shape(shape))
        if self.dense is not None:
            self.dense.build((None, self._num_features(shapes)))
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute logits, or features, of maps and vectors."""
        parts = [
            part if moments is None or pooling is None else pooling(moments(part))
            for part, moments, pooling in zip(
                _parts(inputs), self.moments, self.poolings, strict=True
            )
        ]
        features = ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        if self.dense is None:
            return features
        return self.dense(self.dropout(features, training=training))

    def adapt(self, inputs: Any) -> None:
        """Set the projections to the principal directions of some images, without labels.

        They are the projections that a run starts from; without this call they are random.

        Args:
            inputs: arrays as for `call`, of N images.
        """
        if not self.built:
            self.build([tuple(part.shape) for part in _parts(inputs)])
        for part, moments, pooling in zip(_parts(inputs), self.moments, self.poolings, strict=True):
            if moments is not None and pooling is not None:
                mean = ops.convert_to_numpy(moments(part)).mean(axis=0, dtype=np.float64)
                pooling.projection.assign(principal_projection(mean, width=self.width))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """Return (B, units), or (B, F)."""
        shapes = _shapes(input_shape)
        return shapes[0][0], self.units or self._num_features(shapes)

    def _num_features(self, shapes: Sequence[tuple[int | None, ...]]) -> int:
        widths = [min(self.width, int(shape[-1] or 0)) for shape in shapes]
        return sum(
            width * (width + 1) // 2 if len(shape) == 4 else int(shape[-1] or 0)
            for shape, width in zip(shapes, widths, strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = {"units": self.units, "width": self.width, "dropout": self.dropout.rate}
        return {**super().get_config(), **config}


def _parts(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, list | tuple) else [inputs]


def _shapes(input_shape: Any) -> list[tuple[int | None, ...]]:
    is_one = not isinstance(input_shape[0], list | tuple)
    shapes = [tuple(input_shape)] if is_one else [tuple(shape) for shape in input_shape]
    if any(len(shape) not in (2, 4) or shape[-1] is None for shape in shapes):
        raise ValueError(
            "The inputs should be feature maps [B, H, W, C] or vectors [B, D]. "
            f"Received: input_shape={input_shape}"
        )
    return shapes
