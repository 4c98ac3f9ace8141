"""compare_backbones of `artstyle_tf`: the verb compare-backbones, for notebooks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from artstyle_tf.api.image_folder import ImageFolder, as_image_folder
from artstyle_tf.api.results import Result, result_of
from artstyle_tf.evaluation.settings import CompareBackbonesExperiment


def compare_backbones(
    images: ImageFolder | str | os.PathLike[str],
    backbones: Sequence[str | Mapping[str, Any]] | None = None,
    *,
    folds: int = 5,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> Result:
    """Compare frozen networks on the images: cross-validated scores, time, size, license.

    Args:
        images: folder of style folders.
        backbones: names, or mappings with the keys of the section `model`; None for the default
            candidates of `compare_backbones.py`.
        folds: number of folds, at least 2.
        resume: continue the interrupted comparison of this `run_name`.
        overwrite: replace an earlier one of this `run_name`.
        quiet: print warnings only, no progress.
        settings: any key of the configuration of the comparison.

    Returns:
        The candidates with scores and paired tests, best first; which one is `recommended`, and
        the `settings` that choose it.

    Examples:
        >>> sizes = [{"backbone": "efficientnet_b0", "image_size_px": size} for size in (224, 320)]
        >>> compare_backbones("data/images", sizes)["recommended"]
    """
    settings = {**settings, "cross_validation.num_folds": folds}
    if backbones is not None:
        settings["candidates"] = [
            {"backbone": each} if isinstance(each, str) else each for each in backbones
        ]
    config = as_image_folder(images).config(CompareBackbonesExperiment, settings)
    return result_of("compare-backbones", config, quiet=quiet, resume=resume, overwrite=overwrite)
