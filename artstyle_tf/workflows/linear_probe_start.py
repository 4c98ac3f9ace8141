"""Epoch 0: the head starts as a logistic regression on the frozen features."""

from __future__ import annotations

from artstyle_tf.config.training import LinearProbeConfig
from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.models.classifier import Classifier, assign_head
from artstyle_tf.training.linear_probe import fit_linear_probe
from artstyle_tf.training.trainer import Trainer
from artstyle_tf.workflows.invocation import Invocation
from artstyle_tf.workflows.split_pictures import SplitPictures
from artstyle_tf.workflows.training_inputs import TrainingInputs


def start_from_linear_probe(
    probe: LinearProbeConfig,
    classifier: Classifier,
    splits: dict[str, SplitPictures],
    inputs: TrainingInputs,
    trainer: Trainer,
    invocation: Invocation,
) -> None:
    """Gives the head the weights of a logistic regression: a usable model within a minute."""
    kernel, bias = fit_linear_probe(
        inputs.features("train"),
        splits["train"].labels,
        num_classes=classifier.head.units,
        inverse_regularisation=probe.inverse_regularisation,
        balanced=probe.balanced,
    )
    assign_head(classifier, kernel, bias)
    predictions = (inputs.features("val") @ kernel + bias).argmax(axis=1)
    scores = classification_summary(
        splits["val"].labels, predictions, num_classes=classifier.head.units
    )
    trainer.start_from(
        "linear probe",
        {"val_macro_f1": scores["macro_f1"], "val_accuracy": scores["accuracy"]},
    )
    invocation.reporter.info(
        f"Linear probe: validation macro-F1 {scores['macro_f1']:.3f} "
        f"({invocation.stopwatch.elapsed:.0f} s after the start)"
    )
