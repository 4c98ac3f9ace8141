from __future__ import annotations

import itertools

import numpy as np

from artstyle_tf.plots.projection_map import (
    MOST_CATEGORIES,
    OTHERS,
    category_look,
    largest_categories,
    plot_projection_map,
)
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import GRAY


def test_no_two_categories_look_alike_and_neighbors_differ_in_shape():
    looks = [category_look(number) for number in range(MOST_CATEGORIES)]
    assert len(set(looks)) == MOST_CATEGORIES
    assert all(one[1] != other[1] for one, other in itertools.pairwise(looks))


def test_the_largest_categories_come_first_and_the_rest_is_one():
    numbers, names = largest_categories(["b", "a", "c", "a", "b", "a", "d"], most=2)
    assert names == ["a", "b", OTHERS]
    assert numbers.tolist() == [1, 0, 2, 0, 1, 0, 2]
    numbers, names = largest_categories(["b", "a", "a"], most=2)
    assert names == ["a", "b"]
    assert numbers.tolist() == [1, 0, 0]


def test_every_image_is_a_point_and_the_legend_lies_outside(tmp_path):
    points = np.random.default_rng(0).normal(size=(30, 2))
    categories = np.arange(30) % 3
    figure = plot_projection_map(
        points, categories, ["bold", "fine", OTHERS], title="run: UMAP", note="a note"
    )
    (axes,) = figure.axes
    drawn = [collection.get_offsets().tolist() for collection in axes.collections]
    assert drawn == [points[categories == number].tolist() for number in range(3)]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "bold (10)",
        "fine (10)",
        "others (10)",
    ]
    assert legend.get_lines()[2].get_color() == GRAY
    save_figure(figure, tmp_path / "map.png")
    assert legend.get_window_extent().x0 >= axes.get_window_extent().x1


def test_many_long_names_are_not_clipped(tmp_path):
    names = [f"a style with a rather long name, number {number}" for number in range(24)]
    figure = plot_projection_map(np.zeros((24, 2)), np.arange(24), names, title="many")
    save_figure(figure, tmp_path / "map.png")
    legend = figure.axes[0].get_legend()
    assert legend is not None
    extent, box = legend.get_window_extent(), figure.bbox
    assert extent.x1 <= box.x1 + 1
    assert extent.y0 >= box.y0 - 1
