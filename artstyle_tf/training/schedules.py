"""Learning rate over the steps of all phases together."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="artstyle_tf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then one cosine from the peak to the final value.

    Each phase has its own optimiser, whose steps start at 0. `first_step` says where in the whole
    plan that is, so that one warm-up and one cosine span all phases.

    Args:
        peak_learning_rate: value after the warm-up.
        total_steps: steps of the whole plan.
        warmup_steps: steps until the peak.
        first_step: steps of the plan before this optimiser's step 0.
        final_fraction: value at the end, as a share of the peak.

    Source: Loshchilov and Hutter 2017, arXiv:1608.03983; warm-up after Goyal et al. 2017,
    arXiv:1706.02677.
    """

    def __init__(
        self,
        peak_learning_rate: float,
        *,
        total_steps: int,
        warmup_steps: int = 0,
        first_step: int = 0,
        final_fraction: float = 0.0,
    ) -> None:
        super().__init__()
        self.peak_learning_rate = peak_learning_rate
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.first_step = first_step
        self.final_fraction = final_fraction

    def __call__(self, step: Any) -> Any:
        """Learning rate at a step of this optimiser: float32 scalar."""
        step = ops.cast(step, "float32") + self.first_step
        # The first step learns a little: (0 + 1) / warmup_steps.
        warmup = (step + 1) / max(self.warmup_steps, 1)
        steps_after_warmup = max(self.total_steps - self.warmup_steps, 1)
        progress = ops.clip((step - self.warmup_steps) / steps_after_warmup, 0.0, 1.0)
        cosine = (1 + ops.cos(math.pi * progress)) / 2
        annealed = self.final_fraction + (1 - self.final_fraction) * cosine
        return self.peak_learning_rate * ops.where(step < self.warmup_steps, warmup, annealed)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "first_step": self.first_step,
            "final_fraction": self.final_fraction,
        }
