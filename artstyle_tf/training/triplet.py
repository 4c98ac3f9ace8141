"""train-triplet: images -> trained, evaluated embedding.

What is particular to an embedding is here, in the order in which `job.run_training` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.heads.head_start import choose_probe, fit_head_start
from artstyle_tf.heads.projection_init import fit_projection
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.images.split_images import SplitImages, originals
from artstyle_tf.metrics.calibration import Calibration
from artstyle_tf.metrics.neighbors import knn_probabilities, nearest_neighbors
from artstyle_tf.models.backbones import build_backbone
from artstyle_tf.models.embedding_model import (
    EmbeddingModel,
    build_embedding_model,
    copy_backbone_weights,
)
from artstyle_tf.models.features import choose_features
from artstyle_tf.plots.embedding_health import plot_embedding_health
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.runs.gallery import Gallery, save_gallery
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.served_run import load_run_model
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.embedding_evaluation import (
    evaluate_embeddings,
    image_ids,
    num_votes,
    write_embedding_evaluation,
)
from artstyle_tf.training.evaluation import Evaluation
from artstyle_tf.training.image_inputs import configured_views
from artstyle_tf.training.job import plan_training, run_training
from artstyle_tf.training.metric_learning import (
    MetricLearning,
    balanced_order,
    build_objective,
)
from artstyle_tf.training.network_training import NetworkTraining
from artstyle_tf.training.objective import Objective
from artstyle_tf.training.phases import check_phases
from artstyle_tf.training.run_record import summarize_training
from artstyle_tf.training.trainer import Trainer


def run(config: TripletExperiment, invocation: Invocation) -> dict[str, Any]:
    """Prepares, trains, evaluates; returns the contract that --json prints."""
    return run_training(TripletTraining, config, invocation)


def plan(config: TripletExperiment, invocation: Invocation) -> dict[str, Any]:
    """Checks names, images and weights and says what `run` would do, without writing."""
    result = plan_training(TripletTraining, config, invocation)
    if config.model.initial_run is not None:
        result["weights"] = config.model.initial_run
    losses = [phase.loss for phase in config.training.phases]
    phases = [f"{text}, {loss}" for text, loss in zip(result["phases"], losses, strict=True)]
    return {**result, "phases": phases}


def summarize(result: dict[str, Any]) -> str:
    """The result as text."""
    return summarize_training(result)


class TripletTraining(NetworkTraining[TripletExperiment, EmbeddingModel]):
    """An embedding: closed-form projection, then triplets phase by phase; judged by neighbors."""

    @staticmethod
    def build_network(config: TripletExperiment, *, num_classes: int) -> EmbeddingModel:
        """The network before training; its weights and phases have been checked."""
        del num_classes  # an embedding has none
        keras.utils.set_random_seed(config.seed)
        model = config.model
        initial_run = None if model.initial_run is None else open_run(Path(model.initial_run))
        backbone = build_backbone(
            model.backbone,
            image_size_px=model.image_size_px,
            weights=model.weights if initial_run is None else None,
        )
        check_phases(config.training.phases, backbone)
        if initial_run is not None:
            initial_model = load_run_model(initial_run, read_run_config(initial_run))
            copy_backbone_weights(initial_model, backbone, origin=str(initial_run.path))
        return build_embedding_model(
            backbone,
            dimension=model.dimension,
            dropout=model.dropout,
            seed=config.seed,
            features=choose_features(model, backbone),
        )

    @staticmethod
    def order(config: TripletExperiment, train: SplitImages) -> BalancedOrder:
        """P classes x K images in each batch."""
        return balanced_order(config, train, num_views=configured_views(config.data).num_views)

    @property
    def probe(self) -> LinearProbeConfig | None:
        """Settings of the start, and of the baseline; None for no start and the usual baseline."""
        return self.config.training.projection_init

    def objective(self) -> MetricLearning:
        """The mining schedule, how an epoch is judged, and the guard."""
        return build_objective(
            self.config,
            self.splits,
            self.inputs,
            self.network,
            num_classes=len(self.class_names),
            reporter=self.invocation.reporter,
        )

    def start(
        self, objective: Objective, features: Mapping[str, np.ndarray]
    ) -> tuple[str, dict[str, float]]:
        """Gives the projection its first weights."""
        assert isinstance(objective, MetricLearning)
        projection = self.config.training.projection_init
        if projection is None:
            return "random projection", objective.start()
        groups, labels = self.network.features.groups, self.splits["train"].labels
        projection = choose_probe(
            projection,
            features["train"],
            self.splits["train"],
            groups,
            num_classes=len(self.class_names),
            seed=self.config.seed,
            reporter=self.invocation.reporter,
        )
        kernel, bias = fit_projection(
            features["train"],
            *fit_head_start(
                projection,
                self._baseline,
                features["train"],
                labels,
                groups,
                num_classes=len(self.class_names),
            ),
            dimension=self.network.head.units,
            pca_fraction=projection.pca_fraction,
            groups=groups,
        )
        self.network.head.kernel.assign(kernel)
        self.network.head.bias.assign(bias)
        return "projection", objective.start()

    @cached_property
    def gallery(self) -> Gallery:
        """The training images that are no copies, embedded by the trained network."""
        train = self.splits["train"]
        kept = originals(train)
        embeddings = self.inputs.outputs("train", "Embedding train images")[kept]
        paths = train.rows["path"].to_numpy(dtype=str)[kept]
        return Gallery(embeddings, train.labels[kept], image_ids(train)[kept], paths)

    def finish(self, place: RunDirectory) -> None:
        """Writes the gallery."""
        save_gallery(place.gallery_file, self.gallery)

    def fit_temperature(self) -> float:
        """Votes have none."""
        return 1.0

    def probabilities(self, split: str, temperature: float) -> np.ndarray:
        """Votes of the nearest neighbors for each class: float32 [N, C]."""
        del temperature
        neighbors = nearest_neighbors(
            self.inputs.outputs(split),
            self.gallery.embeddings,
            num_neighbors=self.config.training.num_neighbors,
            query_groups=image_ids(self.splits[split]),
            gallery_groups=self.gallery.ids,
        )
        num_classes = len(self.class_names)
        return knn_probabilities(neighbors, self.gallery.labels, num_classes=num_classes)

    def evaluate(
        self, split: str, calibration: Calibration, *, folder: Path, figures: Path, title: str
    ) -> Evaluation:
        """Measures the trained network on a split; writes tables and figures."""
        images, train = self.splits[split], self.splits["train"]
        numbers = np.flatnonzero(originals(train))
        embeddings = self.inputs.outputs(split, f"Embedding {split} images")
        evaluation = evaluate_embeddings(
            embeddings,
            images,
            self.gallery,
            self.class_names,
            num_neighbors=self.config.training.num_neighbors,
            calibration=calibration,
        )
        write_embedding_evaluation(
            evaluation,
            embeddings,
            images,
            self.gallery,
            self.class_names,
            show=lambda position: train.store.load(numbers[position]).numpy(),
            folder=folder,
            figures=figures,
            title=title,
        )
        return evaluation

    def further_results(self, trainer: Trainer, place: RunDirectory) -> dict[str, Any]:
        """Alarms of the guard, neighbors that vote; draws the health of the embedding."""
        history = trainer.history.table()
        health = plot_embedding_health(history, margin=self.config.training.loss.margin)
        save_figure(health, place.figures / "embedding_health.png")
        alarms = history["alarm"].dropna().tolist()
        votes = num_votes(
            self.config.training.num_neighbors, self.gallery, self.invocation.reporter
        )
        return {
            "alarms": alarms,
            "gallery": str(place.gallery_file),
            "num_neighbors": votes,
        }
