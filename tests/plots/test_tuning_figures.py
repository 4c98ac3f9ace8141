from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.tuning_figures import (
    SearchedParameter,
    plot_parallel_coordinates,
    plot_pareto_front,
    plot_tuning_history,
    plot_tuning_slices,
)

PARAMETERS = [
    SearchedParameter("rate", [1e-4, 1e-3, 1e-2], log=True),
    SearchedParameter("batch", ["16", None, "64"], choices=["16", "64"]),
    SearchedParameter("margin", [None, None, 0.3]),
    SearchedParameter("blocks", [2, 2, 2]),
]
SCORES = [0.6, 0.8, 0.9]
COMPLETE = [True, True, False]


def test_history_follows_the_best_complete_trial_and_marks_failed_ones(tmp_path):
    figure = plot_tuning_history(
        [0, 1, 2, 3],
        [0.6, 0.9, None, 0.8],
        ["complete", "pruned", "failed", "complete"],
        score_name="macro-F1",
        lines={"baseline": 0.7},
    )
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert lines["best so far"].get_ydata().tolist() == [0.6, 0.6, 0.6, 0.8]
    assert lines["failed"].get_xdata().tolist() == [2]
    assert "baseline, 0.700" in lines
    save_figure(figure, tmp_path / "history.png")


def test_slices_ring_the_best_complete_trial(tmp_path):
    figure = plot_tuning_slices(PARAMETERS, SCORES, COMPLETE, score_name="macro-F1")
    assert [axes.get_xlabel() for axes in figure.axes[:4]] == ["rate", "batch", "margin", "blocks"]
    ring = next(line for line in figure.axes[0].lines if line.get_label() == "best")
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (1e-3, 0.8)
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == ["16", "64"]
    save_figure(figure, tmp_path / "slices.png")


def test_parallel_coordinates_leave_a_gap_where_a_value_is_missing(tmp_path):
    figure = plot_parallel_coordinates(PARAMETERS, SCORES, COMPLETE, score_name="macro-F1")
    heights = {tuple(line.get_ydata()[:1]): line for line in figure.axes[0].lines}
    best = next(line for line in figure.axes[0].lines if line.get_linewidth() > 2)
    assert best.get_ydata()[0] == pytest.approx(0.5)  # 1e-3 in the middle of its decades
    assert np.isnan(best.get_ydata()[1])
    assert len(heights) == 3
    save_figure(figure, tmp_path / "parallel.png")


def test_the_pareto_front_is_named(tmp_path):
    figure = plot_pareto_front(
        [0.8, 0.7, 0.6], [9, 2, 3], [True, True, False], [4, 5, 6], score_name="f", cost_name="s"
    )
    assert {text.get_text() for text in figure.axes[0].texts} == {"4", "5"}
    save_figure(figure, tmp_path / "front.png")
