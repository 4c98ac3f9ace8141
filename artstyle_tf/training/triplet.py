"""Training of an embedding: what is particular to it, in the order in which `job.run` calls it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.heads.projection_init import fit_projection
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.images.split_images import SplitImages, originals
from artstyle_tf.metrics.calibration import Calibration
from artstyle_tf.metrics.neighbors import knn_probabilities
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.features import choose_features
from artstyle_tf.models.network import (
    EmbeddingModel,
    assign_head,
    build_embedding_model,
    copy_backbone_weights,
)
from artstyle_tf.plots.embedding_health import plot_embedding_health
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.runs.gallery import Gallery, save_gallery
from artstyle_tf.runs.run_directory import RunDirectory, open_run
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.served_run import load_run_model
from artstyle_tf.training.embedding_evaluation import (
    evaluate_embeddings,
    image_ids,
    neighbors_in_gallery,
    num_votes,
    write_embedding_evaluation,
)
from artstyle_tf.training.evaluation import Evaluation
from artstyle_tf.training.image_inputs import configured_views
from artstyle_tf.training.metric_learning import (
    MetricLearning,
    balanced_order,
    build_objective,
)
from artstyle_tf.training.network_training import NetworkTraining
from artstyle_tf.training.objective import Objective
from artstyle_tf.training.phases import check_phases
from artstyle_tf.training.trainer import Trainer


class TripletTraining(NetworkTraining[TripletExperiment, EmbeddingModel]):
    """An embedding: closed-form projection, then triplets phase by phase; evaluated by k-NN."""

    @staticmethod
    def build_network(config: TripletExperiment, *, num_classes: int) -> EmbeddingModel:
        """Build the network and check its weights and phases."""
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
        """Return an order with P classes x K images in each batch."""
        return balanced_order(config, train, num_views=configured_views(config.data).num_views)

    @property
    def probe(self) -> LinearProbeConfig | None:
        """Settings of the start and of the baseline."""
        return self.config.training.projection_init

    def objective(self) -> MetricLearning:
        """Return the mining schedule, the scores of an epoch, and the guard."""
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
        """Initialize the projection."""
        assert isinstance(objective, MetricLearning)
        projection = self.config.training.projection_init
        if projection is None:
            return "random projection", objective.start()
        kernel, bias = fit_projection(
            features["train"],
            *self.fit_probe(features["train"]),
            dimension=self.network.head.units,
            pca_fraction=projection.pca_fraction,
            groups=self.network.features.groups,
        )
        assign_head(self.network, kernel, bias)
        return "projection", objective.start()

    @cached_property
    def gallery(self) -> Gallery:
        """Training images that are not augmented copies, embedded by the trained network."""
        train = self.splits["train"]
        numbers = np.flatnonzero(originals(train))
        embeddings = self.inputs.outputs("train", "Embedding train images")[numbers]
        paths = train.rows["path"].to_numpy(dtype=str)[numbers]
        return Gallery(embeddings, train.labels[numbers], image_ids(train)[numbers], paths)

    def finish(self, place: RunDirectory) -> None:
        """Write the gallery."""
        save_gallery(place.gallery_file, self.gallery)

    def fit_temperature(self) -> float:
        """Return 1: votes have no temperature."""
        return 1.0

    def probabilities(self, split: str, temperature: float) -> np.ndarray:
        """Return votes of the nearest neighbors for each class: float32 [N, C]."""
        del temperature
        neighbors = neighbors_in_gallery(
            self.gallery,
            self.outputs(split, f"Embedding {split} images"),
            self.splits[split],
            num_neighbors=self.config.training.num_neighbors,
        )
        num_classes = len(self.class_names)
        return knn_probabilities(neighbors, self.gallery.labels, num_classes=num_classes)

    def evaluate(
        self, split: str, calibration: Calibration, *, folder: Path, figures: Path, title: str
    ) -> Evaluation:
        """Evaluate the trained network on a split; write tables and figures."""
        images, train = self.splits[split], self.splits["train"]
        numbers = np.flatnonzero(originals(train))
        embeddings = self.outputs(split, f"Embedding {split} images")
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
        """Return alarms of the guard and the number of neighbors; draw the embedding's health."""
        training, history = self.config.training, trainer.history.table()
        health = plot_embedding_health(history, margin=training.loss.margin)
        save_figure(health, place.figures / "embedding_health.png")
        reporter = self.invocation.reporter
        return {
            "alarms": history["alarm"].dropna().tolist(),
            "gallery": str(place.gallery_file),
            "num_neighbors": num_votes(training.num_neighbors, self.gallery, reporter),
        }
