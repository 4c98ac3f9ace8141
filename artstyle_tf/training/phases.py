"""The unfreezing plan: which blocks are trained, for how many epochs, at which learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from artstyle_tf.models.backbone import Backbone
from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import build_segment, build_top
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.settings import PhaseConfig


def num_epochs(phases: Sequence[PhaseConfig]) -> int:
    """Count the epochs of the whole plan."""
    return sum(phase.epochs for phase in phases)


def check_phases(phases: Sequence[PhaseConfig], backbone: Backbone) -> None:
    """Check that the backbone has enough blocks for the plan.

    Raises:
        ArtstyleError: if a phase would unfreeze as many blocks as there are, or more.
    """
    for number, phase in enumerate(phases):
        if phase.boundary and not backbone.blocks:
            raise ArtstyleError(
                f"{backbone.name} is not divided into blocks",
                received=f"training.phases.{number}.unfreeze_blocks={phase.unfreeze_blocks}",
                expected="0 or all",
            )
        if backbone.blocks and (phase.boundary or 0) >= len(backbone.blocks):
            raise ArtstyleError(
                f"{backbone.name} has only {len(backbone.blocks)} blocks",
                received=f"training.phases.{number}.unfreeze_blocks={phase.unfreeze_blocks}",
                expected=f"0 to {len(backbone.blocks) - 1}, or all",
            )


def apply_phase(network: Network, phase: PhaseConfig, *, train_batch_norm: bool) -> None:
    """Set which layers are trainable. It takes effect with the next `compile`.

    A frozen BatchNormalization layer also stays in inference mode: small batches would ruin its
    statistics.

    Args:
        phase: which blocks to unfreeze.
        train_batch_norm: train BatchNormalization in the unfrozen blocks.
    """
    backbone = network.backbone
    depths = backbone.layer_depths
    deepest = phase.boundary
    for layer in backbone.model.layers:
        unfrozen = deepest is None or (deepest > 0 and depths[layer.name] <= deepest)
        layer.trainable = unfrozen
        if not train_batch_norm:
            for part in layer._flatten_layers():  # layers of KerasHub contain others
                if isinstance(part, keras.layers.BatchNormalization):
                    part.trainable = False
    network.head.trainable = True
    for pooling in network.features.style_poolings:
        pooling.trainable = True


def build_phase_model(
    network: Network, phase: PhaseConfig, *, boundary: int | None = None
) -> keras.Model:
    """Build the network as it is trained in a phase, sharing all its layers.

    Frozen blocks run in inference mode. In the plain model Keras would still apply their
    stochastic depth, so the same image would have other features each time.

    Args:
        phase: determines where the trained part begins.
        boundary: where the inputs come from; see `models.splitting`. It lies at or below the
            trained part. None for images.

    Returns:
        Model of images [B, S, S, 3], or activations at the boundary, -> outputs [B, K].
    """
    start_of_top = phase.boundary
    top = build_top(network, start_of_top)
    if start_of_top is None or start_of_top == boundary:
        return top
    frozen = build_segment(network, boundary, start_of_top)
    inputs = keras.Input(frozen.input_shape[1:], name="inputs")
    return keras.Model(inputs, top(_InferenceOnly(frozen)(inputs)), name="phase_network")


def boundary_below(phases: Sequence[PhaseConfig], position: int) -> int | None:
    """Return the highest boundary whose activations no phase so far has changed.

    Usually it is the phase's own. Where an earlier phase has unfrozen more blocks, it is that
    phase's: what lies above has been trained since, what lies below never was.

    Args:
        position: of the phase, in [0, len(phases)).

    Returns:
        Number of blocks above the boundary; None if the stem has been trained.
    """
    boundaries = [phase.boundary for phase in phases[: position + 1]]
    known = [boundary for boundary in boundaries if boundary is not None]
    return max(known) if len(known) == len(boundaries) else None


class _InferenceOnly(keras.layers.Layer):
    """Runs a model in inference mode whatever the outer model does.

    `segment(inputs, training=False)` would not do: when Keras 3 replays a functional graph it
    passes the outer `training` on to every layer, over the argument that was given.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name=model.name)
        self._model = model

    def call(self, inputs: Any) -> Any:
        return self._model(inputs, training=False)
