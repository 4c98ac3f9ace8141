"""Sets of images that are the same file, or look the same."""

from __future__ import annotations

import pandas as pd

COLUMNS = ("code", "set", "path", "label", "split")


def find_copies(images: pd.DataFrame) -> pd.DataFrame:
    """Lists copies, set by set.

    Args:
        images: columns path, label, digest, looks_like and split ("" where there is none).

    Returns:
        One row for each image of each set, with the columns `COLUMNS`. Code is
        "exact_duplicates" for files with the same bytes, "near_duplicates" for images that only
        look the same, either with "_across_styles" if they lie in several styles; sets are
        numbered from 1. Of several files with the same bytes the first stands for all when
        likeness is looked for, so that no pair of images is told twice.
    """
    ordered = images.sort_values("path", kind="stable")
    first_of_each = ordered.drop_duplicates("digest")
    found = [
        *_sets("exact_duplicates", ordered, "digest"),
        *_sets("near_duplicates", first_of_each, "looks_like"),
    ]
    tables = [
        rows[["path", "label", "split"]].assign(code=code, set=number)
        for number, (code, rows) in enumerate(found, start=1)
    ]
    return pd.concat([pd.DataFrame(columns=list(COLUMNS)), *tables])[list(COLUMNS)].reset_index(
        drop=True
    )


def _sets(code: str, images: pd.DataFrame, column: str) -> list[tuple[str, pd.DataFrame]]:
    repeated = images[images[column].duplicated(keep=False)]
    return [
        (f"{code}_across_styles" if rows["label"].nunique() > 1 else code, rows)
        for _, rows in repeated.groupby(column, sort=False)
    ]
