"""How much of a style is by one artist, or from one film."""

from __future__ import annotations

import numpy as np
import pandas as pd


def measure_groups(images: pd.DataFrame) -> pd.DataFrame:
    """Describes the groups of each style.

    Args:
        images: columns label and group.

    Returns:
        One row a style, in order of name: label, num_images, num_groups, effective_groups (as
        many equal groups would be as likely to give two images of one group: 1 / sum of squared
        shares, Simpson 1949), largest_group, largest_count, largest_share.
    """
    rows = []
    for label, groups in images.groupby("label")["group"]:
        counts = groups.value_counts()
        # Of equally large groups the first by name, whatever the order of the images.
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
    """Shares of each style's largest groups.

    Args:
        images: columns label and group.
        num_largest: K.

    Returns:
        float, styles in the index, columns 1 to K; what is left of 1 are all other groups.
    """
    rows = {}
    for label, groups in images.groupby("label")["group"]:
        shares = groups.value_counts(normalize=True).to_numpy()[:num_largest]
        rows[label] = np.pad(shares, (0, num_largest - len(shares)))
    return pd.DataFrame.from_dict(rows, "index", columns=list(range(1, num_largest + 1)))
