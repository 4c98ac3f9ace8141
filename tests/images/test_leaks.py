from __future__ import annotations

import pandas as pd
import pytest

from artstyle_tf.images.splits.leaks import count_leaks, find_leaks, leaks_in_words


@pytest.fixture
def images():
    rows = [
        ("A/1.jpg", "A", "monet", "d1", "train", 0),
        ("A/2.jpg", "A", "monet", "d2", "val", 1),
        ("A/3.jpg", "A", "a3", "d3", "train", 2),
        ("A/4.jpg", "A", "a4", "d4", "test", 2),
        ("B/5.jpg", "B", "b5", "d5", "train", 3),
        ("A/6.jpg", "A", "a6", "d6", "train", 3),
        ("B/7.jpg", "B", "b7", "d7", "val", 4),
        ("B/8.jpg", "B", "b8", "d8", "val", 4),
    ]
    columns = ["path", "label", "group", "digest", "split", "looks_like"]
    return pd.DataFrame(rows, columns=columns)


def test_each_kind_is_found_once_and_harmless_copies_are_not(images):
    leaks = find_leaks(images).set_index("kind")
    assert leaks["images"].to_dict() == {
        "duplicates_across_splits": "A/3.jpg; A/4.jpg",
        "duplicates_across_styles": "B/5.jpg; A/6.jpg",
        "group_across_splits": "A/1.jpg; A/2.jpg",
    }
    assert leaks.loc["duplicates_across_splits", "splits"] == "test; train"
    assert leaks.loc["duplicates_across_styles", "styles"] == "A; B"
    assert (leaks["num_images"] == 2).all()


def test_without_perceptual_hashes_the_bytes_count(images):
    images = images.drop(columns="looks_like").assign(digest=["d"] * 2 + list("abcdef"))
    assert find_leaks(images)["kind"].tolist() == [
        "duplicates_across_splits",
        "group_across_splits",
    ]


def test_warnings_name_the_images_and_the_consequence(images):
    text = " ".join(leaks_in_words(find_leaks(images), images).values())
    assert "A/3.jpg; A/4.jpg" in text
    assert "one must be wrong" in text
    assert "1 group lies in more than one split" in text
    assert "1 of 4 validation and test images" in text


def test_clean_images_have_no_leaks(images):
    clean = images.drop(columns=["looks_like"]).assign(group=images["path"])
    leaks = find_leaks(clean)
    assert leaks_in_words(leaks, clean) == {}
    assert set(count_leaks(leaks).values()) == {0}
