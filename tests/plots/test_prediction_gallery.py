from __future__ import annotations

import numpy as np

from artstyle_tf.plots.image_rows import choose_for_gallery, plot_image_rows
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import GREEN, RED


def test_errors_come_first_then_the_least_confident_correct_predictions():
    labels = np.array([0, 0, 0, 0, 2, 2])
    predictions = np.array([0, 1, 0, 2, 2, 2])
    confidences = np.array([0.9, 0.6, 0.7, 0.8, 0.5, 0.4])
    rows = choose_for_gallery(labels, predictions, confidences, columns=4)
    assert rows == [[3, 1, 2, 0], [5, 4]]


def test_half_of_a_row_shows_correct_predictions_if_there_are_enough():
    labels = np.zeros(20, int)
    predictions = np.repeat([1, 0], 10)
    rows = choose_for_gallery(labels, predictions, np.linspace(0, 1, 20), columns=8)
    assert [predictions[n] for n in rows[0]] == [1, 1, 1, 1, 0, 0, 0, 0]
    rows = choose_for_gallery(labels[:11], predictions[:11], np.linspace(0, 1, 11), columns=8)
    assert len(rows[0]) == 8


def test_frames_and_captions_mark_correct_predictions(tmp_path):
    image = np.full((16, 16, 3), 128, np.uint8)
    figure = plot_image_rows(
        [[image, image], [image]],
        [[("Cubism 0.90", False), ("Rococo 0.80", True)], [("$x$ 0.5", True)]],
        ["Rococo", "$x$"],
        title="run: test",
    )
    (axes,) = figure.axes
    assert [line.get_color() for line in axes.get_lines()] == [RED, GREEN, GREEN]
    texts = [text.get_text() for text in axes.texts]
    assert {"Rococo", "$x$", "Cubism 0.90", "$x$ 0.5"} <= set(texts)
    assert len(axes.get_images()) == 3
    save_figure(figure, tmp_path / "gallery.png")
