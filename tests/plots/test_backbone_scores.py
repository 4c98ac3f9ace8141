from __future__ import annotations

import pytest

from artstyle_tf.plots.backbone_scores import TimedScores, plot_scores_against_time
from artstyle_tf.plots.saving import save_figure


def point(name, milliseconds, score, *schemes):
    scores = dict.fromkeys(schemes, (score, (score - 0.03, score + 0.02)))
    return TimedScores(name, milliseconds, scores)


def test_each_scheme_has_a_panel_with_all_networks(tmp_path):
    schemes = ("random", "group")
    points = [point("slow", 30.0, 0.85, *schemes), point("fast", 4.0, 0.8, *schemes)]
    figure = plot_scores_against_time(points, recommended="fast")
    panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        "Random folds",
        "Folds without a common group",
    ]
    for axes in panels:
        marks = [line for line in axes.get_lines() if len(line.get_xdata()) == 1]
        assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [
            (4.0, 0.8),
            (30.0, 0.85),
        ]
        bars = [line.get_ydata() for line in axes.get_lines() if len(line.get_xdata()) == 2]
        assert list(bars[0]) == pytest.approx([0.77, 0.82])
    legend = panels[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["fast (recommended)", "slow"]
    save_figure(figure, tmp_path / "scores.png")
    assert (tmp_path / "scores.png").stat().st_size > 5000


def test_networks_are_told_apart_beyond_the_colors():
    points = [point(f"network {number}", 1.0 + number, 0.5, "random") for number in range(20)]
    (axes,) = plot_scores_against_time(points, recommended="network 3").axes
    marks = [line for line in axes.get_lines() if len(line.get_xdata()) == 1]
    assert len({(line.get_color(), line.get_marker()) for line in marks}) == 20
    assert len(axes.get_legend().get_texts()) == 20


@pytest.mark.parametrize("slowest", [6.8, 60.0])
def test_the_times_have_labels(slowest):
    points = [point("a", 6.0, 0.8, "random"), point("b", slowest, 0.8, "random")]
    (axes,) = plot_scores_against_time(points, recommended="a").axes
    low, high = axes.get_xlim()
    assert sum(low <= tick <= high for tick in axes.get_xticks()) >= 2


def test_one_network_is_drawn():
    (axes,) = plot_scores_against_time([point("a", 5.0, 0.8, "random")], recommended="a").axes
    low, high = axes.get_xlim()
    assert low < 5.0 < high
