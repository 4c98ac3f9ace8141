from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from PIL import Image

from artstyle_tf.plots.image_rows import CELL_INCHES
from artstyle_tf.plots.neighbor_sheet import choose_queries, plot_neighbor_sheet
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import BLACK, GRAY, GREEN, RED, class_labels, house_style


def draw(figure):
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    return figure


def rows_of(*patterns):
    """bool [N, k] from texts in which + is a right neighbor."""
    return np.array([[letter == "+" for letter in pattern] for pattern in patterns])


def image_of(level, size_px=16):
    return np.full((size_px, size_px, 3), level, np.uint8)


def sheet_of(num_rows, names, *, num_neighbors=8, title="run: test"):
    """Plot a sheet: the query of row r and every second neighbor have class r."""
    of_row = [names[row % len(names)] for row in range(num_rows)]
    captions = [
        [(f"{name} {0.5 + 0.01 * column:.2f}", column % 2 == 0) for column in range(num_neighbors)]
        for name in of_row
    ]
    return plot_neighbor_sheet(
        [image_of(10 * row) for row in range(num_rows)],
        [[image_of(200 + column) for column in range(num_neighbors)] for _ in range(num_rows)],
        captions,
        of_row,
        title=title,
    )


def frames_of(figure):
    """Return left, top and color of the frames."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0], line.get_color())
        for line in figure.axes[0].get_lines()
    ]


def captions_of(figure):
    texts = figure.axes[0].texts
    return [text for text in texts if text.get_fontsize() == 7]


def test_of_each_class_the_worst_query_comes_first_then_the_best():
    labels = np.array([5, 2, 5, 2, 5, 2])
    is_right = rows_of("+++-", "++--", "----", "+---", "++++", "+++-")
    assert choose_queries(labels, is_right) == [3, 5, 2, 4]


def test_of_equally_many_errors_the_nearer_ones_are_worse():
    labels = np.zeros(4, int)
    assert choose_queries(labels, rows_of("+++-", "-+++", "++++", "+-++")) == [1, 2]
    # However near it is, a neighbor never outweighs two others.
    assert choose_queries(labels[:3], rows_of("+---", "--++", "++++")) == [0, 2]
    assert choose_queries(labels[:2], rows_of("+--------", "-------++")) == [0, 1]


def test_queries_with_equal_scores_have_one_row_the_first():
    is_right = rows_of(*["+-+-+-+-+"] * 7)
    assert choose_queries(np.array([0] * 4 + [1] * 3), is_right) == [0, 4]
    assert choose_queries(np.array([3]), rows_of("--")) == [0]


def test_more_rows_come_from_both_ends_in_turn():
    is_right = rows_of("----", "+---", "++--", "+++-", "++++")
    labels = np.zeros(5, int)
    assert choose_queries(labels, is_right, rows_per_class=1) == [0]
    assert choose_queries(labels, is_right, rows_per_class=3) == [0, 1, 4]
    assert choose_queries(labels, is_right, rows_per_class=4) == [0, 1, 4, 3]
    assert sorted(choose_queries(labels, is_right, rows_per_class=9)) == [0, 1, 2, 3, 4]


def test_where_rows_are_few_errors_of_the_worst_classes_remain():
    labels = np.repeat([0, 1, 2], 2)
    is_right = rows_of("+++-", "++++", "----", "+---", "++--", "++++")
    assert choose_queries(labels, is_right, most_rows=6) == [0, 1, 2, 3, 4, 5]
    assert choose_queries(labels, is_right, most_rows=4) == [0, 2, 3, 4]
    assert choose_queries(labels, is_right, most_rows=2) == [2, 4]


@pytest.mark.parametrize("num_classes", [1, 12, 13, 24, 200])
def test_never_more_than_two_rows_a_class_and_24_in_all(num_classes):
    generator = np.random.default_rng(num_classes)
    labels = generator.permutation(np.arange(5 * num_classes) % num_classes)
    is_right = generator.random((len(labels), 8)) < 0.6
    queries = choose_queries(labels, is_right)
    assert len(queries) == min(2 * num_classes, 24)
    assert len(set(queries)) == len(queries)
    assert list(labels[queries]) == sorted(labels[queries])
    assert np.bincount(labels[queries]).max() <= 2
    assert queries == choose_queries(labels, is_right)
    assert {type(query) for query in queries} == {int}


def test_without_queries_or_neighbors_there_is_nothing_to_choose():
    assert choose_queries(np.zeros(0, int), np.zeros((0, 8), bool)) == []
    assert choose_queries(np.array([1, 0, 1]), np.zeros((3, 0), bool)) == [1, 0]


def test_a_query_is_left_of_its_neighbors_and_frames_mark_their_classes():
    figure = draw(sheet_of(2, ["Cubism", "Rococo"], num_neighbors=3))
    frames = frames_of(figure)
    assert [color for _, _, color in frames] == [BLACK, GREEN, RED, GREEN] * 2
    lefts, tops, _ = zip(*frames, strict=True)
    assert list(lefts[:4]) == sorted(lefts[:4])
    assert lefts[1] - lefts[0] > 1.2 * (lefts[2] - lefts[1])  # a gap sets the query apart
    assert lefts[:4] == lefts[4:]
    assert tops[0] < tops[4]
    shown = [image.get_array()[0, 0, 0] for image in figure.axes[0].images]
    assert shown == [0, 200, 201, 202, 10, 200, 201, 202]


def test_captions_name_styles_and_distances_and_a_tally_ends_the_row():
    figure = draw(sheet_of(1, ["Cubism"], num_neighbors=3, title="run:\n test"))
    captions = captions_of(figure)
    words = ["Cubism", "Cubism 0.50", "Cubism 0.51", "Cubism 0.52"]
    assert [text.get_text() for text in captions] == words
    assert [text.get_color() for text in captions] == [BLACK, GRAY, RED, GRAY]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "2 of 3" in texts
    assert {"query", "■ of the same style", "■ of another style"} <= set(texts)
    assert figure.axes[0].get_title(loc="left") == "run: test"


def test_two_rows_of_a_class_have_the_same_name():
    captions = captions_of(sheet_of(3, ["Cubism"], num_neighbors=0))
    assert [text.get_text() for text in captions] == ["Cubism"] * 3


def test_rows_may_have_fewer_neighbors_or_none():
    image = image_of(9)
    figure = plot_neighbor_sheet(
        [image] * 2, [[image] * 2, []], [[("a", True), ("b", True)], []], ["a", "b"], title="t"
    )
    draw(figure)
    assert len(figure.axes[0].images) == 4
    assert {"2 of 2", "0 of 0"} <= {text.get_text() for text in figure.axes[0].texts}
    draw(plot_neighbor_sheet([], [], [], [], title="nothing"))


@pytest.mark.parametrize("num_neighbors", [0, 1, 8])
def test_images_have_the_same_size_in_narrow_sheets(num_neighbors):
    figure = draw(sheet_of(2, ["Cubism"], num_neighbors=num_neighbors))
    axes = figure.axes[0]
    (left, right), (bottom, top) = axes.transData.transform([(0, 1), (1, 0)]).T
    assert [right - left, top - bottom] == pytest.approx([CELL_INCHES * figure.dpi] * 2, rel=0.03)
    heading = [text for text in axes.texts if text.get_position()[1] < 0]
    boxes = [text.get_window_extent() for text in heading]
    assert len(boxes) == 4
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert max(box.x1 for box in boxes) <= figure.bbox.x1


LONG_NAMES = [
    "Northern Renaissance and Mannerism I",
    "Northern Renaissance and Mannerism II",
    "Абстрактный экспрессионизм",
    "W" * 60,
    "$x^{",
]


def test_long_captions_lose_their_middle_and_never_touch():
    figure = draw(sheet_of(5, LONG_NAMES))
    captions = captions_of(figure)
    boxes = [text.get_window_extent() for text in captions]
    assert all(box.width <= CELL_INCHES * figure.dpi for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    words = [text.get_text() for text in captions]
    assert words[0].startswith("Northern")
    assert words[0].endswith("I")
    assert words[0] != words[9]
    assert words[1].startswith("Nor")
    assert words[1].endswith(" 0.50")
    assert words[-1] == "$x^{ 0.57"


def test_names_that_cannot_be_drawn_do_not_break_a_figure(tmp_path):
    names = ["浮世絵", "a\nb", "𓀀𓀁"]
    shown = dict(zip(names, class_labels(names), strict=True))
    draw(sheet_of(3, list(shown.values())))  # as callers should: without a warning
    figure = sheet_of(3, names)
    save_figure(figure, tmp_path / "sheet.png")
    captions = [text.get_text() for text in captions_of(figure)]
    assert captions[::9] == list(shown.values())
    assert captions[10] == "a b 0.50"


def test_a_full_sheet_has_a_viewable_size(tmp_path):
    save_figure(sheet_of(24, [f"style {number}" for number in range(12)]), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        image.load()
        assert image.format == "PNG"
        assert image.width < 2000
        assert 24 * 200 < image.height < 6000
