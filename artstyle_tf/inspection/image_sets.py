"""Sets of images: copies of one image, and the groups of a style."""

from __future__ import annotations

import numpy as np
import pandas as pd

_COPY_COLUMNS = ["code", "set", "path", "label", "split"]


def find_copies(images: pd.DataFrame) -> pd.DataFrame:
    """List images that are the same file, or look the same, set by set.

    Args:
        images: columns path, label, digest, looks_like and split ("" where there is none).

    Returns:
        One row per image of each set, with the columns code, set, path, label and split. Code is
        "exact_duplicates" for files with the same bytes, "near_duplicates" for images that only
        look the same, either with "_across_styles" if they lie in several styles; sets are
        numbered from 1. Of several files with the same bytes the first represents all among the
        near duplicates, so that no pair of images is listed twice.
    """
    ordered = images.sort_values("path", kind="stable")
    first_of_each = ordered.drop_duplicates("digest")
    found = [
        *_repeated("exact_duplicates", ordered, "digest"),
        *_repeated("near_duplicates", first_of_each, "looks_like"),
    ]
    tables = [rows.assign(code=code, set=n) for n, (code, rows) in enumerate(found, start=1)]
    empty = pd.DataFrame(columns=_COPY_COLUMNS)
    return pd.concat([empty, *(table[_COPY_COLUMNS] for table in tables)], ignore_index=True)


def _repeated(code: str, images: pd.DataFrame, column: str) -> list[tuple[str, pd.DataFrame]]:
    repeated = images[images[column].duplicated(keep=False)]
    return [
        (f"{code}_across_styles" if rows["label"].nunique() > 1 else code, rows)
        for _, rows in repeated.groupby(column, sort=False)
    ]


def measure_groups(images: pd.DataFrame) -> pd.DataFrame:
    """Describe the groups of each style.

    Args:
        images: columns label and group.

    Returns:
        One row per style, sorted by name: label, num_images, num_groups, effective_groups (the
        number of equal groups for which two images would be as likely of one group: 1 / sum of
        squared shares, Simpson 1949), largest_group, largest_count, largest_share.
    """
    rows = []
    for label, groups in images.groupby("label")["group"]:
        counts = groups.value_counts()
        # Of equally large groups the first by name, independent of the order of the images.
        largest = min(counts.index[counts == counts.iloc[0]])
        shares = counts / counts.sum()
        rows.append(
            {
                "label": label,
                "num_images": int(counts.sum()),
                "num_groups": len(counts),
                "effective_groups": float(1 / (shares**2).sum()),
                "largest_group": str(largest),
                "largest_count": int(counts.iloc[0]),
                "largest_share": float(shares.iloc[0]),
            }
        )
    return pd.DataFrame(rows)


def largest_shares(images: pd.DataFrame, *, num_largest: int) -> pd.DataFrame:
    """Compute the shares of each style's K largest groups, from the columns label and group.

    Returns:
        float, styles in the index, columns 1 to K; the rest to 1 is the share of all other groups.
    """
    rows = {}
    for label, groups in images.groupby("label")["group"]:
        shares = groups.value_counts(normalize=True).to_numpy()[:num_largest]
        rows[label] = np.pad(shares, (0, num_largest - len(shares)))
    return pd.DataFrame.from_dict(rows, "index", columns=list(range(1, num_largest + 1)))
