from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from artstyle_tf.analysis.out_of_fold import find_label_errors

CASES = json.loads((Path(__file__).parent / "golden" / "label_errors.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['labels'])} labels")
def test_label_errors_equal_those_of_cleanlab_in_its_order(case):
    errors = find_label_errors(np.array(case["labels"]), np.array(case["probabilities"]))
    assert errors.ranking.tolist() == case["ranking"]


def test_the_golden_cases_contain_label_errors():
    assert sum(len(case["ranking"]) for case in CASES) > 20


def test_a_class_without_confident_predictions_has_a_lower_threshold():
    """The mean probability of class 1 is 0.4: 0.45 counts for it, but 0.5 does not for class 0."""
    labels = np.array([0, 0, 0, 1, 1, 0])
    of_first = np.array([0.9, 0.95, 0.92, 0.6, 0.6, 0.45])
    errors = find_label_errors(labels, np.column_stack([of_first, 1 - of_first]))
    assert errors.is_suspected.tolist() == [False, False, False, False, False, True]
    assert errors.suggested[5] == 1
    np.testing.assert_allclose(errors.thresholds, [(0.9 + 0.95 + 0.92 + 0.45) / 4, 0.4])


def test_a_class_without_images_is_never_suggested():
    probabilities = np.array([[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    errors = find_label_errors(np.array([0, 1, 0]), probabilities)
    assert not errors.is_suspected.any()
    assert np.isnan(errors.thresholds[2])
