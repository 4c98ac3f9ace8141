from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from artstyle_tf.plots.bars import plot_class_distribution
from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
from artstyle_tf.plots.per_class_scores import plot_per_class_scores
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.training_curves import plot_training_curves

MATRIX = np.array([[8, 2, 0], [1, 3, 0], [0, 0, 0]])


@pytest.fixture
def history():
    return pd.DataFrame(
        {
            "epoch": [0, 1, 2, 3],
            "phase": ["linear probe", "top 2 blocks", "top 2 blocks", "all blocks"],
            "loss": [None, 1.0, 0.6, 0.5],
            "val_loss": [None, 1.1, 0.9, 1.0],
            "macro_f1": [None, 0.7, 0.9, 0.95],
            "val_macro_f1": [0.6, 0.65, 0.8, 0.78],
        }
    ).astype({"loss": float, "val_loss": float, "macro_f1": float})


def texts_in(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def lines_of(axes):
    return {line.get_label(): line.get_ydata().tolist() for line in axes.get_lines()}


def test_curves_hold_the_history_name_the_phases_and_mark_the_best_epoch(history):
    figure = plot_training_curves(history)
    loss, score = figure.axes
    assert lines_of(loss)["training"] == [1.0, 0.6, 0.5]
    assert lines_of(score)["validation"] == [0.6, 0.65, 0.8, 0.78]
    assert {"top 2 blocks", "all blocks", "0.800"} <= set(texts_in(figure))


def test_a_run_of_the_probe_alone_can_be_drawn(history, tmp_path):
    save_figure(plot_training_curves(history.iloc[:1]), tmp_path / "curves.png")


def test_counts_are_written_into_the_confusion_matrix():
    figure = plot_confusion_matrix(MATRIX, ["a", "b", "c"], normalized=False, title="counts")
    assert sorted(texts_in(figure)) == ["1", "2", "3", "8"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["a (10)", "b (4)", "c (0)"]


def test_shares_are_of_the_true_class():
    figure = plot_confusion_matrix(MATRIX, ["a", "b", "c"], normalized=True, title="shares")
    assert sorted(texts_in(figure)) == ["0.20", "0.25", "0.75", "0.80"]
    np.testing.assert_allclose(figure.axes[0].images[0].get_array()[0], [0.8, 0.2, 0])


@pytest.mark.parametrize("num_classes", [2, 40])
def test_many_classes_with_long_and_foreign_names_fit(num_classes, tmp_path):
    names = [f"浮世絵 Ölbild {'x' * 40} {number}" for number in range(num_classes)]
    matrix = np.eye(num_classes, dtype=int)
    figure = plot_confusion_matrix(matrix, names, normalized=False, title="title")
    save_figure(figure, tmp_path / "matrix.png")
    with Image.open(tmp_path / "matrix.png") as image:
        assert min(image.size) > 400


def test_bars_are_sorted_and_leave_out_a_class_without_images():
    report = pd.DataFrame(
        {
            "class": ["low", "high", "absent"],
            "precision": [0.2, 0.9, 0.0],
            "recall": [0.2, 0.9, 0.0],
            "f1": [0.2, 0.9, 0.0],
            "support": [5, 7, 0],
        }
    )
    axes = plot_per_class_scores(report).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["low (5)", "high (7)"]
    assert len(axes.patches) == 6


def test_the_distribution_stacks_the_splits():
    counts = pd.DataFrame(
        {"train": [7, 70], "val": [2, 15], "test": [1, 15]}, index=["small", "large"]
    )
    axes = plot_class_distribution(counts).axes[0]
    assert sorted(patch.get_width() for patch in axes.patches) == [1, 2, 7, 15, 15, 70]
    assert texts_in(axes.figure) == [" 10", " 100"]


def test_saving_is_atomic(history, tmp_path):
    save_figure(plot_training_curves(history), tmp_path / "figs" / "curves.png", dpi=80)
    assert [file.name for file in (tmp_path / "figs").iterdir()] == ["curves.png"]
