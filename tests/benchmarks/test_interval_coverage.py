"""Run benchmarks/interval_coverage.py with fixed seeds, few trials and the critical cells only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TRIALS = 250
# 95 % less three standard errors of a share of 250 trials, and less 1 point for discreteness.
LEAST = 0.90


@pytest.fixture
def coverage(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import interval_coverage as found

    return found


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("recall of a class", 3),
        ("recall of a class", 50),
        ("F1 of a class, of 8", 10),
        ("accuracy, 8 classes", 10),
        ("macro-F1, 2 classes", 3),
        ("macro-F1, 8 classes", 3),
        ("macro-F1, 120 classes", 3),
        ("difference, 2 classes", 10),
        ("difference, 40 classes", 3),
        ("macro-F1, artists, 3 classes", 3),
        ("difference, artists, 3 classes", 10),
    ],
)
@pytest.mark.parametrize("rate", [pytest.param(0.6, marks=pytest.mark.reliability), 0.95, 1.0])
def test_intervals_hold_the_truth(coverage, name, size, rate):
    trials = 60 if name == "macro-F1, 120 classes" else TRIALS
    assert np.mean(list(coverage.rows()[name](size, rate, trials))) >= LEAST


@pytest.mark.parametrize("size", [3, 20])
def test_equally_good_models_seldom_differ_significantly(coverage, size):
    said = coverage.rows()["false verdicts, 8 classes"](size, 0.7, TRIALS)
    assert np.mean(list(said)) <= 0.09


def test_intervals_are_not_wider_than_they_need_to_be(coverage):
    held = [*coverage.rows()["accuracy, 8 classes"](50, 0.7, TRIALS)]
    held += [*coverage.rows()["macro-F1, 8 classes"](50, 0.7, TRIALS)]
    assert np.mean(held) < 0.985
