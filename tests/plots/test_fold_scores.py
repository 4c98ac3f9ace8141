from __future__ import annotations

from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.score_intervals import plot_fold_scores


def summary(score, baseline):
    return {
        "macro_f1": score,
        "macro_f1_interval": (score - 0.03, score + 0.02),
        "folds": {"macro_f1": [score - 0.05, score, score + 0.04]},
        "baseline": {"macro_f1": baseline, "macro_f1_interval": (baseline - 0.02, baseline + 0.02)},
    }


def test_each_scheme_shows_network_and_baseline_with_their_intervals(tmp_path):
    figure = plot_fold_scores({"random": summary(0.84, 0.81), "group": summary(0.7, 0.68)})
    (axes,) = figure.axes
    assert [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()] == [
        "Random folds: model",
        "Random folds: baseline",
        "Folds without a common group: model",
        "Folds without a common group: baseline",
    ]
    assert [text.get_text() for text in axes.texts] == ["0.840", "0.810", "0.700", "0.680"]
    ends = [line.get_xdata() for line in axes.get_lines() if len(line.get_xdata()) == 2]
    assert list(ends[0]) == [0.84 - 0.03, 0.84 + 0.02]
    save_figure(figure, tmp_path / "scores.png")
    assert (tmp_path / "scores.png").stat().st_size > 5000


def test_one_scheme_is_enough():
    assert len(plot_fold_scores({"random": summary(0.84, 0.81)}).axes[0].texts) == 2
