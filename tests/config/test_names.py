"""Names that settings repeat, because their registry is slow to import, equal the registry's."""

from __future__ import annotations

from typing import get_args

import pytest

from artstyle_tf.analysis.settings import ClassifierName, ProjectionMethod
from artstyle_tf.config.experiment import DirectExperiment, TripletExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.export.formats.registry import FORMATS, RUNTIMES
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.images.settings import AugmentationPolicy
from artstyle_tf.inspection.findings import SEVERITIES, SEVERITY_OF
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.losses.settings import METRIC_LOSSES
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.settings import MetricPhaseConfig


def test_augmentation_policies():
    from artstyle_tf.images.batches.augmentation import POLICIES

    assert get_args(AugmentationPolicy) == tuple(POLICIES)


def test_classifiers_and_projections():
    from artstyle_tf.analysis.classifiers import CLASSIFIER_IN_WORDS, CLASSIFIER_NAMES
    from artstyle_tf.analysis.projection import PROJECTION_IN_WORDS

    assert get_args(ClassifierName) == CLASSIFIER_NAMES == tuple(CLASSIFIER_IN_WORDS)
    assert get_args(ProjectionMethod) == tuple(PROJECTION_IN_WORDS)


@pytest.mark.parametrize(
    ("schema", "key", "names"),
    [
        (InspectExperiment, "fail_on", [*SEVERITIES, *SEVERITY_OF]),
        (ExportExperiment, "formats", [*FORMATS, "all"]),
    ],
)
def test_derived_names_are_those_of_the_registry(schema, key, names):
    config = load_config(schema, None, [f"{key}={list(names)}"])
    assert list(getattr(config, key)) == names
    with pytest.raises(ArtstyleError, match=rf"{key}\.0='other'.*'{names[0]}'"):
        load_config(schema, None, [f"{key}=[other]"])


def test_what_is_no_name_is_refused_like_any_wrong_value():
    with pytest.raises(ArtstyleError, match=r"data\.aspect='x'.*'squash', 'crop' or 'pad'"):
        load_config(DirectExperiment, None, ["data.aspect=x"])


def test_a_run_predicts_with_the_runtimes_of_the_formats():
    for name in ("auto", "tensorflow", *RUNTIMES):
        assert load_config(PredictExperiment, None, [f"runtime={name}"]).runtime == name
    # It needs training images, which a prediction has not.
    assert set(FORMATS) - set(RUNTIMES) == {"litert_int8"}
    with pytest.raises(ArtstyleError, match="runtime='litert_int8'"):
        load_config(PredictExperiment, None, ["runtime=litert_int8"])


def test_every_loss_of_the_list_can_be_chosen():
    for name in METRIC_LOSSES:
        phase = MetricPhaseConfig(unfreeze_blocks=0, epochs=1, learning_rate=1e-3, loss=name)
        assert phase.loss == name
    phase = "{unfreeze_blocks: 0, epochs: 1, learning_rate: 1e-3, loss: center}"
    with pytest.raises(ArtstyleError, match=r"training\.phases\.0\.loss='center'"):
        load_config(TripletExperiment, None, [f"training.phases=[{phase}]"])
