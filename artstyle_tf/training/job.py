"""A training from the images to the results, whatever is trained: read it from top to bottom.

`open_training` and `train_network` serve the folds of a cross-validation and the trials of a study,
too, which have no run around them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras

from artstyle_tf.images.batches.image_store import errors_of_reading
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import count_splits, index_and_split, prepare
from artstyle_tf.images.split_images import read_splits
from artstyle_tf.images.splits.leak_check import check_leaks
from artstyle_tf.images.splits.leaks import count_leaks
from artstyle_tf.metrics.calibration import Calibration
from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import branch_moments
from artstyle_tf.models.style_head import principal_projection
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.plots.training_curves import plot_training_curves
from artstyle_tf.runs.model_files import save_head
from artstyle_tf.runs.run_creation import create_run_directory, plan_run
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.system.files import write_json
from artstyle_tf.system.finite_numbers import check_finite
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.baseline_comparison import (
    compare_with_baseline,
    write_baseline_predictions,
)
from artstyle_tf.training.cached_inputs import open_inputs
from artstyle_tf.training.evaluation import Evaluation
from artstyle_tf.training.image_inputs import TrainingInputs
from artstyle_tf.training.network_training import ExperimentType, NetworkTraining, NetworkType
from artstyle_tf.training.run_record import (
    describe_run,
    save_and_note_the_first,
    tensorboard_folder,
)
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.trunk_cache.settings import CacheMode


def run_training(
    kind: type[NetworkTraining[ExperimentType, NetworkType]],
    config: ExperimentType,
    invocation: Invocation,
) -> dict[str, Any]:
    """Prepares, trains, evaluates; returns the contract that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    # What can be wrong is asked for before anything is written, the cheap things first.
    place = plan_run(config, invocation)
    index, images = index_and_split(config.data, reporter, hashed=True)
    leaks = check_leaks(index, images, reporter)
    class_names = index.class_names
    network = kind.build_network(config, num_classes=len(class_names))
    with stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, images, reporter)
    training = open_training(
        kind,
        config,
        network,
        prepared,
        class_names,
        invocation,
        cache_mode=_cache_mode_of_interrupted(place) if invocation.resume else None,
    )
    if not invocation.resume:
        place = create_run_directory(place, overwrite=invocation.overwrite)
    with place.running():
        decision = training.cache_decision
        describe_run(place, config, class_names, images, prepared, network, decision)
        place.write_table(place.path / "leaks.csv", leaks)
        with stopwatch.stage("training"), errors_of_reading():
            trainer = train_network(
                training,
                place,
                resume=invocation.resume,
                save_model=save_and_note_the_first(place, invocation),
            )
        with stopwatch.stage("evaluation"), errors_of_reading():
            training.finish(place)
            calibration = training.calibrate()
            place.write_calibration(calibration)
            evaluations = _evaluate(training, calibration, place)
            write_baseline_predictions(training.baseline, training.splits, class_names, place)
            curves = plot_training_curves(trainer.history.table())
            save_figure(curves, place.figures / "training_curves.png")
            further = training.further_results(trainer, place)
        result = {
            "run": str(place.path),
            **{name: evaluation.metrics for name, evaluation in evaluations.items()},
            "intervals": {name: evaluation.intervals for name, evaluation in evaluations.items()},
            "baseline": compare_with_baseline(
                training.baseline, training.splits, evaluations, class_names
            ),
            "calibration": dataclasses.asdict(calibration),
            "refitted": training.refits,
            "best_epoch": trainer.best.epoch,
            "stopped_early": trainer.reason_to_stop,
            **further,
            "trunk_cache": dataclasses.asdict(decision),
            "num_images": count_splits(prepared.manifest),
            "leaks": count_leaks(leaks),
            "unreadable": prepared.rejected.to_dict(orient="records"),
            "model": str(place.model_file),
            "figures": str(place.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(place.metrics_file, result)
    return {**result, "report": invocation.publish(place, config, reporter)}


def open_training(
    kind: type[NetworkTraining[ExperimentType, NetworkType]],
    config: ExperimentType,
    network: NetworkType,
    prepared: PreparedImages,
    class_names: Sequence[str],
    invocation: Invocation,
    *,
    with_test: bool = True,
    cache_mode: CacheMode | None = None,
) -> NetworkTraining[ExperimentType, NetworkType]:
    """Finds out what the network learns from; nothing is learned or written yet.

    Args:
        kind: of training.
        config: of the training.
        network: what `kind.build_network` returned.
        prepared: the images, with their splits.
        class_names: in the order of the class ids.
        invocation: how the program was called.
        with_test: whether the test split will be predicted; if not, nobody looks at it.
        cache_mode: instead of the config's.

    Raises:
        CacheImpossibleError: if the mode insists on a trunk cache that is not possible.
    """
    splits = read_splits(
        prepared, class_names, config.data, image_size_px=config.model.image_size_px
    )
    if not with_test:
        splits.pop("test", None)
    inputs, decision = open_inputs(
        config,
        network,
        splits,
        kind.order(config, splits["train"]),
        mode=cache_mode or config.training.trunk_cache.mode,
        reporter=invocation.reporter,
    )
    return kind(config, network, splits, inputs, decision, class_names, invocation)


def train_network(
    training: NetworkTraining[Any, Any],
    place: RunDirectory,
    *,
    resume: bool = False,
    save_model: Callable[[keras.Model], None] | None = None,
    score_only: bool = False,
    further_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Trainer:
    """Start, then the phases; the best weights are in the network afterwards.

    Args:
        training: from `open_training`.
        place: where history and resume point go.
        resume: continue where an interrupted training stopped, if there is such a point.
        save_model: called with the network whenever it got better; None to keep no file.
        score_only: only the score counts: no baseline unless the start is made of it, no point
            to resume from, no TensorBoard.
        further_callbacks: see the logs of an epoch when everything else has.
    """
    network, inputs, invocation = training.network, training.inputs, training.invocation
    decision, reporter = training.cache_decision, invocation.reporter
    reporter.info(f"{'Using' if decision.use else 'Not using'} the trunk cache: {decision.reason}.")
    _start_style(network, inputs)
    features = {}
    # Before anything is learned: the baseline is what the features could do already.
    with invocation.stopwatch.stage("baseline"):
        if training.probe is not None or not score_only:
            features = {split: inputs.features(split) for split in training.splits}
        if not score_only:
            training.fit_baseline(features)
    objective = training.objective()
    trainer = Trainer(
        network,
        objective,
        training.config.training,
        inputs.training_data,
        seed=training.config.seed,
        history_file=place.history_file,
        resume_file=None if score_only else place.resume_file,
        save_model=save_model,
        tensorboard_folder=None if score_only else tensorboard_folder(training.config, place),
        further_callbacks=further_callbacks,
        reporter=reporter,
    )
    if not (resume and trainer.resume()):
        start = training.start(objective, features)
        if start is not None:
            name, scores = start
            trainer.start_from(name, scores)
            reporter.info(
                f"Start ({name}): validation macro-F1 {scores['val_macro_f1']:.3f} "
                f"({invocation.stopwatch.elapsed:.0f} s after the start)"
            )
    # As large as the images are many, so they are only kept where somebody needs them.
    training.first_features = features if training.refits else {}
    del features
    trainer.train()
    return trainer


def _cache_mode_of_interrupted(place: RunDirectory) -> CacheMode | None:
    """A run ends as it has begun: kept activations are rounded a little."""
    if not place.environment_file.is_file():
        return None
    started = place.read_environment().trunk_cache
    if started is None:
        return None
    return "always" if started.use else "never"


def _start_style(network: Network, inputs: TrainingInputs) -> None:
    """Gives each style branch the principal directions of its block, if there are branches."""
    branches = network.features.branches
    if not branches:
        return
    mean_row = inputs.mean_row("train")
    check_finite(
        mean_row[None],
        "the activations of the train images",
        fix="check model.weights, which may be damaged or made for another input",
    )
    means = branch_moments(network, mean_row)
    for branch, mean in zip(branches, means, strict=True):
        projection = principal_projection(mean, width=branch.pooling.width)
        branch.pooling.projection.assign(projection)


def _evaluate(
    training: NetworkTraining[Any, Any], calibration: Calibration, place: RunDirectory
) -> dict[str, Evaluation]:
    """Measures validation, learns from it where that is wanted, then the test split this once."""
    evaluations = {}
    for split, name in NAME_IN_RESULT.items():
        if split in training.splits:
            evaluations[name] = training.evaluate(
                split,
                calibration,
                folder=place.path / name,
                figures=place.figures / name,
                title=f"{place.path.name}: {name}",
            )
        if split == "val" and training.refits:
            save_head(training.network.head, place.first_head_file)
            training.refit()
            place.save_model(training.network.model)
    return evaluations


def plan_training(
    kind: type[NetworkTraining[ExperimentType, NetworkType]],
    config: ExperimentType,
    invocation: Invocation,
) -> dict[str, Any]:
    """Checks names, images and weights and says what `run_training` would do; writes nothing."""
    place = plan_run(config, invocation)
    index, images = index_and_split(config.data, invocation.reporter)
    leaks = check_leaks(index, images, invocation.reporter)
    network = kind.build_network(config, num_classes=len(index.class_names))
    return {
        "dry_run": True,
        "run": str(place.path),
        "classes": list(index.class_names),
        "num_images": count_splits(images),
        "leaks": count_leaks(leaks),
        "weights": config.model.weights,
        "parameters": network.model.count_params(),
        "phases": [f"{phase.name}, {phase.epochs} epochs" for phase in config.training.phases],
    }
