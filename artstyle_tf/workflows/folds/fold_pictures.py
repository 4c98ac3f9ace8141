"""Which pictures are divided into folds, and which of them stay together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import CrossValidationConfig
from artstyle_tf.data.folds import check_folds
from artstyle_tf.data.picture_groups import connected
from artstyle_tf.data.preparation import PreparedPictures
from artstyle_tf.workflows.folds.fold_training import FoldPictures
from artstyle_tf.workflows.split_pictures import class_ids


def without_test(pictures: pd.DataFrame, settings: CrossValidationConfig) -> pd.DataFrame:
    """Rows of a table with the column `split`, without the test split if it is to be left alone."""
    return pictures if settings.with_test_split else pictures[pictures["split"] != "test"]


def pictures_to_divide(
    prepared: PreparedPictures,
    pictures: pd.DataFrame,
    class_names: Sequence[str],
    settings: CrossValidationConfig,
) -> FoldPictures:
    """The pictures that folds are made of.

    Args:
        prepared: all clean pictures.
        pictures: of the index; says which look alike, if that counts.
        class_names: in the order of the class ids.
        settings: of the cross-validation.
    """
    rows = without_test(prepared.manifest, settings)
    rows = rows[rows["parent"] == ""].sort_values("path", kind="stable", ignore_index=True)
    looks = pictures.get("looks_like", pictures["digest"])
    looks_like = rows["source"].map(dict(zip(pictures["path"], looks, strict=True)))
    rows = rows.assign(looks_like=looks_like)
    return FoldPictures(prepared, rows, class_ids(rows["label"], class_names), class_names)


def check_divisible(
    rows: pd.DataFrame, class_names: Sequence[str], *, schemes: Iterable[str], num_folds: int
) -> None:
    """Checks that folds can be made, of prepared pictures or before.

    Args:
        rows: columns label, group, source_digest and looks_like.
        class_names: in the order of the class ids.
        schemes: "random" or "group".
        num_folds: folds.

    Raises:
        ArtstyleError: naming the styles that are too small.
    """
    labels = class_ids(rows["label"], class_names)
    for scheme in schemes:
        clusters = clusters_of(rows, scheme)
        check_folds(labels, clusters, num_folds=num_folds, class_names=class_names)


def rows_before_preparation(
    pictures: pd.DataFrame, settings: CrossValidationConfig
) -> pd.DataFrame:
    """What `pictures_to_divide` will find if every picture can be read; for `check_divisible`.

    Args:
        pictures: of the index, with their splits.
        settings: of the cross-validation.
    """
    looks_like = pictures.get("looks_like", pictures["digest"])
    rows = pictures.assign(source_digest=pictures["digest"], looks_like=looks_like)
    return without_test(rows, settings)


def clusters_of(rows: pd.DataFrame, scheme: str) -> np.ndarray:
    """Pictures that must not be divided: copies; in the group scheme groups, too."""
    copies = (rows["source_digest"], rows["looks_like"])
    return connected(*copies) if scheme == "random" else connected(*copies, rows["group"])
