from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from artstyle_tf.plots.embedding_health import plot_embedding_health
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import RED, house_style
from artstyle_tf.plots.training_curves import plot_training_curves

COLUMNS = ["mean_distance", "active_triplets", "embedding_rank", "loss"]
ALARM = "the mean distance between images is 0.05 (at least 0.3 expected)"


def draw(figure):
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    return figure


def history_of(*phases, alarms=()):
    names = ["projection", *(name for name, epochs in phases for _ in range(epochs))]
    epochs = np.arange(len(names))
    history = pd.DataFrame(
        {
            "epoch": epochs,
            "phase": names,
            "loss": 0.15 * 0.9**epochs,
            "mean_distance": 1 + 0.01 * epochs,
            "active_triplets": 0.5 * 0.95**epochs,
            "embedding_rank": 20.0 + epochs,
            "alarm": [ALARM if epoch in alarms else None for epoch in epochs],
        }
    )
    history.loc[0, "loss"] = np.nan
    return history


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def curve_of(axes):
    return axes.get_lines()[0].get_xydata().tolist()


def phase_numbers(axes):
    return [text for text in axes.texts if text.get_text().isdigit()]


def test_each_panel_shows_its_column():
    history = history_of(("head", 3))
    panels = draw(plot_embedding_health(history)).axes
    titles = ["Mean pairwise distance", "Active triplets", "Effective rank", "Training loss"]
    assert [axes.get_title() for axes in panels] == titles
    assert [axes.get_xlabel() for axes in panels] == ["Epoch"] * 4
    for axes, column in zip(panels, COLUMNS, strict=True):
        assert curve_of(axes) == history[["epoch", column]].dropna().to_numpy().tolist()
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > history[column].max()
    labels = [label.get_text() for label in panels[1].get_yticklabels()]
    assert "20%" in labels


def test_an_alarm_is_a_red_line_in_every_panel_and_an_entry_in_the_legend():
    figure = draw(plot_embedding_health(history_of(("head", 9), alarms=(3, 7))))
    for axes in figure.axes:
        (lines,) = axes.collections
        assert [segment[0][0] for segment in lines.get_segments()] == [3, 7]
        assert to_hex(lines.get_color()[0]) == RED.lower()
    assert legend_of(figure) == ["collapse alarm (epochs 3, 7)"]


@pytest.mark.parametrize(
    ("alarms", "entry"),
    [([5], "collapse alarm (epoch 5)"), (range(1, 9), "collapse alarm (8 epochs)")],
)
def test_the_legend_names_epochs_as_long_as_they_are_few(alarms, entry):
    figure = plot_embedding_health(history_of(("head", 9), alarms=alarms))
    assert legend_of(figure) == [entry]


@pytest.mark.parametrize("nothing", [None, np.nan, "", "  "])
def test_an_epoch_without_text_is_no_alarm(nothing):
    history = history_of(("head", 3))
    history["alarm"] = pd.Series([nothing] * 4)
    figure = draw(plot_embedding_health(history))
    assert all(len(axes.collections) == 0 for axes in figure.axes)
    assert figure.legends == []


def test_a_history_from_a_file_gives_the_same_figure(tmp_path):
    history_of(("head", 5), alarms=(2,)).to_csv(tmp_path / "history.csv", index=False)
    figure = draw(plot_embedding_health(pd.read_csv(tmp_path / "history.csv")))
    assert legend_of(figure) == ["collapse alarm (epoch 2)"]
    assert len(curve_of(figure.axes[3])) == 5


def test_the_margin_is_in_sight_above_a_smaller_loss():
    figure = draw(plot_embedding_health(history_of(("head", 3)), margin=0.4))
    *others, loss = figure.axes
    assert loss.get_lines()[1].get_ydata()[0] == 0.4
    assert loss.get_ylim()[1] > 0.4
    assert legend_of(figure) == ["margin 0.4"]
    assert all(len(axes.get_lines()) == 1 for axes in others)
    assert "collapsed: the margin" in [text.get_text() for text in loss.texts]


def test_a_loss_without_a_margin_does_not_show_a_collapse():
    loss = plot_embedding_health(history_of(("head", 3))).axes[3]
    assert [text for text in loss.texts if "collapsed" in text.get_text()] == []


@pytest.mark.parametrize("column", [*COLUMNS, "epoch", "phase", "alarm"])
@pytest.mark.parametrize("how", ["missing", "nan"])
def test_any_column_may_be_missing_or_nan(column, how):
    history = history_of(("head", 3), ("all blocks", 4), alarms=(2,))
    if how == "missing":
        history = history.drop(columns=column)
    elif column != "epoch":
        history[column] = np.nan
    figure = draw(plot_embedding_health(history, margin=0.2))
    for axes, name in zip(figure.axes, COLUMNS, strict=True):
        says_so = "not measured" in [text.get_text() for text in axes.texts]
        assert says_so == (name == column)
    if column == "epoch" and how == "missing":
        assert [x for x, _ in curve_of(figure.axes[0])] == list(range(1, 9))


def test_gaps_and_values_that_are_not_numbers_are_left_out():
    history = history_of(("head", 4))
    history["mean_distance"] = [1.0, None, np.inf, "0.5", np.nan]  # object, as from rows
    axes = draw(plot_embedding_health(history)).axes[0]
    assert curve_of(axes) == [[0, 1.0], [3, 0.5]]
    assert axes.get_xlim() == (-0.5, 4.5)  # as in the other panels


@pytest.mark.parametrize("num_rows", [0, 1])
def test_a_very_short_history_can_be_drawn(num_rows):
    figure = draw(plot_embedding_health(history_of(("head", 2)).iloc[:num_rows], margin=0.2))
    assert len(figure.axes) == 4
    assert [axes.patches[:] for axes in figure.axes] == [[]] * 4


def test_values_that_are_all_zero_can_be_drawn():
    history = history_of(("head", 3))
    history[COLUMNS] = 0.0
    for axes in draw(plot_embedding_health(history)).axes:
        assert axes.get_ylim()[1] > 0


def test_phases_are_shaded_numbered_and_named():
    figure = draw(plot_embedding_health(history_of(("head", 5), ("all blocks", 20))))
    for axes in figure.axes:
        (band,) = axes.patches
        assert (band.get_x(), band.get_x() + band.get_width()) == (0.5, 5.5)
        assert [text.get_text() for text in phase_numbers(axes)] == ["1", "2", "3"]
    key = "Phases  1: projection,  2: head,  3: all blocks"
    assert figure.get_suptitle() == key


def test_a_single_phase_needs_no_key():
    figure = plot_embedding_health(history_of(("head", 3)).iloc[1:])
    assert figure.get_suptitle() == ""
    assert [phase_numbers(axes) for axes in figure.axes] == [[]] * 4


@pytest.mark.parametrize(("num_phases", "epochs"), [(14, 1), (14, 30), (90, 1)])
def test_nothing_overlaps_with_many_phases_of_long_names(num_phases, epochs, tmp_path):
    phases = [(f"top {number} blocks, $x^{{ {'y' * 20}", epochs) for number in range(num_phases)]
    figure = draw(plot_embedding_health(history_of(*phases, alarms=range(0, 20)), margin=0.2))
    assert all(axes.get_window_extent().height > 2 * figure.dpi for axes in figure.axes)
    key = figure.get_suptitle()
    assert all(f"{number}: {name}" in key for number, (name, _) in enumerate(phases, start=2))
    texts = [figure._suptitle, *figure.legends[0].get_texts()]
    for axes in figure.axes:
        numbers = phase_numbers(axes)
        assert len(numbers) > 5
        texts += [*axes.texts, axes.title, axes.xaxis.label]
    boxes = [(text.get_text(), text.get_window_extent().shrunk(0.98, 0.9)) for text in texts]
    pairs = itertools.combinations(boxes, 2)
    assert [(one, other) for (one, a), (other, b) in pairs if a.overlaps(b)] == []
    save_figure(figure, tmp_path / "health.png")
    with Image.open(tmp_path / "health.png") as image:
        image.load()
        assert image.format == "PNG"
        assert image.width <= 13 * 150 + 40


def test_training_curves_cope_with_a_history_of_metric_learning():
    history = history_of(("head", 4), alarms=(2,))
    history["val_macro_f1"] = np.linspace(0.5, 0.7, 5)
    loss, score = draw(plot_training_curves(history)).axes
    assert [line.get_label() for line in loss.get_lines()] == ["training"]
    assert loss.get_lines()[0].get_xdata().tolist() == [1, 2, 3, 4]
    assert len(score.get_lines()[0].get_xdata()) == 5
