"""Read and validate the tables of a run, for every verb; see `runs.run_files`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from artstyle_tf.images.index.image_tables import read_csv_table
from artstyle_tf.images.index.near_duplicates import hashes_from_text
from artstyle_tf.images.splits.leaks import COLUMNS as LEAK_COLUMNS
from artstyle_tf.runs.run_files import not_as_expected
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import leads_out

SPLITS = ("train", "val", "test")

_COLUMNS_OF_IMAGES = ("path", "label", "split", "source", "source_digest", "parent", "digest")
_MOST_EPOCHS = 10**9
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHARES = ("precision", "recall", "f1", "confidence", "accuracy", "coverage", "threshold")
_TEXT_OF_HISTORY = ("phase", "alarm")


def read_images(path: Path, class_names: Sequence[str]) -> pd.DataFrame:
    """Read images.csv, the prepared images of a run.

    Returns:
        All columns as strings; every path is relative to the image folder and below it.

    Raises:
        ArtstyleError: if the table is missing or damaged, or a value is not valid.
    """
    table = _read(path, _COLUMNS_OF_IMAGES)
    _check_names(path, table, "label", class_names)
    _check_names(path, table, "split", SPLITS)
    _check_unique(path, table, "path")
    for column in ("path", "source", "parent"):
        names = table[column] if column != "parent" else table["parent"][table["parent"] != ""]
        outside = [name for name in names if leads_out(name)]
        if outside:
            problem = f"{outside[0]!r} is outside the image folder"
            raise not_as_expected(path, f"column {column}", problem)
    for column in ("source_digest", "digest"):
        wrong = [text for text in table[column] if not _DIGEST.fullmatch(text)]
        if wrong:
            problem = f"{wrong[0][:80]!r} is no SHA-256 digest"
            raise not_as_expected(path, f"column {column}", problem)
    if "perceptual_hash" in table:
        try:
            hashes_from_text(table["perceptual_hash"].tolist())
        except ValueError as error:
            raise not_as_expected(path, "column perceptual_hash", str(error)) from error
    if not (table["split"] == "train").any():
        raise not_as_expected(path, "column split", "there are no training images")
    return table


def read_predictions(
    path: Path, class_names: Sequence[str] | None = None, *, with_confidence: bool
) -> pd.DataFrame:
    """Read the predictions of a model for the images of a part.

    Args:
        path: of the table.
        class_names: of the run, or None to accept any labels and predictions.
        with_confidence: whether confidence and the probability of each class are required.

    Returns:
        path, label and prediction as strings; confidence and probabilities as float64.
    """
    table = _read(path, ("path", "label", "prediction"))
    _check_unique(path, table, "path")
    if class_names is not None:
        for column in ("label", "prediction"):
            _check_names(path, table, column, class_names)
    if not with_confidence:
        return table
    columns = ["confidence", *(f"probability_{name}" for name in class_names or ())]
    return _with_numbers(path, table, columns, shares=columns)


def read_per_class(path: Path, class_names: Sequence[str]) -> pd.DataFrame:
    """Read the scores of each class; undefined scores are NaN."""
    table = _read(path, ("class", "precision", "recall", "f1", "support"))
    _check_names(path, table, "class", class_names)
    _check_unique(path, table, "class")
    return _with_numbers(
        path, table, [name for name in table if name != "class"], shares=_SHARES, missing=True
    )


def read_curve(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read the points of a curve, such as reliability.csv, without incomplete rows."""
    table = _read(path, columns)
    return _with_numbers(path, table, list(table), shares=_SHARES, missing=True).dropna()


def read_history(path: Path) -> pd.DataFrame:
    """Read history.csv: one row per epoch."""
    table = _read(path, ("epoch", "phase"))
    numbers = [name for name in table if name not in _TEXT_OF_HISTORY]
    # The loss of an epoch that ended in an alarm may be infinite.
    table = _with_numbers(path, table, numbers, shares=(), missing=True, infinite=True)
    epochs = table["epoch"]
    if not ((epochs >= 0) & (epochs < _MOST_EPOCHS) & (epochs % 1 == 0)).all():
        raise not_as_expected(path, "column epoch", "should hold numbers of epochs")
    for name in set(_TEXT_OF_HISTORY) & set(table):
        table[name] = table[name].replace("", np.nan)
    return table.astype({"epoch": int})


def read_leaks(path: Path) -> pd.DataFrame:
    """Read leaks.csv; see `images.splits.leaks.find_leaks`."""
    return _read(path, LEAK_COLUMNS, may_be_empty=True)


def _read(path: Path, columns: Sequence[str], *, may_be_empty: bool = False) -> pd.DataFrame:
    """Read a CSV file with all cells as strings."""
    try:
        table = read_csv_table(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError, OverflowError) as error:  # pandas' parser errors are ValueErrors
        reason = getattr(error, "strerror", None) or str(error)
        raise _cannot_read(path, reason) from error
    table = table.fillna("")  # missing cells of a short row
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise _cannot_read(path, f"no column {', '.join(lacking)}")
    if table.empty and not may_be_empty:
        raise _cannot_read(path, "it has no rows")
    if not isinstance(table.index, pd.RangeIndex):
        raise _cannot_read(path, "its rows have more cells than columns")
    return table


def _cannot_read(path: Path, reason: str) -> ArtstyleError:
    return ArtstyleError(
        f"The run's table {path} cannot be read",
        received=" ".join(reason.split())[:200],
        fix="restore it from a copy, or train the run again",
    )


def _check_names(path: Path, table: pd.DataFrame, column: str, known: Sequence[str]) -> None:
    unknown = table[column][~table[column].isin(list(known))]
    if len(unknown):
        problem = f"{unknown.iloc[0][:80]!r} is none of {', '.join(known)[:200]}"
        raise not_as_expected(path, f"column {column}", problem)


def _check_unique(path: Path, table: pd.DataFrame, column: str) -> None:
    twice = table[column][table[column].duplicated()]
    if len(twice):
        raise not_as_expected(path, f"column {column}", f"{twice.iloc[0][:200]!r} is there twice")


def _with_numbers(
    path: Path,
    table: pd.DataFrame,
    columns: Sequence[str],
    *,
    shares: Sequence[str],
    missing: bool = False,
    infinite: bool = False,
) -> pd.DataFrame:
    """Convert columns to float64 and check that they are finite, or empty if allowed."""
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise _cannot_read(path, f"no column {', '.join(lacking)}")
    for name in columns:
        texts = table[name]
        is_empty = texts.str.lower().isin(("", "nan")) & missing
        numbers = pd.to_numeric(texts.where(~is_empty), errors="coerce").to_numpy(dtype=float)
        wrong = ~is_empty.to_numpy() & np.isnan(numbers)
        wrong |= np.isinf(numbers) & (not infinite)
        if name in shares:
            wrong |= (numbers < -_ROUNDING) | (numbers > 1 + _ROUNDING)
        if wrong.any():
            expected = "a share between 0 and 1" if name in shares else "a finite number"
            problem = f"{texts[wrong].iloc[0][:80]!r} is not {expected}"
            raise not_as_expected(path, f"column {name}", problem)
        table[name] = numbers
    return table


_ROUNDING = 1e-5
"""Probabilities are written with six digits, and are sums of such."""
