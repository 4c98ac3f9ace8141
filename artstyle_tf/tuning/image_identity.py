"""What the images of a study are, wherever they lie."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pandas as pd


def identity_of(table: pd.DataFrame) -> dict[str, Any]:
    """Digests that are equal on two machines only if trials there are judged on the same images.

    Args:
        table: of the images, with the columns path (relative to the image folder), digest (of the
            file), label, group and split, in any order.

    Returns:
        Entries for the description of a study: `images` (how many, and a digest of paths and
        files), `styles`, `groups` and `split` (digests of what they are for each image).
    """
    ordered = table.sort_values("path")
    return {
        "images": f"{len(ordered)} files, {_digest(ordered, 'digest')}",
        "styles": _digest(ordered, "label"),
        "groups": _digest(ordered, "group"),
        "split": _digest(ordered, "split"),
    }


def _digest(table: pd.DataFrame, column: str) -> str:
    rows = list(zip(table["path"].astype(str), table[column].astype(str), strict=True))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
