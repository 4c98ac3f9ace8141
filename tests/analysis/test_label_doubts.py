from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from artstyle_tf.analysis.label_doubts import find_label_doubts

CASES = json.loads((Path(__file__).parent / "golden" / "label_doubts.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['labels'])} labels")
def test_doubts_are_those_of_cleanlab_in_its_order(case):
    doubts = find_label_doubts(np.array(case["labels"]), np.array(case["probabilities"]))
    assert doubts.ranking.tolist() == case["ranking"]


def test_the_golden_cases_doubt_something():
    assert sum(len(case["ranking"]) for case in CASES) > 20


def test_a_class_that_is_never_sure_is_believed_at_less():
    """Of class 1 nobody is sure: 0.45 is much for it, and as little as 0.5 nothing for class 0."""
    labels = np.array([0, 0, 0, 1, 1, 0])
    of_first = np.array([0.9, 0.95, 0.92, 0.6, 0.6, 0.45])
    doubts = find_label_doubts(labels, np.column_stack([of_first, 1 - of_first]))
    assert doubts.is_doubted.tolist() == [False, False, False, False, False, True]
    assert doubts.suggested[5] == 1
    np.testing.assert_allclose(doubts.thresholds, [(0.9 + 0.95 + 0.92 + 0.45) / 4, 0.4])


def test_a_class_without_images_is_never_suggested():
    probabilities = np.array([[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    doubts = find_label_doubts(np.array([0, 1, 0]), probabilities)
    assert not doubts.is_doubted.any()
    assert np.isnan(doubts.thresholds[2])
