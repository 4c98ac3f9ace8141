from __future__ import annotations

import numpy as np

from artstyle_tf.plots.feature_figures import plot_contingency, plot_silhouettes
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.score_intervals import plot_score_intervals


def test_counts_of_styles_and_clusters_are_written(tmp_path):
    figure = plot_contingency(np.array([[8, 0, 2], [1, 3, 0]]), ["bold", "fine"], title="run")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["8", "2", "1", "3"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bold (10)", "fine (4)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1\n(9)", "2\n(3)", "3\n(2)"]
    save_figure(figure, tmp_path / "contingency.png")


def test_the_chosen_number_of_clusters_is_marked(tmp_path):
    figure = plot_silhouettes({2: 0.1, 3: 0.4, 4: 0.2}, chosen=3, title="run")
    curve, mark = figure.axes[0].get_lines()
    assert list(curve.get_ydata()) == [0.1, 0.4, 0.2]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([3], [0.4])
    save_figure(figure, tmp_path / "silhouettes.png")


def test_scores_have_their_intervals_and_the_legend_lies_outside(tmp_path):
    scores = {
        "boosting": [("validation", 0.8, (0.7, 0.9)), ("folds", 0.75, None)],
        "a model": [("validation", 0.6, (0.5, 0.7)), ("folds", 0.65, None)],
    }
    figure = plot_score_intervals(scores, xlabel="Macro-F1", title="run")
    (axes,) = figure.axes
    spans = [line.get_xdata() for line in axes.get_lines() if len(line.get_xdata()) == 2]
    assert [tuple(span) for span in spans] == [(0.7, 0.9), (0.5, 0.7)]
    assert [text.get_text() for text in axes.texts] == ["0.800", "0.750", "0.600", "0.650"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["validation", "folds"]
    save_figure(figure, tmp_path / "scores.png")
    assert legend.get_window_extent().x0 >= axes.get_window_extent().x1
