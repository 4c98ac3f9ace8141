"""train-direct: pictures -> trained, evaluated classifier. Read it from top to bottom."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import different_keys, dump_yaml, load_config
from artstyle_tf.data.preparation import PreparedPictures
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.files import write_json
from artstyle_tf.models.backbones import build_backbone
from artstyle_tf.models.classifier import Classifier, build_classifier
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.plots.class_distribution import plot_class_distribution
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.plots.training_curves import plot_training_curves
from artstyle_tf.training.cache_decision import CacheDecision
from artstyle_tf.training.environment import describe_environment
from artstyle_tf.training.phases import check_phases
from artstyle_tf.training.run_directory import (
    RunDirectory,
    create_run_directory,
    plan_run_directory,
)
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.workflows.cached_inputs import open_cached_inputs
from artstyle_tf.workflows.evaluation import (
    evaluate_logits,
    format_metrics,
    write_evaluation,
)
from artstyle_tf.workflows.invocation import Invocation
from artstyle_tf.workflows.linear_probe_start import start_from_linear_probe
from artstyle_tf.workflows.prepare_data import (
    count_pictures,
    count_splits,
    index_and_split,
    prepare,
)
from artstyle_tf.workflows.split_pictures import SplitPictures, read_splits
from artstyle_tf.workflows.training_inputs import PictureInputs, TrainingInputs
from artstyle_tf.workflows.training_plan import unpack_phases, unpack_training_plan

_NAME_IN_RESULT = {"val": "validation", "test": "test"}


def run(config: DirectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Prepares, trains, evaluates; returns the contract that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    # What can be wrong is asked for before anything is written, the cheap things first.
    run_directory = _plan_run_directory(config, invocation)
    if invocation.resume:
        _check_same_config(config, run_directory)
    index, pictures = index_and_split(config.data, reporter)
    class_names = index.class_names
    classifier = _build_classifier(config, len(class_names))

    with stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, pictures, reporter)
        splits = read_splits(
            prepared,
            class_names,
            config.data,
            image_size_px=config.model.image_size_px,
        )
    inputs, decision = _choose_inputs(config, classifier, splits, run_directory, invocation)
    if not invocation.resume:
        create_run_directory(run_directory, overwrite=invocation.overwrite)
    with run_directory.running():
        _describe_run(run_directory, config, class_names, pictures, prepared, classifier, decision)
        with stopwatch.stage("training"):
            trainer = _train(config, classifier, splits, inputs, run_directory, invocation)
        with stopwatch.stage("evaluation"):
            scores = _evaluate(inputs, splits, class_names, run_directory)
        curves = plot_training_curves(trainer.history.table())
        save_figure(curves, run_directory.figures / "training_curves.png")
        result = {
            "run": str(run_directory.path),
            **scores,
            "best_epoch": trainer.best.epoch,
            "stopped_early": trainer.early_stopping.reason,
            "trunk_cache": dataclasses.asdict(decision),
            "num_pictures": count_splits(prepared.manifest),
            "unreadable": prepared.rejected.to_dict(orient="records"),
            "model": str(run_directory.model_file),
            "figures": str(run_directory.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(run_directory.metrics_file, result)
    return result


def plan(config: DirectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Checks names, pictures and weights and says what `run` would do, without writing."""
    run_directory = _plan_run_directory(config, invocation)
    index, pictures = index_and_split(config.data, invocation.reporter)
    classifier = _build_classifier(config, len(index.class_names))
    phases = unpack_phases(config.training)
    return {
        "dry_run": True,
        "run": str(run_directory.path),
        "classes": list(index.class_names),
        "num_pictures": count_splits(pictures),
        "weights": config.model.weights,
        "parameters": classifier.model.count_params(),
        "phases": [f"{phase.name}, {phase.epochs} epochs" for phase in phases],
    }


def summarise(result: dict[str, Any]) -> str:
    """The result as text."""
    if result.get("dry_run"):
        lines = [f"{key}: {value}" for key, value in result.items() if key != "dry_run"]
        return "Dry run: nothing was written.\n" + "\n".join(lines)
    scores = {name: result[name] for name in _NAME_IN_RESULT.values() if name in result}
    best = "the linear probe" if result["best_epoch"] == 0 else f"epoch {result['best_epoch']}"
    return "\n".join(
        [
            format_metrics(scores),
            f"Best:    {best}",
            f"Model:   {result['model']}",
            f"Figures: {result['figures']}",
            f"Run:     {result['run']} ({result['seconds']['total']:.0f} s)",
        ]
    )


def _plan_run_directory(config: DirectExperiment, invocation: Invocation) -> RunDirectory:
    return plan_run_directory(
        Path(config.outputs),
        config.run_name,
        kind="direct",
        resume=invocation.resume,
        overwrite=invocation.overwrite,
    )


def _check_same_config(config: DirectExperiment, run_directory: RunDirectory) -> None:
    """Half a run of one plan and half of another would be neither."""
    started = load_config(DirectExperiment, run_directory.config_file)
    changed = different_keys(started, config, ignore={"run_name", "outputs"})
    if changed:
        raise ArtstyleError(
            f"The run {run_directory.path} was started with another configuration",
            received=f"other values for {', '.join(changed)}",
            fix=f"continue it with --config {run_directory.config_file}, or start a new run",
        )


def _build_classifier(config: DirectExperiment, num_classes: int) -> Classifier:
    keras.utils.set_random_seed(config.seed)
    backbone = build_backbone(
        config.model.backbone,
        image_size_px=config.model.image_size_px,
        weights=config.model.weights,
    )
    check_phases(unpack_phases(config.training), backbone)
    return build_classifier(
        backbone, num_classes=num_classes, dropout=config.model.dropout, seed=config.seed
    )


def _choose_inputs(
    config: DirectExperiment,
    classifier: Classifier,
    splits: dict[str, SplitPictures],
    run_directory: RunDirectory,
    invocation: Invocation,
) -> tuple[TrainingInputs, CacheDecision]:
    """Pictures, or kept activations where that is possible and cheaper."""
    mode = config.training.trunk_cache.mode
    if invocation.resume and run_directory.environment_file.is_file():
        # A run ends as it has begun: kept activations are rounded a little.
        started = json.loads(run_directory.environment_file.read_text(encoding="utf-8"))
        mode = "always" if started["trunk_cache"]["use"] else "never"
    plain = PictureInputs(config, classifier, splits, invocation.reporter)
    cached, decision = open_cached_inputs(
        config, classifier, splits, plain, mode=mode, reporter=invocation.reporter
    )
    verb = "Using" if decision.use else "Not using"
    invocation.reporter.info(f"{verb} the trunk cache: {decision.reason}.")
    return (cached if decision.use else plain), decision


def _describe_run(
    run_directory: RunDirectory,
    config: DirectExperiment,
    class_names: tuple[str, ...],
    pictures: pd.DataFrame,
    prepared: PreparedPictures,
    classifier: Classifier,
    decision: CacheDecision,
) -> None:
    """Writes what is needed to repeat the run, before anything is learnt."""
    run_directory.write_config(dump_yaml(config))
    run_directory.write_class_names(class_names)
    split_columns = pictures[["path", "label", "split", "group"]]
    run_directory.write_table(run_directory.split_file, split_columns)
    run_directory.write_table(run_directory.pictures_file, prepared.manifest)
    environment = {
        **describe_environment(),
        "seed": config.seed,
        "prepared_pictures": str(prepared.root.resolve()),
        "initial_weights_digest": weights_digest(classifier.backbone.model),
        "trunk_cache": dataclasses.asdict(decision),
    }
    write_json(run_directory.environment_file, environment)
    distribution = plot_class_distribution(count_pictures(prepared.manifest))
    save_figure(distribution, run_directory.figures / "class_distribution.png")


def _train(
    config: DirectExperiment,
    classifier: Classifier,
    splits: dict[str, SplitPictures],
    inputs: TrainingInputs,
    run_directory: RunDirectory,
    invocation: Invocation,
) -> Trainer:
    """Linear probe, then the phases; the best weights are in the classifier afterwards."""
    training = config.training
    trainer = Trainer(
        classifier,
        unpack_training_plan(
            training,
            labels=splits["train"].labels,
            num_classes=classifier.head.units,
            seed=config.seed,
        ),
        inputs.training_data,
        history_file=run_directory.history_file,
        resume_file=run_directory.resume_file,
        save_model=_save_and_note_the_first(run_directory, invocation),
        reporter=invocation.reporter,
    )
    resumed = invocation.resume and trainer.resume()
    if not resumed and training.linear_probe is not None:
        start_from_linear_probe(
            training.linear_probe, classifier, splits, inputs, trainer, invocation
        )
    trainer.train()
    return trainer


def _save_and_note_the_first(run_directory: RunDirectory, invocation: Invocation) -> Any:
    def save(model: keras.Model) -> None:
        first = not run_directory.model_file.is_file()
        run_directory.save_model(model)
        if first:
            invocation.stopwatch.note("first_model", invocation.stopwatch.elapsed)

    return save


def _evaluate(
    inputs: TrainingInputs,
    splits: dict[str, SplitPictures],
    class_names: tuple[str, ...],
    run_directory: RunDirectory,
) -> dict[str, dict[str, float]]:
    """Measures validation, and the test split this once; writes tables and figures."""
    scores = {}
    for split, name in _NAME_IN_RESULT.items():
        if split not in splits:
            continue
        evaluation = evaluate_logits(inputs.logits(split), splits[split], class_names)
        write_evaluation(
            evaluation,
            splits[split],
            class_names,
            folder=run_directory.path / name,
            figures=run_directory.figures / name,
            title=f"{run_directory.path.name}: {name}",
        )
        scores[name] = evaluation.metrics
    return scores
