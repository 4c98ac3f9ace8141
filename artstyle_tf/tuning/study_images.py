"""What all trials of a study share: prepared images, and cached activations."""

from __future__ import annotations

import dataclasses
import io
import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.evaluation.fold_images import (
    check_divisible,
    images_to_divide,
    rows_before_preparation,
)
from artstyle_tf.evaluation.fold_training import FoldImages
from artstyle_tf.evaluation.settings import CrossValidationConfig
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import prepare
from artstyle_tf.images.splits.leaks import (
    check_leaks,
    has_groups,
    suggest_groups,
    warn_about_turned,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.training.activation_plan import ActivationPlan, ActivationRequest
from artstyle_tf.training.cached_inputs import CachedInputs
from artstyle_tf.training.job import build_network, open_training
from artstyle_tf.trunk_cache.cache_decision import CacheImpossibleError
from artstyle_tf.tuning.settings import ObjectiveConfig
from artstyle_tf.tuning.trial_life import TrialLink
from artstyle_tf.tuning.trial_records import StudyImages


def prepare_study(
    job: tuple[TrainingExperiment, ObjectiveConfig, ImageIndex, pd.DataFrame], link: TrialLink
) -> StudyImages:
    """Prepare the images of a split index, and check that they allow the objective."""
    config, objective, index, table = job
    reporter = _reporter_to(link)
    check_study(config, objective, index, table, reporter)
    images = StudyImages(prepare(config.data, index, table, reporter), table, index.class_names)
    if objective.scheme != "validation":
        # Again, because some images may have turned out to be unreadable.
        rows = images_of_folds(config, images).rows
        _check_folds(config, rows, objective, index.class_names)
    return images


def check_study(
    config: TrainingExperiment,
    objective: ObjectiveConfig,
    index: ImageIndex,
    table: pd.DataFrame,
    reporter: Reporter,
) -> None:
    """Check everything that can be checked before the images are prepared.

    Args:
        config: the study's base experiment.
        objective: of the study.
        index: of the images.
        table: of the images with their splits.
        reporter: gets warnings.

    Raises:
        ArtstyleError: if the images do not allow the objective, or the network cannot be built.
    """
    check_leaks(index, table, reporter)
    if objective.scheme == "group" and not has_groups(index):
        raise ArtstyleError(
            "There are no groups to make folds of",
            received="tuning.objective.scheme=group, and each image is a group of its own",
            fix=suggest_groups(index, SILENT),
        )
    if not (table["split"] == "val").any() and objective.scheme == "validation":
        raise ArtstyleError(
            "There are no validation images to evaluate trials on",
            fix="add some to the split, or take tuning.objective.scheme=random",
        )
    if objective.scheme != "validation":
        rows = rows_before_preparation(table, _folding(config))
        _check_folds(config, rows, objective, index.class_names)
        warn_about_turned(table[table["split"] != "test"], reporter)
    build_network(config, num_classes=len(index.class_names))


def _check_folds(
    config: TrainingExperiment,
    rows: pd.DataFrame,
    objective: ObjectiveConfig,
    class_names: Sequence[str],
) -> None:
    check_divisible(
        config, rows, class_names, schemes=[objective.scheme], num_folds=objective.num_folds
    )


def _folding(config: TrainingExperiment) -> CrossValidationConfig:
    return config.cross_validation.model_copy(update={"with_test_split": False})


def images_of_folds(config: TrainingExperiment, images: StudyImages) -> FoldImages:
    """Return the images that a cross-validated trial divides: all but the test split."""
    return images_to_divide(images.prepared, images.table, images.class_names, _folding(config))


def fill_trunk_cache(
    job: tuple[Sequence[TrainingExperiment], ObjectiveConfig, StudyImages], link: TrialLink
) -> bool:
    """Compute all activations that some configs will need, in as few forward passes as possible.

    Args:
        job: configs that differ in phases only, so that all have the same network below; the
            objective, and the images.
        link: gets the progress.

    Returns:
        Whether the trunk cache serves these configs.
    """
    configs, objective, images = job
    if objective.scheme != "validation":
        # Every image is a training image of some folds and a validation or test image of others.
        rows = images.prepared.manifest
        rows = rows[rows["split"] != "test"]
        both = pd.concat([rows.assign(split="train"), rows.assign(split="val")], ignore_index=True)
        prepared = PreparedImages(images.prepared.root, both, images.prepared.rejected)
        images = dataclasses.replace(images, prepared=prepared)
    inputs = _open(configs[0], images, _reporter_to(link))
    if inputs is None:
        return False
    requests = [
        request for config in configs for request in ActivationPlan(config).for_validated_training()
    ]
    for request in _joined(requests):
        inputs.fill(request)
    return True


def _joined(requests: Sequence[ActivationRequest]) -> list[ActivationRequest]:
    """Join requests for the same views of the same images, with the boundaries of all."""

    def images(request: ActivationRequest) -> tuple[str, str, str]:
        return request.split, str(request.views), request.dtype

    joined = []
    for _, group in itertools.groupby(sorted(requests, key=images), key=images):
        same = list(group)
        boundaries = sorted({boundary for request in same for boundary in request.boundaries})
        first = same[0]
        joined.append(ActivationRequest(first.split, tuple(boundaries), first.views, first.dtype))
    return joined


def _open(
    config: TrainingExperiment, images: StudyImages, reporter: Reporter
) -> CachedInputs | None:
    mode = config.training.trunk_cache.mode
    try:
        training = open_training(
            config,
            images.prepared,
            images.class_names,
            Invocation(reporter),
            with_test=False,
            # A cache that would not pay for one trial may pay for many.
            cache_mode="always" if mode == "auto" else mode,
        )
    except CacheImpossibleError:
        if mode == "always":
            raise
        return None  # not possible for this config
    return training.inputs if isinstance(training.inputs, CachedInputs) else None


class _Lines(io.TextIOBase):
    """A stream whose lines are sent through a link."""

    def __init__(self, link: TrialLink) -> None:
        self._link = link

    def write(self, text: str) -> int:
        if text.strip():
            self._link.send_message(text.rstrip("\n"))
        return len(text)

    def isatty(self) -> bool:
        return False


def _reporter_to(link: TrialLink) -> Reporter:
    stream: Any = _Lines(link)
    return Reporter(stream)
