"""Losses for `model.compile`, imported when one is first used.

Labels are class ids [B] or [B, 1]. The triplet losses and the contrastive loss take embeddings
[B, D], best with rows of length 1, and compare the rows of a batch with each other: `PKSampler`
yields batches with several images of each class. `LogitAdjustedCrossEntropy` takes logits [B, C].

Example:
    ```python
    import artstyle_tf as art

    model.compile("adam", art.losses.SemiHardTripletLoss(margin=0.2, distance="cosine"))
    ```
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy
    from artstyle_tf.losses.supervised_contrastive import SupervisedContrastiveLoss
    from artstyle_tf.losses.triplet_losses import (
        BatchAllTripletLoss,
        BatchHardTripletLoss,
        HardTripletLoss,
        SemiHardTripletLoss,
    )

__all__ = [
    "BatchAllTripletLoss",
    "BatchHardTripletLoss",
    "HardTripletLoss",
    "LogitAdjustedCrossEntropy",
    "SemiHardTripletLoss",
    "SupervisedContrastiveLoss",
]

_MODULES = {
    "BatchAllTripletLoss": "triplet_losses",
    "BatchHardTripletLoss": "triplet_losses",
    "HardTripletLoss": "triplet_losses",
    "LogitAdjustedCrossEntropy": "logit_adjustment",
    "SemiHardTripletLoss": "triplet_losses",
    "SupervisedContrastiveLoss": "supervised_contrastive",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
