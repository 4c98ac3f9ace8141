"""Training of a classifier: what is particular to it, in the order in which `job.run` calls it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.heads.head_start import Baseline, refit_head
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.batches.epoch_order import ShuffledOrder
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.losses.logit_adjustment import LogitAdjustedCrossEntropy
from artstyle_tf.metrics.calibration import Calibration, fit_temperature, probabilities_of
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.features import choose_features
from artstyle_tf.models.network import Classifier, assign_head, build_classifier
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.training.epoch_selection import EpochSelection
from artstyle_tf.training.evaluation import Evaluation, evaluate_logits, write_evaluation
from artstyle_tf.training.image_inputs import configured_views
from artstyle_tf.training.network_training import NetworkTraining
from artstyle_tf.training.objective import Classification, Objective
from artstyle_tf.training.phases import check_phases
from artstyle_tf.training.repeated_training import select_epoch_on_new_groups, train_again


class DirectTraining(NetworkTraining[DirectExperiment, Classifier]):
    """A classifier: linear probe, then cross-entropy phase by phase."""

    _refitted: Future[tuple[np.ndarray, np.ndarray, Baseline]] | None = None

    @staticmethod
    def build_network(config: DirectExperiment, *, num_classes: int) -> Classifier:
        """Build the network and check its weights and phases."""
        keras.utils.set_random_seed(config.seed)
        backbone = build_backbone(
            config.model.backbone,
            image_size_px=config.model.image_size_px,
            weights=config.model.weights,
        )
        check_phases(config.training.phases, backbone)
        return build_classifier(
            backbone,
            num_classes=num_classes,
            dropout=config.model.dropout,
            seed=config.seed,
            features=choose_features(config.model, backbone),
        )

    @staticmethod
    def order(config: DirectExperiment, train: SplitImages) -> ShuffledOrder:
        """Return the order of all training images, shuffled anew in each epoch."""
        return ShuffledOrder(
            len(train),
            batch_size=config.training.batch_size,
            seed=config.seed,
            num_views=configured_views(config.data).num_views,
        )

    @property
    def probe(self) -> LinearProbeConfig | None:
        """Settings of the start and of the baseline."""
        return self.config.training.linear_probe

    def objective(self) -> Classification:
        """Return cross-entropy; class weights and priors follow from the training labels."""
        training, labels = self.config.training, self.splits["train"].labels
        num_classes = len(self.class_names)
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

    def start(
        self, objective: Objective, features: Mapping[str, np.ndarray]
    ) -> tuple[str, dict[str, float]] | None:
        """Initialize the head with the regression: a usable model within a minute."""
        del objective
        if self.probe is None:
            return None
        kernel, bias = self.fit_probe(features["train"])
        assign_head(self.network, kernel, bias)
        predicted = (features["val"] @ kernel + bias).argmax(axis=1)
        scores = classification_summary(
            self.splits["val"].labels, predicted, num_classes=len(self.class_names)
        )
        return "linear probe", {f"val_{name}": scores[name] for name in ("macro_f1", "accuracy")}

    def outputs(self, split: str, description: str | None = None) -> np.ndarray:
        """Return the trained network's logits for the plain images of a split: float32 [N, C].

        Without phases only the head has changed since its features were computed.
        """
        features = self.first_features.get(split)
        if not self.config.training.phases and features is not None:
            logits = self.network.head(features, training=False)
            return keras.ops.convert_to_numpy(logits)
        return super().outputs(split, description)

    def fit_temperature(self) -> float:
        """Fit the temperature of the trained network to the validation images."""
        logits = self.outputs("val", "Calibrating on val images")
        return fit_temperature(logits, self.splits["val"].labels)

    def probabilities(self, split: str, temperature: float) -> np.ndarray:
        """Predict the images of a split with the trained network: float32 [N, C]."""
        return probabilities_of(self.outputs(split), temperature)

    def evaluate(
        self, split: str, calibration: Calibration, *, folder: Path, figures: Path, title: str
    ) -> Evaluation:
        """Evaluate the trained network on a split; write tables and figures."""
        logits = self.outputs(split, f"Evaluating {split} images")
        images = self.splits[split]
        evaluation = evaluate_logits(logits, images, self.class_names, calibration)
        write_evaluation(
            evaluation, images, self.class_names, folder=folder, figures=figures, title=title
        )
        return evaluation

    def select_epoch(self, place: RunDirectory, *, resume: bool) -> EpochSelection | None:
        """Select the number of epochs on training images of held-out groups, if configured.

        Args:
            place: where finished parts go.
            resume: use those of an interrupted selection.
        """
        training = self.config.training
        if not training.phases or training.select_epoch_on == "validation":
            return None
        return select_epoch_on_new_groups(self, place, resume=resume)

    @property
    def refits(self) -> bool:
        """Whether the network learns from the validation images, too, after calibration.

        It does unless these have selected the epoch.
        """
        training = self.config.training
        is_fixed = not training.phases or self.epoch_selection is not None
        return training.refit and training.linear_probe is not None and is_fixed

    def start_refit(self) -> None:
        """Start to fit the head of `refit` in a thread: it needs no network, only features."""
        if not self.refits or self._refitted is not None:
            return
        executor = ThreadPoolExecutor(1)
        self._refitted = executor.submit(
            refit_head,
            self.choose_probe(self.first_features["train"]),
            self.baseline,
            self.splits,
            self.first_features,
            self.network.features.groups,
        )
        executor.shutdown(wait=False)

    def refit(self, place: RunDirectory) -> None:
        """Train on training and validation images, if configured (`refits`); the baseline, too.

        Args:
            place: where a history goes, if epochs are trained.
        """
        if not self.refits:
            return
        self.start_refit()
        assert self._refitted is not None
        kernel, bias, self._baseline = self._refitted.result()
        if self.epoch_selection is not None and self.epoch_selection.epoch > 0:
            train_again(self, place, num_epochs=self.epoch_selection.epoch)
        else:
            assign_head(self.network, kernel, bias)
        self.forget_outputs()
