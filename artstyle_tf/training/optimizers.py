"""AdamW that takes smaller steps deeper down."""

from __future__ import annotations

from typing import Any

import keras

from artstyle_tf.models.blocks import layer_depths
from artstyle_tf.models.network import Network

_WITHOUT_WEIGHT_DECAY = {"bias", "gamma", "beta"}


@keras.saving.register_keras_serializable(package="artstyle_tf")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW whose learning rate is multiplied by a factor for each variable.

    Args:
        learning_rate: value or schedule for factor 1.
        multipliers: path of a variable -> factor; 1 for those not named.
        **kwargs: of `keras.optimizers.AdamW`.

    Source: Loshchilov and Hutter 2019, arXiv:1711.05101; factors by depth after Howard and
    Ruder 2018, arXiv:1801.06146 (discriminative fine-tuning).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        multipliers: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.multipliers = dict(multipliers or {})
        self._factors: list[float] = []
        self._decays: list[float] = []

    def build(self, variables: list[Any]) -> None:
        """Creates the moments and looks up each variable's factor.

        Here the variables are Keras's and have paths; in a step of the TensorFlow backend they
        are TensorFlow's and have none.
        """
        if not self.built:
            self._factors = [self.multipliers.get(variable.path, 1.0) for variable in variables]
            self._decays = [self._decay_of(variable.path) for variable in variables]
        super().build(variables)

    def _decay_of(self, path: str) -> float:
        excluded = path.rpartition("/")[2] in _WITHOUT_WEIGHT_DECAY
        return 0.0 if excluded or self.weight_decay is None else self.weight_decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step for one variable, decay and Adam, with its own learning rate."""
        position = self._get_variable_index(variable)
        rate = keras.ops.cast(learning_rate, variable.dtype) * self._factors[position]
        if self._decays[position]:
            self.assign_sub(variable, variable * self._decays[position] * rate)
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Nothing: Keras decays all variables with one rate, `update_step` each with its own."""

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "multipliers": self.multipliers}


def depth_multipliers(network: Network, layer_decay: float) -> dict[str, float]:
    """Factor `layer_decay ** depth` for each variable of the backbone.

    The head has depth 0, what is above the last block 1, the last block 2, and so on. The pooling
    of a style branch has the depth of its block.

    Args:
        network: whose variables to name.
        layer_decay: in (0, 1]; 1 gives every variable the same learning rate.

    Returns:
        Path of the variable -> factor.
    """
    if layer_decay == 1.0:
        return {}
    backbone = network.backbone
    depths = layer_depths(backbone.model, backbone.blocks)
    factors = {
        variable.path: layer_decay ** (depths[layer.name] + 1)
        for layer in backbone.model.layers
        for variable in layer.weights
    }
    for branch in network.features.branches:  # as the block that they follow
        for variable in branch.pooling.weights:
            factors[variable.path] = layer_decay ** (branch.num_blocks_above + 2)
    return factors
