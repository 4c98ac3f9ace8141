from __future__ import annotations

import pandas as pd
import pytest

from artstyle_tf.images.preparation.trainability import check_trainable
from artstyle_tf.system.errors import ArtstyleError


def images(**splits_of_styles):
    """Style -> letters of splits: "tvs" is one image each in train, val and test."""
    names = {"t": "train", "v": "val", "s": "test"}
    rows = [
        (f"{style}/{number}.png", style, names[letter])
        for style, letters in splits_of_styles.items()
        for number, letter in enumerate(letters)
    ]
    return pd.DataFrame(rows, columns=["path", "label", "split"])


def refused(table, unusable=()):
    with pytest.raises(ArtstyleError) as caught:
        check_trainable(table, unusable)
    return str(caught.value)


def test_one_training_and_one_validation_image_are_enough():
    check_trainable(images(bold="tv", fine="ttvvss"))


def test_a_style_without_training_images_is_named_with_its_counts():
    text = refused(images(bold="ttvs", rare="vvs"))
    assert "The style rare has no usable image in train" in text
    assert "Received: train 0, val 2, test 1" in text
    assert "read" not in text  # nothing is wrong with the images


def test_a_style_in_test_only_and_one_that_nothing_is_decided_by():
    assert "style rare has no usable image in train" in refused(images(bold="tv", rare="s"))
    assert "style rare has no usable image in val" in refused(images(bold="tv", rare="ts"))


def test_several_styles_are_distinguished():
    text = refused(images(bold="tv", rare="vv", other="v"))
    assert "The styles other, rare have no usable image in train" in text
    assert "other: train 0, val 1, test 0; rare: train 0, val 2, test 0" in text


def test_images_that_cannot_be_read_do_not_count():
    table = images(bold="tv", fine="ttvvv")
    text = refused(table, ["fine/0.png", "fine/1.png", "fine/2.png"])
    assert "fine has no usable image in train" in text
    assert "train 2 (none can be read), val 3 (1 cannot be read), test 0" in text


def test_images_that_are_only_evaluated_need_no_other_split():
    check_trainable(images(bold="ss", fine="s"))
