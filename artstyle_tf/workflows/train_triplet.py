"""train-triplet: pictures -> trained, evaluated embedding. Read it from top to bottom."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.config.metric_learning import MetricLearningConfig
from artstyle_tf.data.balanced_batches import BalancedOrder
from artstyle_tf.files import write_json
from artstyle_tf.losses.registry import build_metric_loss
from artstyle_tf.models.backbones import build_backbone
from artstyle_tf.models.embedding_model import (
    EmbeddingModel,
    build_embedding_model,
    copy_backbone_weights,
)
from artstyle_tf.plots.embedding_health import plot_embedding_health
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.plots.training_curves import plot_training_curves
from artstyle_tf.reporting import Reporter
from artstyle_tf.training.callbacks.collapse_guard import CollapseGuard, CollapseLimits
from artstyle_tf.training.callbacks.embedding_scores import EmbeddingScores, LabelledPictures
from artstyle_tf.training.gallery import Gallery, save_gallery
from artstyle_tf.training.metric_learning import MetricLearning
from artstyle_tf.training.phases import check_phases
from artstyle_tf.training.projection_start import fit_projection
from artstyle_tf.training.run_directory import RunDirectory, create_run_directory, open_run
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.workflows.embedding_evaluation import (
    evaluate_embeddings,
    picture_ids,
    write_embedding_evaluation,
)
from artstyle_tf.workflows.evaluation import Evaluation, format_metrics
from artstyle_tf.workflows.invocation import Invocation
from artstyle_tf.workflows.prepare_data import count_splits, index_and_split, prepare
from artstyle_tf.workflows.split_pictures import SplitPictures, originals, read_splits
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


def run(config: TripletExperiment, invocation: Invocation) -> dict[str, Any]:
    """Prepares, trains, evaluates; returns the contract that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    # What can be wrong is asked for before anything is written, the cheap things first.
    run_directory = plan_run(config, invocation)
    index, pictures = index_and_split(config.data, reporter)
    class_names = index.class_names
    network = _build_network(config)

    with stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, pictures, reporter)
        splits = read_splits(
            prepared, class_names, config.data, image_size_px=config.model.image_size_px
        )
    order = _order(config, splits["train"], num_views=configured_views(config.data).num_views)
    inputs, decision = choose_inputs(
        config,
        network,
        splits,
        order,
        run_directory,
        invocation,
        starts_from_features=config.training.projection_start is not None,
    )
    if not invocation.resume:
        create_run_directory(run_directory, overwrite=invocation.overwrite)
    with run_directory.running():
        describe_run(run_directory, config, class_names, pictures, prepared, network, decision)
        with stopwatch.stage("training"):
            objective = _objective(
                config, splits, inputs, network, num_classes=len(class_names), reporter=reporter
            )
            trainer = _train(config, network, objective, splits, inputs, run_directory, invocation)
        with stopwatch.stage("evaluation"):
            gallery = _build_gallery(inputs, splits["train"])
            save_gallery(run_directory.gallery_file, gallery)
            evaluations = _evaluate(config, inputs, splits, gallery, class_names, run_directory)
        history = trainer.history.table()
        save_figure(plot_training_curves(history), run_directory.figures / "training_curves.png")
        save_figure(plot_embedding_health(history), run_directory.figures / "embedding_health.png")
        result = {
            "run": str(run_directory.path),
            **{name: evaluation.metrics for name, evaluation in evaluations.items()},
            "intervals": {name: evaluation.intervals for name, evaluation in evaluations.items()},
            "best_epoch": trainer.best.epoch,
            "stopped_early": trainer.reason_to_stop,
            "alarms": history["alarm"].dropna().tolist(),
            "trunk_cache": dataclasses.asdict(decision),
            "num_pictures": count_splits(prepared.manifest),
            "unreadable": prepared.rejected.to_dict(orient="records"),
            "model": str(run_directory.model_file),
            "gallery": str(run_directory.gallery_file),
            "figures": str(run_directory.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(run_directory.metrics_file, result)
    return result


def plan(config: TripletExperiment, invocation: Invocation) -> dict[str, Any]:
    """Checks names, pictures and weights and says what `run` would do, without writing."""
    run_directory = plan_run(config, invocation)
    index, pictures = index_and_split(config.data, invocation.reporter)
    network = _build_network(config)
    phases = zip(unpack_phases(config.training), config.training.phases, strict=True)
    return {
        "dry_run": True,
        "run": str(run_directory.path),
        "classes": list(index.class_names),
        "num_pictures": count_splits(pictures),
        "weights": config.model.initial_run or config.model.weights,
        "parameters": network.model.count_params(),
        "phases": [f"{phase.name}, {phase.epochs} epochs, {by.loss}" for phase, by in phases],
    }


def summarise(result: dict[str, Any]) -> str:
    """The result as text."""
    if result.get("dry_run"):
        lines = [f"{key}: {value}" for key, value in result.items() if key != "dry_run"]
        return "Dry run: nothing was written.\n" + "\n".join(lines)
    scores = {name: result[name] for name in NAME_IN_RESULT.values() if name in result}
    best = "the start" if result["best_epoch"] == 0 else f"epoch {result['best_epoch']}"
    return "\n".join(
        [
            format_metrics(scores, result["intervals"]),
            f"Best:    {best}",
            f"Model:   {result['model']}",
            f"Figures: {result['figures']}",
            f"Run:     {result['run']} ({result['seconds']['total']:.0f} s)",
        ]
    )


def _build_network(config: TripletExperiment) -> EmbeddingModel:
    keras.utils.set_random_seed(config.seed)
    model = config.model
    initial_run = None if model.initial_run is None else open_run(Path(model.initial_run))
    backbone = build_backbone(
        model.backbone,
        image_size_px=model.image_size_px,
        weights=model.weights if initial_run is None else None,
    )
    check_phases(unpack_phases(config.training), backbone)
    if initial_run is not None:
        copy_backbone_weights(initial_run.load_model(), backbone, origin=str(initial_run.path))
    return build_embedding_model(
        backbone, dimension=model.dimension, dropout=model.dropout, seed=config.seed
    )


def _order(
    config: TripletExperiment, pictures: SplitPictures, *, num_views: int = 1
) -> BalancedOrder:
    batch = config.training.batch
    return BalancedOrder(
        pictures.labels,
        classes_per_batch=batch.classes,
        pictures_per_class=batch.pictures_per_class,
        seed=config.seed,
        num_views=num_views,
        parents=picture_ids(pictures),
        separate_siblings=batch.separate_siblings,
    )


def _objective(
    config: TripletExperiment,
    splits: dict[str, SplitPictures],
    inputs: TrainingInputs,
    network: EmbeddingModel,
    *,
    num_classes: int,
    reporter: Reporter,
) -> MetricLearning:
    """The mining schedule, how an epoch is judged, and the guard."""
    training = config.training
    kept = {split: np.flatnonzero(originals(splits[split])) for split in ("train", "val")}
    known = {
        split: LabelledPictures(splits[split].labels[numbers], picture_ids(splits[split])[numbers])
        for split, numbers in kept.items()
    }
    scores = EmbeddingScores(
        lambda split: inputs.outputs(split)[kept[split]],
        train=known["train"],
        val=known["val"],
        validation_batches=_order(config, splits["val"]).draw(0)[0],
        num_classes=num_classes,
        num_neighbours=training.num_neighbours,
        seed=config.seed,
    )
    return MetricLearning(
        [_loss(training, phase.loss) for phase in training.phases],
        cautious_loss=_loss(training, "semi_hard"),
        scores=scores,
        guard=_guard(training, network, num_classes=num_classes, reporter=reporter),
    )


def _loss(training: MetricLearningConfig, name: str) -> keras.losses.Loss:
    return build_metric_loss(name, **training.loss.model_dump())


def _guard(
    training: MetricLearningConfig,
    network: EmbeddingModel,
    *,
    num_classes: int,
    reporter: Reporter,
) -> CollapseGuard | None:
    if training.collapse_guard is None:
        return None
    settings = training.collapse_guard.model_dump()
    return CollapseGuard(
        network.model,
        num_classes=num_classes,
        learning_rate_factor=settings.pop("learning_rate_factor"),
        most_alarms=settings.pop("most_alarms"),
        limits=CollapseLimits(**settings),
        reporter=reporter,
    )


def _train(
    config: TripletExperiment,
    network: EmbeddingModel,
    objective: MetricLearning,
    splits: dict[str, SplitPictures],
    inputs: TrainingInputs,
    run_directory: RunDirectory,
    invocation: Invocation,
) -> Trainer:
    """Projection, then the phases; the best weights are in the network afterwards."""
    trainer = Trainer(
        network,
        objective,
        unpack_training_plan(config.training, seed=config.seed),
        inputs.training_data,
        history_file=run_directory.history_file,
        resume_file=run_directory.resume_file,
        save_model=save_and_note_the_first(run_directory, invocation),
        tensorboard_folder=tensorboard_folder(config, run_directory),
        reporter=invocation.reporter,
    )
    if not (invocation.resume and trainer.resume()):
        name = _start(config.training, network, splits, inputs)
        scores = objective.start()
        trainer.start_from(name, scores)
        invocation.reporter.info(
            f"Start ({name}): validation macro-F1 {scores['val_macro_f1']:.3f} "
            f"({invocation.stopwatch.elapsed:.0f} s after the start)"
        )
    trainer.train()
    return trainer


def _start(
    training: MetricLearningConfig,
    network: EmbeddingModel,
    splits: dict[str, SplitPictures],
    inputs: TrainingInputs,
) -> str:
    """Gives the projection its first weights and says what they are."""
    if training.projection_start is None:
        return "random projection"
    labels = splits["train"].labels
    kernel, bias = fit_projection(
        inputs.features("train"),
        labels,
        dimension=network.head.units,
        num_classes=int(labels.max()) + 1,
        **training.projection_start.model_dump(),
    )
    network.head.kernel.assign(kernel)
    network.head.bias.assign(bias)
    return "projection"


def _build_gallery(inputs: TrainingInputs, train: SplitPictures) -> Gallery:
    """The training pictures that are no copies."""
    kept = originals(train)
    embeddings = inputs.outputs("train", "Embedding train pictures")[kept]
    paths = train.rows["path"].to_numpy(dtype=str)[kept]
    return Gallery(embeddings, train.labels[kept], picture_ids(train)[kept], paths)


def _evaluate(
    config: TripletExperiment,
    inputs: TrainingInputs,
    splits: dict[str, SplitPictures],
    gallery: Gallery,
    class_names: tuple[str, ...],
    run_directory: RunDirectory,
) -> dict[str, Evaluation]:
    """Measures validation, and the test split this once; writes tables and figures."""
    train = splits["train"]
    numbers = np.flatnonzero(originals(train))
    evaluations = {}
    for split, name in NAME_IN_RESULT.items():
        if split not in splits:
            continue
        embeddings = inputs.outputs(split, f"Embedding {split} pictures")
        evaluation = evaluate_embeddings(
            embeddings,
            splits[split],
            gallery,
            class_names,
            num_neighbours=config.training.num_neighbours,
        )
        write_embedding_evaluation(
            evaluation,
            embeddings,
            splits[split],
            gallery,
            class_names,
            show=lambda position: train.store.load(numbers[position]).numpy(),
            folder=run_directory.path / name,
            figures=run_directory.figures / name,
            title=f"{run_directory.path.name}: {name}",
        )
        evaluations[name] = evaluation
    return evaluations
