"""Art style classification one can trust: train, evaluate, search and serve."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from artstyle_tf import losses as losses
    from artstyle_tf.api.backbone_comparison import compare_backbones as compare_backbones
    from artstyle_tf.api.demo_images import demo_images as demo_images
    from artstyle_tf.api.demo_images import demo_settings as demo_settings
    from artstyle_tf.api.functions import analyze as analyze
    from artstyle_tf.api.functions import compare as compare
    from artstyle_tf.api.functions import cross_validate as cross_validate
    from artstyle_tf.api.functions import evaluate as evaluate
    from artstyle_tf.api.functions import export as export
    from artstyle_tf.api.functions import inspect_images as inspect_images
    from artstyle_tf.api.functions import train_direct as train_direct
    from artstyle_tf.api.functions import train_triplet as train_triplet
    from artstyle_tf.api.functions import tune as tune
    from artstyle_tf.api.functions import write_report as write_report
    from artstyle_tf.api.image_folder import ImageFolder as ImageFolder
    from artstyle_tf.api.image_grid import image_grid as image_grid
    from artstyle_tf.api.results import Result as Result
    from artstyle_tf.api.run import Run as Run
    from artstyle_tf.api.run import load_run as load_run
    from artstyle_tf.heads.estimators import LogisticHead as LogisticHead
    from artstyle_tf.heads.estimators import MeanHead as MeanHead
    from artstyle_tf.heads.estimators import RidgeHead as RidgeHead
    from artstyle_tf.images.batches.pk_sampler import PKSampler as PKSampler
    from artstyle_tf.models.style_layer import StyleHead as StyleHead
    from artstyle_tf.system.errors import ArtstyleError as ArtstyleError
    from artstyle_tf.training.callbacks.progressive_unfreezing import (
        ProgressiveUnfreezing as ProgressiveUnfreezing,
    )
    from artstyle_tf.training.progressive import fit_progressively as fit_progressively
    from artstyle_tf.trunk_cache.features import TrunkCache as TrunkCache

# Public name -> module that has it. Imported when first used (PEP 562): TensorFlow takes seconds,
# and inspecting a folder does not need it.
_HOMES = {
    "ArtstyleError": "artstyle_tf.system.errors",
    "ImageFolder": "artstyle_tf.api.image_folder",
    "LogisticHead": "artstyle_tf.heads.estimators",
    "MeanHead": "artstyle_tf.heads.estimators",
    "PKSampler": "artstyle_tf.images.batches.pk_sampler",
    "ProgressiveUnfreezing": "artstyle_tf.training.callbacks.progressive_unfreezing",
    "Result": "artstyle_tf.api.results",
    "RidgeHead": "artstyle_tf.heads.estimators",
    "Run": "artstyle_tf.api.run",
    "StyleHead": "artstyle_tf.models.style_layer",
    "TrunkCache": "artstyle_tf.trunk_cache.features",
    "analyze": "artstyle_tf.api.functions",
    "compare": "artstyle_tf.api.functions",
    "compare_backbones": "artstyle_tf.api.backbone_comparison",
    "cross_validate": "artstyle_tf.api.functions",
    "demo_images": "artstyle_tf.api.demo_images",
    "demo_settings": "artstyle_tf.api.demo_images",
    "evaluate": "artstyle_tf.api.functions",
    "export": "artstyle_tf.api.functions",
    "fit_progressively": "artstyle_tf.training.progressive",
    "image_grid": "artstyle_tf.api.image_grid",
    "inspect_images": "artstyle_tf.api.functions",
    "load_run": "artstyle_tf.api.run",
    "train_direct": "artstyle_tf.api.functions",
    "train_triplet": "artstyle_tf.api.functions",
    "tune": "artstyle_tf.api.functions",
    "write_report": "artstyle_tf.api.functions",
}


def __getattr__(name: str) -> Any:
    if name != "losses" and name not in _HOMES:
        raise AttributeError(f"module 'artstyle_tf' has no attribute {name!r}")
    # By name, because lower rooms import this package for its version.
    import_quietly = importlib.import_module("artstyle_tf.api.jobs").import_quietly
    if name == "losses":
        return import_quietly("artstyle_tf.losses")
    return getattr(import_quietly(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(["__version__", "losses", *_HOMES])
