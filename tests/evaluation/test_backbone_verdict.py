"""Which candidate is recommended, on predictions that were made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.evaluation.backbone_candidates import Candidate
from artstyle_tf.evaluation.backbone_costs import BackboneCosts
from artstyle_tf.evaluation.backbone_verdict import (
    MeasuredCandidate,
    candidates_csv,
    candidates_table,
    compare_candidates,
)
from artstyle_tf.evaluation.fold_results import SchemeResult
from artstyle_tf.metrics.comparison import compare_models
from artstyle_tf.models.settings import ModelConfig

NUM_IMAGES, NUM_CLASSES = 240, 3
LABELS = np.arange(NUM_IMAGES) % NUM_CLASSES


def scheme_result(scheme, num_wrong, *, first=0):
    """Return predictions of which some are wrong, from the first image on."""
    predictions = LABELS.copy()
    wrong = slice(first, first + num_wrong)
    predictions[wrong] = (predictions[wrong] + 1) % NUM_CLASSES
    clusters = np.arange(NUM_IMAGES) // (2 if scheme == "group" else 1)
    return SchemeResult(
        scheme=scheme,
        clusters=clusters,
        folds=(np.arange(NUM_IMAGES) % 2)[None],
        probabilities=np.eye(NUM_CLASSES, dtype=np.float32)[predictions][None],
        is_accepted=np.ones((1, NUM_IMAGES), bool),
        baseline_predictions=predictions[None],
    )


def measured(name, milliseconds, *, random, group=None, first=0):
    results = {"random": scheme_result("random", random, first=first)}
    if group is not None:
        results["group"] = scheme_result("group", group, first=first)
    model = ModelConfig(backbone=name, weights=None, image_size_px=224)
    experiment = DirectExperiment(model=model)
    costs = BackboneCosts(
        parameters=2_500_000, milliseconds_per_image=milliseconds, runtime="test", batch_size=8
    )
    return MeasuredCandidate(Candidate(name, experiment), results, costs)


def test_the_fastest_that_is_not_significantly_worse_is_recommended():
    slow = measured("slow", 30.0, random=20)
    close = measured("close", 10.0, random=21, first=10)
    poor = measured("poor", 2.0, random=120)
    result = compare_candidates([poor, close, slow], LABELS)
    assert [entry["name"] for entry in result["candidates"]] == ["slow", "close", "poor"]
    assert (result["best"], result["recommended"]) == ("slow", "close")
    assert (
        "slow has the highest macro-F1 on random folds but cannot be told apart from close"
        in (result["recommendation"])
    )
    assert "10 instead of 30 ms per image" in result["recommendation"]
    low = result["candidates"][1]["random"]["against_best"]["interval"][0]
    assert f"up to {-100 * low:.1f} points worse" in result["recommendation"]
    assert result["settings"] == "model.backbone=close model.weights=null model.image_size_px=224"
    against = [entry["random"]["against_best"] for entry in result["candidates"]]
    assert against[0] is None
    assert [entry["is_worse"] for entry in against[1:]] == [False, True]
    assert against[2]["verdict"].startswith("slow is better than poor by ")


def test_folds_without_a_common_group_decide_where_there_are_any():
    one = measured("one", 5.0, random=10, group=60)
    two = measured("two", 9.0, random=30, group=20)
    result = compare_candidates([one, two], LABELS)
    assert (result["decided_by"], result["best"], result["recommended"]) == ("group", "two", "two")
    assert result["recommendation"].endswith("all faster candidates are significantly worse")
    entry = result["candidates"][1]
    # On random folds it is better, against the same candidate.
    assert entry["random"]["against_best"]["difference"] > 0
    assert entry["random"]["against_best"]["is_worse"] is False


def test_the_best_is_recommended_if_none_is_faster():
    result = compare_candidates(
        [measured("a", 5.0, random=10), measured("b", 6.0, random=11)], LABELS
    )
    assert result["recommended"] == "a"
    assert result["recommendation"].endswith("none is faster")


def test_a_single_candidate_is_described():
    result = compare_candidates([measured("a", 5.0, random=10)], LABELS)
    assert result["recommendation"] == "a is the only candidate"
    assert "best" in candidates_table(result).to_string()


def test_intervals_hold_for_all_comparisons_at_once():
    candidates = [measured(f"c{n}", 5.0 + n, random=20 + n, first=5 * n) for n in range(4)]
    result = compare_candidates(candidates, LABELS)
    predictions = [each.results["random"].predictions[0] for each in candidates]
    for entry, predicted in zip(result["candidates"][1:], predictions[1:], strict=True):
        found = entry["random"]["against_best"]
        expected = compare_models(
            LABELS,
            [predicted],
            [predictions[0]],
            num_classes=NUM_CLASSES,
            clusters=np.arange(NUM_IMAGES),
            level=1 - 0.05 / 3,
        )
        assert found["interval"] == expected.interval
        assert found["adjusted_p_value"] >= expected.p_value


def test_tables_have_a_row_for_each_candidate():
    one = measured("one", 5.0, random=10, group=60)
    two = measured("two", 9.0, random=30, group=20)
    result = compare_candidates([one, replace(two)], LABELS)
    csv = candidates_csv(result).set_index("name")
    assert csv.index.tolist() == ["two", "one"]
    assert csv.loc["one", "size_bytes"] == 10_000_000
    assert csv.loc["two", "group_verdict"] == "best"
    assert csv.loc["one", "group_difference"] == pytest.approx(
        csv.loc["one", "group_macro_f1"] - csv.loc["two", "group_macro_f1"]
    )
    text = candidates_table(result)
    assert text.columns.tolist() == [
        "random folds",
        "folds without a common group",
        "difference in points",
        "ms/image",
        "M parameters",
        "MB",
        "license of weights",
    ]
    assert text.loc["one", "MB"] == "10.0"
    assert text.loc["one", "difference in points"].startswith("-")
