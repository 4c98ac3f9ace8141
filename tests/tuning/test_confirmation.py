from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from artstyle_tf.metrics.comparison import compare_predictions
from artstyle_tf.tuning.study_confirmation import Recipe
from artstyle_tf.tuning.study_verdict import (
    choose_by_confirmation,
    choose_by_search,
    compare_recipes,
    describe_scores,
)
from artstyle_tf.tuning.trial_records import TrialRecord

LABELS = np.repeat([0, 1, 2], 40)


def recipe(name, *shares_wrong, seed=0):
    """Create results of trainings with these error rates."""
    generator = np.random.default_rng(seed)
    rows = []
    for share in shares_wrong:
        wrong = generator.random(len(LABELS)) < share
        rows.append(np.where(wrong, (LABELS + 1) % 3, LABELS))
    return Recipe(name, [1 - share for share in shares_wrong], np.array(rows))


def test_one_seed_each_agrees_with_the_paired_comparison():
    first, second = recipe("a", 0.1), recipe("b", 0.3, seed=1)
    ours = compare_recipes(LABELS, first, second, num_classes=3)
    oracle = compare_predictions(LABELS, first.predictions[0], second.predictions[0], num_classes=3)
    assert ours.difference == pytest.approx(oracle.difference)
    assert ours.interval == pytest.approx(oracle.interval, abs=0.03)
    assert ours.is_significant


def test_seeds_that_differ_make_the_interval_wider():
    steady = recipe("steady", 0.2, 0.2, 0.2)
    same = Recipe("same", steady.scores, np.repeat(steady.predictions[:1], 3, axis=0))
    moody = recipe("moody", 0.0, 0.2, 0.5, seed=3)
    other = recipe("other", 0.25, 0.25, 0.25, seed=4)

    def width(one):
        low, high = compare_recipes(LABELS, one, other, num_classes=3).interval
        return high - low

    assert width(moody) > width(same) + 0.05


def test_the_mean_over_new_seeds_decides_not_the_search():
    lucky, solid = recipe("trial 7", 0.4, 0.4), recipe("trial 3", 0.1, 0.1, seed=1)
    baseline = recipe("baseline", 0.35, 0.35, seed=2)
    best = [
        TrialRecord(7, "complete", {}, scores={"macro_f1": 0.95}),
        TrialRecord(3, "complete", {}, scores={"macro_f1": 0.91}),
    ]
    verdict = choose_by_confirmation(
        [lucky, solid, baseline], LABELS, best, num_classes=3, changed=False
    )
    assert verdict.winner == 3
    assert verdict.warnings == []
    assert "trial 3 is better than trial 7" in verdict.verdicts[0]
    assert "the tuned recipe (trial 3) is better than the baseline" in verdict.verdicts[1]
    assert "0.950 in the search" in verdict.sentences[1]
    assert [entry["trial"] for entry in verdict.recipes] == [3, 7, None]


def test_a_lead_within_the_noise_gives_a_warning():
    close = [recipe("trial 1", 0.20, 0.2), recipe("trial 2", 0.21, 0.2, seed=1)]
    best = [TrialRecord(n, "complete", {}, scores={"macro_f1": 0.8}) for n in (1, 2)]
    verdict = choose_by_confirmation(close, LABELS, best, num_classes=3, changed=True)
    assert "inside the noise" in verdict.warnings[0]
    assert "in the search" not in verdict.sentences[0]


@pytest.mark.parametrize(
    ("best_epochs", "is_warned_of"), [((0, 0), True), ((0, 3), False), ((None, None), False)]
)
def test_phases_without_improvement_give_a_warning(best_epochs, is_warned_of):
    winner = dataclasses.replace(recipe("trial 1", 0.1, 0.1), best_epochs=best_epochs)
    loser = recipe("trial 2", 0.4, 0.4, seed=1)
    best = [TrialRecord(n, "complete", {}, scores={"macro_f1": 0.8}) for n in (1, 2)]
    verdict = choose_by_confirmation([winner, loser], LABELS, best, num_classes=3, changed=True)
    assert any("kept the initial weights" in text for text in verdict.warnings) == is_warned_of


def test_without_new_seeds_the_noise_follows_from_the_number_of_images():
    best = [
        TrialRecord(4, "complete", {}, scores={"macro_f1": 0.81}),
        TrialRecord(5, "complete", {}, scores={"macro_f1": 0.80}),
    ]
    verdict = choose_by_search(best, 214)
    assert verdict.winner == 4
    assert "its lead of 0.010 over trial 5 is inside the noise" in verdict.warnings[1]
    assert "to within 0.054" in verdict.warnings[1]  # 2 sqrt(0.81 * 0.19 / 214)
    assert len(choose_by_search(best, 40_000).warnings) == 1


def test_scores_are_described():
    assert describe_scores([recipe("a", 0.25)], {}) == ["a: 0.750 with a new seed"]
