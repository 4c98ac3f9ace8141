"""The unfreezing plan: which blocks learn, for how many epochs, at which learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from artstyle_tf.models.backbones import Backbone
from artstyle_tf.models.blocks import layer_depths
from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import build_segment, build_top
from artstyle_tf.system.errors import ArtstyleError


@dataclass(frozen=True)
class Phase:
    """One phase of progressive unfreezing.

    Attributes:
        num_unfrozen_blocks: blocks that learn, counted from the top; 0 for the head alone, None
            for the whole network.
        epochs: epochs at most.
        peak_learning_rate: learning rate of the head after the warm-up.
        plateau_epochs: end the phase early after so many epochs without a better validation
            macro-F1; None to use all epochs.
    """

    num_unfrozen_blocks: int | None
    epochs: int
    peak_learning_rate: float
    plateau_epochs: int | None = None

    @property
    def name(self) -> str:
        """Short name for the history and the figures."""
        if self.num_unfrozen_blocks is None:
            return "all blocks"
        if self.num_unfrozen_blocks == 0:
            return "head"
        plural = "s" if self.num_unfrozen_blocks > 1 else ""
        return f"top {self.num_unfrozen_blocks} block{plural}"


def num_epochs(phases: Sequence[Phase]) -> int:
    """Epochs of the whole plan."""
    return sum(phase.epochs for phase in phases)


def check_phases(phases: Sequence[Phase], backbone: Backbone) -> None:
    """Refuses a plan that the backbone is too short for, before any work is done.

    Raises:
        ArtstyleError: if a phase would unfreeze as many blocks as there are, or more.
    """
    for number, phase in enumerate(phases):
        if (phase.num_unfrozen_blocks or 0) >= len(backbone.blocks):
            raise ArtstyleError(
                f"{backbone.name} has only {len(backbone.blocks)} blocks",
                received=f"training.phases.{number}.unfreeze_blocks={phase.num_unfrozen_blocks}",
                expected=f"0 to {len(backbone.blocks) - 1}, or all",
            )


def apply_phase(network: Network, phase: Phase, *, train_batch_normalisation: bool) -> None:
    """Sets which layers learn. It takes effect with the next `compile`.

    A BatchNormalization layer that does not learn also stays in inference mode: small batches
    would ruin its statistics.

    Args:
        network: whose layers to set.
        phase: what is to be unfrozen.
        train_batch_normalisation: let BatchNormalization learn in the unfrozen blocks.
    """
    backbone = network.backbone
    depths = layer_depths(backbone.model, backbone.blocks)
    deepest = phase.num_unfrozen_blocks
    for layer in backbone.model.layers:
        unfrozen = deepest is None or (deepest > 0 and depths[layer.name] <= deepest)
        is_normalisation = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = unfrozen and (train_batch_normalisation or not is_normalisation)
    network.head.trainable = True
    for branch in network.features.branches:
        branch.pooling.trainable = True


def build_phase_model(
    network: Network, phase: Phase, *, boundary: int | None = None
) -> keras.Model:
    """The network as it is trained in a phase, sharing all its layers.

    What is frozen runs in inference mode. In the plain model Keras would still apply the
    stochastic depth of frozen blocks, so that the same picture had other features each time.

    Args:
        network: whose layers to use.
        phase: decides where the part that learns begins.
        boundary: where the inputs come from; see `models.splitting`. It lies at or below the part
            that learns. None for pictures.

    Returns:
        Model of pictures [B, S, S, 3], or activations at the boundary, -> outputs [B, K].
    """
    start_of_top = phase.num_unfrozen_blocks
    top = build_top(network, start_of_top)
    if start_of_top is None or start_of_top == boundary:
        return top
    frozen = build_segment(network, boundary, start_of_top)
    inputs = keras.Input(frozen.input_shape[1:], name="inputs")
    return keras.Model(inputs, top(_InferenceOnly(frozen)(inputs)), name="phase_network")


def boundary_below(phases: Sequence[Phase], position: int) -> int | None:
    """The highest boundary whose activations no phase so far has changed.

    Usually it is the phase's own. Where an earlier phase has unfrozen more blocks, it is that
    phase's: what lies above has been trained since, what lies below never was.

    Args:
        phases: the plan.
        position: of the phase, in [0, len(phases)).

    Returns:
        Number of blocks above the boundary; None if the stem has been trained.
    """
    unfrozen = [phase.num_unfrozen_blocks for phase in phases[: position + 1]]
    known = [number for number in unfrozen if number is not None]
    return max(known) if len(known) == len(unfrozen) else None


class _InferenceOnly(keras.layers.Layer):
    """Runs a model in inference mode whatever the model around it does.

    `segment(inputs, training=False)` would not do: when Keras 3 replays a functional graph it
    passes the outer `training` on to every layer, over the argument that was given.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name=model.name)
        self._model = model

    def call(self, inputs: Any) -> Any:
        return self._model(inputs, training=False)
