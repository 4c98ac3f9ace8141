from __future__ import annotations

import itertools

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from artstyle_tf.plots.feature_figures import plot_depth_ablation
from artstyle_tf.plots.saving import save_figure

DEPTHS, STYLES = ["block1a", "top"], [None, "$x_1^2$", "wide"]
# By depth and style; intervals are as wide as 4 points.
LOST = {"block1a": [0.05, 0.1, 0.0], "top": [-0.01, 0.0, -0.0002]}


def table():
    rows = [("all", "", style, 0.5, 0.0, 0.0, 0.0) for style in STYLES]
    # In the order of the features, where the top comes first.
    for kind, depth in itertools.product(("without", "only"), ("top", "block1a")):
        for style, lost in zip(STYLES, LOST[depth], strict=True):
            rows.append((kind, depth, style, 0.5 - lost, lost, lost - 0.02, lost + 0.02))
    return pd.DataFrame(
        rows, columns=["features", "depth", "style", "f1", "lost", "lost_low", "lost_high"]
    )


def test_losses_are_signed_points_and_significant_ones_are_bold(tmp_path):
    figure = plot_depth_ablation(table(), DEPTHS, title="run")
    axes, bar = figure.axes
    *cells, note = axes.texts
    assert [cell.get_text() for cell in cells] == [
        "+5.0\n(+3.0 to +7.0)",
        "−1.0\n(−3.0 to +1.0)",
        "+10.0",
        "0.0",
        "0.0",
        "0.0",
    ]
    assert [cell.get_fontweight() == "bold" for cell in cells] == [True, False, True, *[False] * 3]
    assert "interval excludes 0" in note.get_text()
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "all styles (50.0)",
        "$x_1^2$ (50.0)",
        "wide (50.0)",
    ]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["block1a\n45.0", "top\n51.0"]
    save_figure(figure, tmp_path / "depths.png")
    low, high = bar.get_ylim()
    assert low == pytest.approx(-high)  # the middle of the colors is 0
    colors = axes.collections[0].to_rgba(axes.collections[0].get_array())[..., :3].reshape(3, 2, 3)
    assert tuple(colors[1, 1]) == pytest.approx(to_rgb("#f7f7f7"), abs=0.02)
    assert colors[1, 0][0] > colors[1, 0][2]  # orange is lost


def test_a_figure_without_significant_losses_has_a_note():
    unsure = table().assign(lost_low=-1.0, lost_high=1.0)
    figure = plot_depth_ablation(unsure, DEPTHS, title="run")
    assert "No loss is significant" in figure.axes[0].texts[-1].get_text()
