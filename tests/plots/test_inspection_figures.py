from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.plots.bars import (
    NOT_SPLIT,
    REST,
    plot_bars,
    plot_class_distribution,
    plot_stacked_bars,
)
from artstyle_tf.plots.image_rows import plot_image_rows
from artstyle_tf.plots.style_measures import (
    plot_channel_densities,
    plot_style_boxes,
    plot_style_differences,
)
from artstyle_tf.plots.theme import house_style

STYLES = ["Art Deco", "$x_1^2$", "<script>alert(1)</script>", "a\nb", "日本"]


def draw(figure):
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    return figure


def tick_labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_boxes_show_quantiles_of_each_style_and_of_all():
    generator = np.random.default_rng(0)
    labels = pd.Series(np.repeat(STYLES, 30))
    values = pd.DataFrame(generator.lognormal(5, 1, (150, 3)), columns=["a", "b", "c"])
    values.loc[labels == "日本", "b"] = np.nan
    figure = plot_style_boxes(
        values,
        labels,
        names=["A", "B", "C (log)"],
        logarithmic=[False, False, True],
        title="Title",
        num_columns=2,
    )
    draw(figure)
    first, second, third, unused = figure.axes
    assert not unused.axison
    assert tick_labels(first)[-1] == "all styles"
    assert len(first.patches) == len(STYLES) + 1
    assert len(second.patches) == len(STYLES)  # nothing is known of one
    sample = values["a"][labels == "Art Deco"]
    position = tick_labels(first).index("Art Deco")
    box = first.patches[position]
    assert (box.get_x(), box.get_x() + box.get_width()) == pytest.approx(
        tuple(np.percentile(sample, [25, 75]))
    )
    written = [label.get_text() for label in third.get_xticklabels(which="both")]
    assert [text for text in written if "$" in text] == []
    assert len([text for text in written if text]) >= 2


@pytest.mark.parametrize(("spread", "scale"), [(1.0, "log"), (0.1, "linear")])
def test_an_axis_is_logarithmic_where_that_leaves_ticks(spread, scale):
    values = pd.DataFrame({"a": np.random.default_rng(0).lognormal(5, spread, 40)})
    labels = pd.Series(["a", "b"] * 20)
    figure = plot_style_boxes(values, labels, names=["A"], logarithmic=[True], title="T")
    (axes,) = draw(figure).axes
    assert axes.get_xscale() == scale


def test_stacked_bars_end_where_their_parts_add_up():
    parts = pd.DataFrame(
        {"largest": [0.5, 0.2], "second": [0.2, 0.1], REST: [0.3, 0.7]}, index=["a", "b"]
    )
    figure = plot_stacked_bars(
        parts, axis_name="Share", title="T", as_shares=True, notes=["12", "7"]
    )
    (axes,) = draw(figure).axes
    ends = {round(bar.get_y() + bar.get_height() / 2): 0.0 for bar in axes.patches}
    for bar in axes.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends[row], bar.get_x() + bar.get_width())
    assert ends == pytest.approx({0: 1.0, 1: 1.0})
    assert [text.get_text().strip() for text in axes.texts] == ["12", "7"]
    right = axes.get_window_extent().x1
    assert all(text.get_window_extent().x1 <= right + 1 for text in axes.texts)


def test_notes_fit_beside_long_bars():
    parts = pd.DataFrame({"images": [255, 45], "copies": [30, 236]}, index=["a", "b"])
    notes = ["30 of 285 made up", "236 of 281 made up"]
    figure = plot_stacked_bars(parts, axis_name="N", title="T", as_shares=False, notes=notes)
    (axes,) = draw(figure).axes
    right = axes.get_window_extent().x1
    assert all(text.get_window_extent().x1 <= right + 5 for text in axes.texts)


def test_bars_take_values_below_zero():
    (axes,) = draw(plot_bars(["a", "b"], [0.3, -0.05], axis_name="x", title="two\nlines")).axes
    assert axes.get_xlim()[0] < -0.05
    assert [text.get_text() for text in axes.texts] == ["0.30", "-0.05"]


def test_densities_share_their_axes_and_cut_off_peaks_such_as_white_paper():
    generator = np.random.default_rng(1)
    histograms = {}
    for style in STYLES:
        levels = generator.random((3, 64))
        levels[:, -1] = 50
        histograms[style] = levels / levels.sum(axis=1, keepdims=True)
    figure = draw(plot_channel_densities(histograms, title="T"))
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == len(STYLES)
    assert len({axes.get_ylim() for axes in shown}) == 1
    assert len(figure.legends[0].get_texts()) == 3


@pytest.mark.parametrize("num_styles", [2, 5, 30])
def test_differences_are_antisymmetric_and_gray_where_not_significant(num_styles):
    styles = [f"style {n:02d}" for n in range(num_styles)]
    rows = [
        ("brightness", first, second, 0.5, 0.01 if (i + j) % 2 else 0.6)
        for i, first in enumerate(styles)
        for j, second in enumerate(styles)
        if i < j
    ]
    pairs = pd.DataFrame(rows, columns=["measure", "first", "second", "cliffs_delta", "p_holm"])
    figure = draw(plot_style_differences(pairs, title="T"))
    matrix = figure.axes[0].images[0].get_array()
    assert matrix[0, 1] == 0.5
    assert matrix[1, 0] == -0.5
    assert matrix.mask[0, 0]
    if num_styles > 2:
        assert matrix.mask[0, 2]
    assert bool(figure.axes[0].texts) == (num_styles <= 16)


def test_rows_of_images_wrap_their_names_and_keep_captions_apart():
    image = np.full((16, 16, 3), 200, dtype=np.uint8)
    long = "a-very-long-file-name-that-nobody-could-read-in-one-line.jpg"
    figure = plot_image_rows(
        [[image] * 3, [image]],
        [[(long, None)] * 3, [("short", None)]],
        ["near duplicates across styles (12)", "frame"],
        title="T",
    )
    (axes,) = draw(figure).axes
    captions = [text for text in axes.texts if "…" in text.get_text()]
    assert len(captions) == 3
    boxes = [caption.get_window_extent() for caption in captions]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert any(text.get_text() == "near duplicates\nacross styles\n(12)" for text in axes.texts)


def test_images_that_are_in_no_split_are_counted_too():
    counts = pd.DataFrame({NOT_SPLIT: [3, 1]}, index=["a", "b"])
    figure = draw(plot_class_distribution(counts))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [NOT_SPLIT]
