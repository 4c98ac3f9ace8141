"""Check that a split can be trained on: the same check for dry runs, inspection and training."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.system.errors import ArtstyleError

_SPLITS = ("train", "val", "test")
_NEEDED = ("train", "val")


def check_trainable(images: pd.DataFrame, unusable: Collection[str] = ()) -> None:
    """Check that every style has a training image and a validation image.

    Args:
        images: columns path, label and split. A split without any image is not required, so that
            images that are only evaluated can be prepared, too.
        unusable: paths of images that cannot be read, as far as they are known.

    Raises:
        ArtstyleError: naming the styles without a usable image in train or val, with their counts.
    """
    listed = _counts(images)
    usable = _counts(images[~images["path"].isin(list(unusable))])
    usable = usable.reindex(listed.index, fill_value=0)
    for split in _NEEDED:
        lacking = [str(style) for style in usable.index[usable[split] == 0]]
        if not lacking or not listed[split].any():
            continue
        is_one = len(lacking) == 1
        noun = f"style {lacking[0]} has" if is_one else f"styles {examples(lacking)} have"
        received = [
            ("" if is_one else f"{style}: ") + _in_words(listed.loc[style], usable.loc[style])
            for style in lacking[:3]
        ]
        raise ArtstyleError(
            f"The {noun} no usable image in {split}",
            received="; ".join(received),
            expected="at least one in train, for training, and one in val, for model selection",
            fix="add images to the style, correct the split, or remove the style",
        )


def _counts(images: pd.DataFrame) -> pd.DataFrame:
    """Count images by style (rows) and split (columns)."""
    counts = pd.crosstab(images["label"], images["split"])
    return counts.reindex(columns=list(_SPLITS), fill_value=0)


def _in_words(listed: pd.Series, usable: pd.Series) -> str:
    """Describe a style, e.g. "train 2 (none can be read), val 3 (1 cannot be read), test 0"."""
    parts = []
    for split in _SPLITS:
        number, unreadable = int(listed[split]), int(listed[split] - usable[split])
        part = f"{split} {number}"
        if unreadable:
            which = "none can" if unreadable == number else f"{unreadable} cannot"
            part += f" ({which} be read)"
        parts.append(part)
    return ", ".join(parts)
