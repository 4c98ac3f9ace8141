"""Test the parts of the benchmarks; the benchmarks themselves are not run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def side_by_side(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import side_by_side

    return side_by_side


def test_candidates_alternate_and_are_compared_within_a_round(side_by_side, tmp_path, capsys):
    turns = []
    values = {"slow": iter([99, 10, 40, 20]), "fast": iter([99, 5, 10, 2])}

    def candidate(name):
        def act():
            turns.append(name)
            return next(values[name])

        return act

    comparison = side_by_side.measure_side_by_side(
        {name: candidate(name) for name in ("slow", "fast")},
        unit="s",
        reference="slow",
        repeats=3,
        left_out={"absent": "not installed"},
    )
    assert turns == ["slow", "fast", "fast", "slow", "slow", "fast", "fast", "slow"]
    assert comparison.measurements["slow"].values == (10, 40, 20)
    assert comparison.measurements["slow"].median == 20
    assert comparison.ratio("fast") == 0.25  # of 0.5, 0.25 and 0.1; not 5 / 20
    side_by_side.print_table(comparison)
    assert "absent  not measured: not installed" in capsys.readouterr().out
    side_by_side.write_result(tmp_path / "r.json", comparison, benchmark="b", settings={"n": 1})
    written = json.loads((tmp_path / "r.json").read_text())
    assert [result["ratio"] for result in written["results"]] == [1, 0.25]


@pytest.mark.parametrize(
    "name",
    [
        "direct_training",
        "input_pipeline",
        "growth",
        "heads",
        "inference",
        "pretrain_compact",
        "startup",
        "sweep",
        "tuning_kills",
        "wait",
    ],
)
def test_help_describes_the_options(name):
    answer = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", "--help"], capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert "--json" in answer.stdout


@pytest.mark.slow
@pytest.mark.reliability  # two trainings in separate processes
def test_growth_measures_a_training_command(tmp_path):
    options = ["--sizes", "48", "--image-size-px", "32", "--epochs", "1", "--quiet"]
    options += ["--backbone", "compact"]
    answer = subprocess.run(
        [sys.executable, BENCHMARKS / "growth.py", *options, "--json", tmp_path / "growth.json"],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    (row,) = json.loads((tmp_path / "growth.json").read_text())["results"]
    assert row["num_images"] == 48
    assert 0.1 < row["peak_memory_gb"] < 10
    assert row["training_s"] < row["total_s"]


def test_discarded_epochs_are_marked_in_every_panel(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import collapse_guard

    def history(alarm):
        values = {name: [0.1, 0.2, 0.3] for name in ("mean_distance", "active_triplets")}
        scores = {"epoch": [0, 1, 2], "val_macro_f1": [0.5, 0.6, 0.7]}
        return pd.DataFrame({**scores, **values, "alarm": [None, alarm, None]})

    figure = collapse_guard.plot_guard(history(None), history("the embedding collapsed"))
    marked = [axes.lines[-1].get_xdata().tolist() for axes in figure.axes]
    assert marked == [[1], [1], [1]]
    assert len(figure.axes[0].lines) == 3  # both runs, and the discarded epoch
