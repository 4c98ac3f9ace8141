"""Compiled models of phases, used again by the next training of the same network."""

from __future__ import annotations

import json
from typing import Any

import keras

from artstyle_tf.training.optimizers import LayerwiseAdamW, WarmupCosine
from artstyle_tf.training.settings import FineTuningConfig, PhaseConfig

# What a traced step does not depend on: phases and batches come from outside, and the batch size
# is no part of the shapes of a pipeline.
_NOT_TRACED = {"phases", "batch_size", "early_stopping"}


class TracedPhases:
    """Models of one network's phases whose training steps have been traced.

    Tracing a step takes as long as twenty steps. Learning rate and weight decay are variables of
    the optimizer, and a batch may have any size; whatever else differs is another step. Each model
    shares the layers of the network, whose values are not touched here.
    """

    def __init__(self) -> None:
        self._models: dict[str, keras.Model] = {}

    def find(
        self, step: str, learning_rate: WarmupCosine, weight_decay: float
    ) -> keras.Model | None:
        """Return a compiled model as it was before its first step; None if there is none.

        Args:
            step: what `describe_step` returned.
            learning_rate: of the training that begins.
            weight_decay: of the training that begins.
        """
        model = self._models.get(step)
        if model is None:
            return None
        # A training that an exception has ended, as that of a pruned trial, leaves an iterator of
        # its own validation batches, which the next `fit` would use.
        model._eval_epoch_iterator = None
        optimizer: LayerwiseAdamW = model.optimizer
        optimizer.restart(learning_rate, weight_decay)
        return model

    def keep(self, step: str, model: keras.Model) -> None:
        """Keep a compiled model, unless its optimizer averages weights, which begin with them."""
        if not model.optimizer.use_ema:
            self._models[step] = model


def describe_step(
    training: FineTuningConfig,
    phase: PhaseConfig,
    boundary: int | None,
    loss: keras.losses.Loss,
    metrics: list[keras.metrics.Metric],
) -> str:
    """Describe everything that a traced training step of one network depends on.

    Args:
        training: settings; those that are not known to be outside of the step count.
        phase: to be trained.
        boundary: where its inputs come from.
        loss: described by its `get_config`.
        metrics: described by their `get_config`.
    """
    settings = training.model_dump(mode="json", exclude=_NOT_TRACED)
    settings["optimizer"]["weight_decay"] = bool(training.optimizer.weight_decay)
    parts: list[Any] = [settings, phase.boundary, boundary]
    parts += [[type(part).__qualname__, part.get_config()] for part in (loss, *metrics)]
    return json.dumps(parts, sort_keys=True, default=str)
