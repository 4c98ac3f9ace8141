"""Details of figures: nothing overlaps, unusual input, many classes."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.plots.bars import plot_class_distribution
from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
from artstyle_tf.plots.per_class_scores import plot_per_class_scores
from artstyle_tf.plots.theme import house_style
from artstyle_tf.plots.training_curves import plot_training_curves


def draw(figure):
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")  # also where pytest runs without its configuration
        figure.canvas.draw()
    return figure


def overlapping(texts):
    """Return pairs of overlapping texts of a drawn figure."""
    boxes = [
        (text.get_text(), text.get_window_extent().shrunk(0.98, 0.9))
        for text in texts
        if text.get_text()
    ]
    return [
        (first, second)
        for (first, box), (second, other) in itertools.combinations(boxes, 2)
        if box.overlaps(other)
    ]


def history_of(*phases, probe=True):
    rows = [{"epoch": 0, "phase": "linear probe", "val_macro_f1": 0.7}] if probe else []
    for name, epochs in phases:
        for _ in range(epochs):
            score = 0.6 + 0.3 * (1 - 0.9 ** len(rows))
            rows.append(
                {
                    "epoch": len(rows) + (not probe),
                    "phase": name,
                    "loss": 2 - score,
                    "val_loss": 2.1 - score,
                    "macro_f1": score + 0.05,
                    "val_macro_f1": score,
                }
            )
    return pd.DataFrame(rows)


def phase_names(axes):
    return [text for text in axes.texts if not text.get_text().startswith("0.")]


@pytest.mark.parametrize(
    "phases",
    [
        [("head", 5), ("top 2 blocks", 15), ("all blocks", 20)],
        [(f"top {number} blocks", 1) for number in range(1, 10)] + [("all blocks", 12)],
        [("head", 1), ("all blocks", 1)],
    ],
)
def test_phase_names_and_titles_never_overlap(phases):
    figure = draw(plot_training_curves(history_of(*phases)))
    for axes in figure.axes:
        names = phase_names(axes)
        assert [name.get_text() for name in names] == ["linear probe", *dict(phases)]
        assert overlapping([*names, axes.title]) == []
    assert overlapping([text for axes in figure.axes for text in phase_names(axes)]) == []


def test_a_phase_is_shaded_where_it_ran():
    axes = plot_training_curves(history_of(("head", 5), ("all blocks", 20))).axes[0]
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (0.5, 5.5)
    assert axes.get_xlim() == (-0.5, 25.5)
    assert axes.get_xlabel() == "Epoch"


def test_the_first_of_equal_epochs_is_the_best_one():
    history = history_of(("head", 4), probe=False)
    history["val_macro_f1"] = [0.5, 0.8, 0.8, 0.7]
    figure = plot_training_curves(history)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["training", "validation", "best epoch (2)"]
    ring = figure.axes[1].get_lines()[-1]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (2, 0.8)


def test_missing_columns_and_values_are_left_out():
    history = history_of(("head", 3))[["epoch", "val_macro_f1"]]
    history["loss"] = [None, np.inf, 1.0, 0.5]  # object, as from rows with None
    loss, score = draw(plot_training_curves(history)).axes
    assert [line.get_xydata().tolist() for line in loss.get_lines()] == [[[2, 1.0], [3, 0.5]]]
    assert score.get_lines()[0].get_label() == "validation"
    assert phase_names(loss) == []
    draw(plot_training_curves(history.iloc[:0]))
    nothing = draw(plot_training_curves(history[["epoch"]]))
    assert nothing.legends == []


def test_ticks_of_epochs_are_whole_numbers():
    for phases in ([], [("head", 1)], [("head", 3)]):
        axes = draw(plot_training_curves(history_of(*phases))).axes[0]
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == int(tick) for tick in ticks)


@pytest.mark.parametrize("num_classes", [2, 8, 40])
@pytest.mark.parametrize("normalized", [False, True])
def test_nothing_overlaps_in_a_confusion_matrix(num_classes, normalized):
    matrix = np.random.default_rng(0).integers(0, 2000, (num_classes, num_classes))
    names = [f"Öl $x^{{ {number}" for number in range(num_classes)]
    figure = draw(plot_confusion_matrix(matrix, names, normalized=normalized, title="run: val"))
    axes = figure.axes[0]
    assert max(figure.get_size_inches()) < 22
    assert len(axes.texts) == np.count_nonzero(matrix)
    first_rows = axes.texts[: 2 * num_classes]
    assert overlapping([*first_rows, *axes.get_yticklabels()]) == []
    assert axes.get_ylabel().startswith("True")
    assert axes.get_xlabel() == "Predicted"
    bar = axes.child_axes[0].get_window_extent()
    assert bar.height == pytest.approx(axes.get_window_extent().height)


def test_illegible_numbers_are_left_out():
    matrix = np.full((120, 120), 12345)
    names = [str(number) for number in range(120)]
    figure = plot_confusion_matrix(matrix, names, normalized=False, title="t")
    assert len(figure.axes[0].texts) == 0
    assert max(figure.get_size_inches()) < 22


def test_a_row_without_images_is_gray_and_not_a_row_of_zeros():
    matrix = np.array([[3, 1], [0, 0]])
    image = plot_confusion_matrix(matrix, "ab", normalized=True, title="t").axes[0].images[0]
    assert image.get_array().mask.tolist() == [[False, False], [True, True]]
    assert image.get_array()[0].tolist() == [0.75, 0.25]


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(3, 3\), not \(2, 2\)"):
        plot_confusion_matrix(np.eye(2, dtype=int), "abc", normalized=False, title="t")


def report_of(f1, support):
    names = [f"style {number}" for number in range(len(f1))]
    scores = {"precision": np.array(f1) * 0.9, "recall": np.array(f1) * 0.8, "f1": f1}
    return pd.DataFrame({"class": names, **scores, "support": support})


def test_bars_carry_the_scores_of_their_class():
    figure = draw(plot_per_class_scores(report_of([0.5, 0.9, 0.5], [4, 5, 6])))
    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["style 0 (4)", "style 2 (6)", "style 1 (5)"]  # upwards; ties by support
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in axes.containers}
    assert widths["F1"] == [0.5, 0.5, 0.9]
    assert widths["Precision"] == pytest.approx([0.45, 0.45, 0.81])
    assert widths["Recall"] == pytest.approx([0.4, 0.4, 0.72])
    assert [text.get_text() for text in axes.texts] == ["0.50", "0.50", "0.90"]
    assert "Macro-F1 0.633" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("absent_score", [0.0, float("nan")])
def test_a_class_without_images_is_counted_not_drawn(absent_score):
    figure = draw(plot_per_class_scores(report_of([0.8, absent_score], [5, 0])))
    assert figure.axes[0].get_xlabel().endswith("\n1 class without images not shown")
    assert "Macro-F1 0.800" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("num_classes", [1, 8, 40])
def test_names_beside_bars_never_overlap(num_classes):
    scores = np.linspace(0, 1, num_classes)
    bars = draw(plot_per_class_scores(report_of(scores, [7] * num_classes))).axes[0]
    counts = pd.DataFrame(
        {"train": range(num_classes)}, index=[f"s{i}" for i in range(num_classes)]
    )
    stacks = draw(plot_class_distribution(counts)).axes[0]
    for axes in (bars, stacks):
        assert overlapping([*axes.get_yticklabels(), *axes.texts]) == []
        assert max(axes.figure.get_size_inches()) < 18


def test_the_distribution_is_sorted_and_survives_odd_tables():
    counts = pd.DataFrame({"test": [1, 0, 5], "train": [3, 0, 20]}, index=["b", "none", "a"])
    axes = draw(plot_class_distribution(counts)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["none", "b", "a"]
    assert [text.get_text() for text in axes.texts] == [" 0", " 4", " 25"]
    labels = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert labels == ["train", "test"]
    assert axes.get_xlabel() == "Images"
    assert list(counts.columns) == ["test", "train"]  # the caller's table is left alone


def test_names_that_are_numbers_are_names():
    counts = pd.DataFrame({"train": [1, 2], "val": [0, 1], "test": [1, 1]}, index=["20", "3"])
    axes = draw(plot_class_distribution(counts)).axes[0]
    assert axes.get_yticks().tolist() == [0, 1]
