"""train-direct and train-triplet: a training from the images to the results.

Read `run` from top to bottom. `open_training` serves the folds of a cross-validation and the trials
of a study, too, which have no run around them.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Sequence
from typing import Any

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.batches.image_store import errors_of_reading
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import count_splits, index_and_split, prepare
from artstyle_tf.images.split_images import read_splits
from artstyle_tf.images.splits.leaks import check_leaks, count_leaks
from artstyle_tf.metrics.calibration import Calibration
from artstyle_tf.models.network import Network
from artstyle_tf.plots.saving import figures_in_background, save_figure
from artstyle_tf.plots.training_curves import plot_training_curves
from artstyle_tf.runs.model_files import save_head
from artstyle_tf.runs.run_creation import create_run_directory, plan_run
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.cached_inputs import open_inputs
from artstyle_tf.training.epoch_selection import EpochSelection
from artstyle_tf.training.evaluation import Evaluation, format_metrics, summarize_calibration
from artstyle_tf.training.network_training import NetworkTraining
from artstyle_tf.training.run_record import (
    compare_with_baseline,
    describe_run,
    save_and_note_the_first,
    summarize_baseline,
    write_baseline_predictions,
)
from artstyle_tf.trunk_cache.activation_cache import ActivationCache
from artstyle_tf.trunk_cache.settings import CacheMode

_REFITTED = "          then trained again with the validation images, after their evaluation"

TRAININGS = {
    "direct": "artstyle_tf.training.direct:DirectTraining",
    "triplet": "artstyle_tf.training.triplet:TripletTraining",
}
"""`kind` of the config -> the `NetworkTraining` with what is particular to it."""


def run(config: TrainingExperiment, invocation: Invocation) -> dict[str, Any]:
    """Prepare, train and evaluate; return the contract that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    # What can fail is checked before anything is written, the cheap things first.
    place = plan_run(config, invocation)
    index, images = index_and_split(config.data, reporter, hashed=True)
    leaks = check_leaks(index, images, reporter)
    class_names = index.class_names
    network = build_network(config, num_classes=len(class_names))
    with stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, images, reporter)
    training = open_training(
        config,
        prepared,
        class_names,
        invocation,
        network=network,
        cache_mode=_cache_mode_of_interrupted(place) if invocation.resume else None,
    )
    if not invocation.resume:
        place = create_run_directory(place, overwrite=invocation.overwrite)
    with place.running():
        decision = training.cache_decision
        describe_run(place, config, class_names, images, prepared, network, decision)
        place.write_table(place.path / "leaks.csv", leaks)
        with stopwatch.stage("training"), errors_of_reading():
            trainer = training.train(
                place,
                resume=invocation.resume,
                save_model=save_and_note_the_first(place, invocation),
            )
        with stopwatch.stage("evaluation"), errors_of_reading(), figures_in_background():
            training.start_refit()
            training.finish(place)
            calibration = training.calibrate()
            place.write_calibration(calibration)
            evaluations = _evaluate(training, calibration, place)
            write_baseline_predictions(training.baseline, training.splits, class_names, place)
            curves = plot_training_curves(trainer.history.table())
            save_figure(curves, place.figures / "training_curves.png")
            further = training.further_results(trainer, place)
        selection = training.epoch_selection
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
            "epoch_selection": None if selection is None else dataclasses.asdict(selection),
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
    report = invocation.publish(place, config, reporter, training.network.model)
    return {**result, "report": report}


def plan(config: TrainingExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check names, images and weights and return what `run` would do; write nothing."""
    place = plan_run(config, invocation)
    index, images = index_and_split(config.data, invocation.reporter)
    leaks = check_leaks(index, images, invocation.reporter)
    network = build_network(config, num_classes=len(index.class_names))
    return {
        "dry_run": True,
        "run": str(place.path),
        "classes": list(index.class_names),
        "num_images": count_splits(images),
        "leaks": count_leaks(leaks),
        "weights": getattr(config.model, "initial_run", None) or config.model.weights,
        "parameters": network.model.count_params(),
        "phases": [phase.summary for phase in config.training.phases],
    }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    scores = {name: result[name] for name in NAME_IN_RESULT.values() if name in result}
    selection = result["epoch_selection"]
    best = "the start" if result["best_epoch"] == 0 else f"epoch {result['best_epoch']}"
    return "\n".join(
        [
            format_metrics(scores, result["intervals"]),
            *summarize_baseline(result),
            summarize_calibration(result["calibration"]),
            f"Best:     {best}",
            *([f"          {EpochSelection(**selection).summary}"] if selection else []),
            *([_REFITTED] if result["refitted"] else []),
            f"Model:    {result['model']}",
            f"Figures:  {result['figures']}",
            *([f"Report:   {result['report']}"] if result["report"] else []),
            f"Run:      {result['run']} ({result['seconds']['total']:.0f} s)",
        ]
    )


def build_network(config: TrainingExperiment, *, num_classes: int) -> Network:
    """Build the network of a training.

    Raises:
        ArtstyleError: if backbone, weights or phases cannot be used.
    """
    kind = pkgutil.resolve_name(TRAININGS[config.kind])
    return kind.build_network(config, num_classes=num_classes)


def open_training(
    config: TrainingExperiment,
    prepared: PreparedImages,
    class_names: Sequence[str],
    invocation: Invocation,
    *,
    network: Network | None = None,
    with_test: bool = True,
    cache_mode: CacheMode | None = None,
    cache: ActivationCache | None = None,
) -> NetworkTraining[Any, Any]:
    """Combine images, network and inputs; nothing is trained or written yet.

    Args:
        prepared: the images, with their splits.
        class_names: in the order of the class ids.
        network: what `build_network` returned; None to build it here.
        with_test: whether the test split will be predicted; if not, it is not read.
        cache_mode: instead of the config's.
        cache: what `open_cache` returned for this network; None to open it here.

    Raises:
        ArtstyleError: if backbone, weights or phases cannot be used.
        CacheImpossibleError: if the mode requires a trunk cache that is not possible.
    """
    if network is None:
        network = build_network(config, num_classes=len(class_names))
    splits = read_splits(
        prepared, class_names, config.data, image_size_px=config.model.image_size_px
    )
    if not with_test:
        splits.pop("test", None)
    kind = pkgutil.resolve_name(TRAININGS[config.kind])
    inputs, decision = open_inputs(
        config,
        network,
        splits,
        kind.order(config, splits["train"]),
        mode=cache_mode or config.training.trunk_cache.mode,
        reporter=invocation.reporter,
        cache=cache,
    )
    return kind(config, network, splits, inputs, decision, class_names, invocation)


def _cache_mode_of_interrupted(place: RunDirectory) -> CacheMode | None:
    """Return the mode a run began with: cached activations are rounded a little."""
    if not place.environment_file.is_file():
        return None
    started = place.read_environment().trunk_cache
    if started is None:
        return None
    return "always" if started.use else "never"


def _evaluate(
    training: NetworkTraining[Any, Any], calibration: Calibration, place: RunDirectory
) -> dict[str, Evaluation]:
    """Evaluate validation, refit with it where configured, then evaluate the test split once."""
    evaluations = {}
    selection = training.epoch_selection
    trains_epochs = selection is not None and selection.epoch > 0
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
            if trains_epochs:
                place.save_model(training.network.model, before_refit=True)
            else:
                save_head(training.network.head, place.first_head_file)
            training.refit(place)
            place.save_model(training.network.model)
    return evaluations
