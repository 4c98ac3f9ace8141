"""Epoch 0: the head starts as a logistic regression on the frozen features."""

from __future__ import annotations

import numpy as np

from artstyle_tf.config.training import LinearProbeConfig
from artstyle_tf.data.batches import evaluation_batches, steps_per_epoch
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.models.classifier import Classifier, assign_head, build_feature_model
from artstyle_tf.training.linear_probe import fit_linear_probe
from artstyle_tf.training.prediction import predict
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.workflows.invocation import Invocation
from artstyle_tf.workflows.split_pictures import SplitPictures


def start_from_linear_probe(
    probe: LinearProbeConfig,
    classifier: Classifier,
    splits: dict[str, SplitPictures],
    trainer: Trainer,
    batch_size: int,
    invocation: Invocation,
) -> None:
    """Gives the head the weights of a logistic regression: a usable model within a minute."""
    feature_model = build_feature_model(classifier)

    def features_of(split: str) -> np.ndarray:
        pictures = splits[split]
        return predict(
            feature_model,
            evaluation_batches(pictures.store, pictures.labels, batch_size=batch_size),
            num_batches=steps_per_epoch(len(pictures), batch_size),
            description=f"Features of {split} pictures",
            reporter=invocation.reporter,
        )

    kernel, bias = fit_linear_probe(
        features_of("train"),
        splits["train"].labels,
        num_classes=classifier.head.units,
        inverse_regularisation=probe.inverse_regularisation,
        balanced=probe.balanced,
    )
    assign_head(classifier, kernel, bias)
    predictions = (features_of("val") @ kernel + bias).argmax(axis=1)
    scores = classification_summary(
        splits["val"].labels, predictions, num_classes=classifier.head.units
    )
    trainer.start_from(
        scores["macro_f1"],
        {"val_macro_f1": scores["macro_f1"], "val_accuracy": scores["accuracy"]},
    )
    invocation.reporter.info(
        f"Linear probe: validation macro-F1 {scores['macro_f1']:.3f} "
        f"({invocation.stopwatch.elapsed:.0f} s after the start)"
    )
