"""train-direct: pictures -> trained, evaluated classifier. Read it from top to bottom."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.training import DirectTrainingConfig
from artstyle_tf.data.epoch_order import ShuffledOrder
from artstyle_tf.files import write_json
from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy
from artstyle_tf.models.backbones import build_backbone
from artstyle_tf.models.classifier import Classifier, build_classifier
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.plots.training_curves import plot_training_curves
from artstyle_tf.training.classification import Classification
from artstyle_tf.training.phases import check_phases
from artstyle_tf.training.run_directory import RunDirectory, create_run_directory
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.workflows.evaluation import (
    Evaluation,
    evaluate_logits,
    format_metrics,
    write_evaluation,
)
from artstyle_tf.workflows.invocation import Invocation
from artstyle_tf.workflows.linear_probe_start import start_from_linear_probe
from artstyle_tf.workflows.prepare_data import count_splits, index_and_split, prepare
from artstyle_tf.workflows.split_pictures import SplitPictures, read_splits
from artstyle_tf.workflows.training_inputs import TrainingInputs, configured_views
from artstyle_tf.workflows.training_plan import unpack_phases, unpack_training_plan
from artstyle_tf.workflows.training_run import (
    NAME_IN_RESULT,
    choose_inputs,
    describe_run,
    plan_run,
    save_and_note_the_first,
    tensorboard_folder,
)


def run(config: DirectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Prepares, trains, evaluates; returns the contract that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    # What can be wrong is asked for before anything is written, the cheap things first.
    run_directory = plan_run(config, invocation)
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
    inputs, decision = choose_inputs(
        config,
        classifier,
        splits,
        _order(config, splits),
        run_directory,
        invocation,
        starts_from_features=config.training.linear_probe is not None,
    )
    if not invocation.resume:
        create_run_directory(run_directory, overwrite=invocation.overwrite)
    with run_directory.running():
        describe_run(run_directory, config, class_names, pictures, prepared, classifier, decision)
        with stopwatch.stage("training"):
            trainer = _train(config, classifier, splits, inputs, run_directory, invocation)
        with stopwatch.stage("evaluation"):
            evaluations = _evaluate(inputs, splits, class_names, run_directory)
        curves = plot_training_curves(trainer.history.table())
        save_figure(curves, run_directory.figures / "training_curves.png")
        result = {
            "run": str(run_directory.path),
            **{name: evaluation.metrics for name, evaluation in evaluations.items()},
            "intervals": {name: evaluation.intervals for name, evaluation in evaluations.items()},
            "best_epoch": trainer.best.epoch,
            "stopped_early": trainer.reason_to_stop,
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
    run_directory = plan_run(config, invocation)
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
    scores = {name: result[name] for name in NAME_IN_RESULT.values() if name in result}
    best = "the linear probe" if result["best_epoch"] == 0 else f"epoch {result['best_epoch']}"
    return "\n".join(
        [
            format_metrics(scores, result["intervals"]),
            f"Best:    {best}",
            f"Model:   {result['model']}",
            f"Figures: {result['figures']}",
            f"Run:     {result['run']} ({result['seconds']['total']:.0f} s)",
        ]
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


def _order(config: DirectExperiment, splits: dict[str, SplitPictures]) -> ShuffledOrder:
    return ShuffledOrder(
        len(splits["train"]),
        batch_size=config.training.batch_size,
        seed=config.seed,
        num_views=configured_views(config.data).num_views,
    )


def _objective(
    training: DirectTrainingConfig, labels: np.ndarray, *, num_classes: int
) -> Classification:
    """Cross-entropy; class weights and priors come from the training pictures' labels."""
    counts = np.bincount(labels, minlength=num_classes)
    adjusts = training.class_balance == "logit_adjustment"
    loss = LogitAdjustedCrossEntropy(
        class_counts=[int(count) for count in counts],
        tau=training.logit_adjustment_strength if adjusts else 0.0,
        label_smoothing=training.label_smoothing,
    )
    class_weight = None
    if training.class_balance == "class_weight":
        class_weight = {i: float(len(labels) / (num_classes * n)) for i, n in enumerate(counts)}
    return Classification(loss, num_classes=num_classes, class_weight=class_weight)


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
        _objective(training, splits["train"].labels, num_classes=classifier.head.units),
        unpack_training_plan(training, seed=config.seed),
        inputs.training_data,
        history_file=run_directory.history_file,
        resume_file=run_directory.resume_file,
        save_model=save_and_note_the_first(run_directory, invocation),
        tensorboard_folder=tensorboard_folder(config, run_directory),
        reporter=invocation.reporter,
    )
    resumed = invocation.resume and trainer.resume()
    if not resumed and training.linear_probe is not None:
        start_from_linear_probe(
            training.linear_probe, classifier, splits, inputs, trainer, invocation
        )
    trainer.train()
    return trainer


def _evaluate(
    inputs: TrainingInputs,
    splits: dict[str, SplitPictures],
    class_names: tuple[str, ...],
    run_directory: RunDirectory,
) -> dict[str, Evaluation]:
    """Measures validation, and the test split this once; writes tables and figures."""
    evaluations = {}
    for split, name in NAME_IN_RESULT.items():
        if split not in splits:
            continue
        evaluation = evaluate_logits(
            inputs.outputs(split, f"Evaluating {split} pictures"), splits[split], class_names
        )
        write_evaluation(
            evaluation,
            splits[split],
            class_names,
            folder=run_directory.path / name,
            figures=run_directory.figures / name,
            title=f"{run_directory.path.name}: {name}",
        )
        evaluations[name] = evaluation
    return evaluations
