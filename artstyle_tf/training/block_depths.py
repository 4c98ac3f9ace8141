"""Find the head and the blocks of any Keras model by its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import keras

from artstyle_tf.models.backbone_registry import all_block_names
from artstyle_tf.models.blocks import layer_depths
from artstyle_tf.system.errors import ArtstyleError

# Layers from a feature map to a vector; what comes after the last of them is the head.
_REDUCERS = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Flatten,
)

# They belong to the block of the layer before them.
_NORMALIZATIONS = (keras.layers.BatchNormalization, keras.layers.Normalization)


class BlockDepths:
    """Distance of each layer of a Keras model from the top, in blocks.

    Args:
        model: functional or sequential, with weights.
        blocks: see `fit_progressively`.

    Raises:
        ArtstyleError: if the model has no weights, two layers of one name, or no such blocks.
    """

    def __init__(self, model: keras.Model, blocks: Sequence[str] | None = None) -> None:
        self._model = model
        self._layers = _leaves(model)
        names = [layer.name for layer in self._layers]
        if not model.weights:
            raise ArtstyleError(
                "The model has no weights yet",
                fix="give it an Input, or call it with data once",
            )
        names_with_weights = [layer.name for layer in self._layers if layer.weights]
        twice = sorted({name for name in names_with_weights if names_with_weights.count(name) > 1})
        if twice:
            raise ArtstyleError(
                "Two layers of the model have the same name",
                received=", ".join(twice),
                expected="a unique name for every layer, also in nested models",
            )
        first_of_head = _first_of_head(self._layers)
        self._head = set(names[first_of_head:])
        body = self._layers[:first_of_head]
        self.blocks = _blocks_of(body, blocks)
        depths = layer_depths([layer.name for layer in body], self.blocks)
        self._depths = {**depths, **dict.fromkeys(self._head, 0)}

    def unfreeze(self, number: int | Literal["all"], *, train_batch_norm: bool) -> None:
        """Make the head and so many blocks from the top trainable, from the next `compile` on."""
        self._model.trainable = True  # nested models, too
        for layer in self._layers:
            unfrozen = number == "all" or (number > 0 and self._depths[layer.name] <= number)
            is_batch_norm = isinstance(layer, keras.layers.BatchNormalization)
            trains = unfrozen and (train_batch_norm or not is_batch_norm)
            layer.trainable = trains or layer.name in self._head


def _leaves(model: keras.Model) -> list[keras.layers.Layer]:
    """Return all layers in order, with those of nested models in their place."""
    layers: dict[int, keras.layers.Layer] = {}  # by identity: one may be used several times
    for layer in model.layers:
        some = _leaves(layer) if isinstance(layer, keras.Model) else [layer]
        layers |= {id(each): each for each in some}
    return list(layers.values())


def _first_of_head(layers: Sequence[keras.layers.Layer]) -> int:
    """Return the number of the layer after the last pooling, if a trainable layer follows it."""
    with_weights = [
        number
        for number, layer in enumerate(layers)
        if layer.weights and not isinstance(layer, _NORMALIZATIONS)
    ]
    if not with_weights:
        return 0
    reducers = [number for number, layer in enumerate(layers) if isinstance(layer, _REDUCERS)]
    if reducers and reducers[-1] < with_weights[-1]:
        return reducers[-1] + 1
    named = {name for block in _named_blocks(layers) for name in block}
    last_named = max((n for n, layer in enumerate(layers) if layer.name in named), default=-1)
    return last_named + 1 if -1 < last_named < with_weights[-1] else with_weights[-1]


def _blocks_of(
    body: Sequence[keras.layers.Layer], prefixes: Sequence[str] | None
) -> list[list[str]]:
    """Return the names of the layers of each block."""
    if prefixes is None:
        return _named_blocks(body) or [
            [layer.name]
            for layer in body
            if layer.weights and not isinstance(layer, _NORMALIZATIONS)
        ]
    prefixes = list(prefixes)
    names = [[layer.name for layer in body if layer.name.startswith(prefix)] for prefix in prefixes]
    missing = [prefix for prefix, found in zip(prefixes, names, strict=True) if not found]
    if missing:
        raise ArtstyleError(
            "No layer below the head belongs to the block",
            received=f"blocks: {', '.join(map(repr, missing))}",
            expected="prefixes of layer names, such as "
            + ", ".join(layer.name for layer in body[:5]),
        )
    return names


def _named_blocks(layers: Sequence[keras.layers.Layer]) -> list[list[str]]:
    """Group layers by block, named as in the family of backbones that knows most of them.

    Returns:
        Names of the layers of each block; empty if no family knows any.
    """
    best: dict[str, list[str]] = {}
    for names in all_block_names():
        blocks: dict[str, list[str]] = {}
        for layer in layers:
            if (block := names.block_of(layer.name)) is not None:
                blocks.setdefault(block, []).append(layer.name)
        if sum(map(len, blocks.values())) > sum(map(len, best.values())):
            best = blocks
    return list(best.values())
