from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstyle_tf.images.index.groups import connected, suggest_group_pattern


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30))
def test_items_with_a_common_key_are_connected(pairs):
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    numbers = list(range(len(pairs)))
    for _ in pairs:  # the naive way: hand the smallest number on until nothing changes
        for i, one in enumerate(pairs):
            for j, other in enumerate(pairs):
                if one[0] == other[0] or one[1] == other[1]:
                    numbers[i] = numbers[j] = min(numbers[i], numbers[j])
    found = connected(first, second)
    assert len(found) == len(pairs)
    for i in range(len(pairs)):
        for j in range(len(pairs)):
            assert (found[i] == found[j]) == (numbers[i] == numbers[j])


def test_sets_are_numbered_in_the_order_they_come_in():
    assert connected(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
    assert connected(["b", "a", "b", "c"], [1, 2, 3, 2]).tolist() == [0, 1, 0, 1]


STYLES = ("Cubism", "Rococo", "photo")


def names(template, *, groups=8, per_group=4, styles=STYLES):
    generator = np.random.default_rng(0)
    return [
        (f"{style}/{template.format(group=f'{style.lower()}-{group:c}', number=number)}", style)
        for style in styles
        for group in range(97, 97 + groups)
        for number in generator.choice(1000, per_group, replace=False)
    ]


def suggestion(images):
    return suggest_group_pattern([path for path, _ in images], [style for _, style in images])


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("{group}_title {number}.jpg", r"^([^_]+)_"),
        ("{group} - title {number}.jpg", r"^(.+?) - "),
        ("{group}-{number:04d}.png", r"^(.*[^-_ \d])[-_ ]?\d+\.[^.]+$"),
    ],
)
def test_usual_ways_to_name_an_artist_are_recognized(template, pattern):
    assert suggestion(names(template)) == pattern


def test_styles_without_groups_do_not_hide_the_others():
    images = names("{group}_title {number}.jpg", styles=STYLES[:2])
    images += [(f"photo/{number:06d}.jpg", "photo") for number in range(30)]
    assert suggestion(images) == r"^([^_]+)_"


@pytest.mark.parametrize(
    "images",
    [
        [(f"{style}/{number:05d}.jpg", style) for style in STYLES for number in range(40)],
        [(f"{style}/{style}_{number}.jpg", style) for style in STYLES for number in range(40)],
        [(f"{style}/IMG_{number}.jpg", style) for style in STYLES for number in range(40)],
        names("{group}_title.jpg", groups=20, per_group=1),
        names("{group}_title {number}.jpg", styles=STYLES[:1])
        + [(f"{style}/{number}.jpg", style) for style in STYLES[1:] for number in range(40)],
    ],
    ids=[
        "numbers",
        "the style's own name",
        "a camera's names",
        "no siblings",
        "one style in three",
    ],
)
def test_names_without_groups_suggest_nothing(images):
    assert suggestion(images) is None
