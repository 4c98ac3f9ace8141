"""Images as points: what the network finds alike lies together.

Drawn as SVG and moved by the page's own few lines instead of embedding a plotting library, whose
script alone takes a megabyte: points can be printed, follow dark mode, and be walked through by
keyboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.plots.projection_map import CATEGORY_COLORS, CATEGORY_MARKERS
from artstyle_tf.report.run_facts import Atlas
from artstyle_tf.report.scales import Scale
from artstyle_tf.report.shelf import ImageShelf

_SIDE_PX, _MARGIN_PX = 640, 14

# Around (0, 0), of about the same area.
_SHAPES = {
    "o": "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0z",
    "^": "M0,-5.4L5,3.6L-5,3.6z",
    "s": "M-4,-4H4V4H-4z",
    "D": "M0,-5.6L5.6,0L0,5.6L-5.6,0z",
    "v": "M0,5.4L5,-3.6L-5,-3.6z",
    "P": "M-1.7,-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7z",
}


def atlas(
    found: Atlas | None, class_names: Sequence[str], shelf: ImageShelf
) -> dict[str, Any] | None:
    """Places, looks and facts of the points; None if there are none."""
    if found is None or found.points.empty:
        return None
    points = found.points
    x, y = (_scale(points[axis], is_up=axis == "y") for axis in "xy")
    names = list(class_names)
    numbers = [names.index(label) for label in points["label"]]
    says = points.get("prediction", pd.Series([None] * len(points), index=points.index))
    sure = points.get("confidence", pd.Series([np.nan] * len(points), index=points.index))
    rows = zip(points["x"], points["y"], numbers, says, points["label"], strict=True)
    marks = [
        {
            "x": x(float(across)),
            "y": y(float(up)),
            "style": number,
            "is_wrong": isinstance(said, str) and said != label,
        }
        for across, up, number, said, label in rows
    ]
    counts = points["label"].value_counts()
    return {
        "side": _SIDE_PX,
        "note": found.note,
        "num_wrong": sum(mark["is_wrong"] for mark in marks),
        "marks": marks,
        "styles": [
            {"name": name, "count": int(counts.get(name, 0)), **look(number)}
            for number, name in enumerate(names)
        ],
        # What the page's script shows: place, style, what is said, how sure, split, image, path.
        "facts": [
            [
                mark["x"],
                mark["y"],
                mark["style"],
                said if isinstance(said, str) else None,
                None if np.isnan(confidence) else round(float(confidence), 3),
                split,
                shelf.number(path),
                path,
            ]
            for mark, said, confidence, split, path in zip(
                marks, says, sure, points["split"], points["path"], strict=True
            )
        ],
    }


def look(number: int) -> dict[str, Any]:
    """Color, as a number of the page's palette, and shape of a style."""
    marker = CATEGORY_MARKERS[number % len(CATEGORY_MARKERS)]
    return {"color": number % len(CATEGORY_COLORS), "shape": _SHAPES[marker]}


def _scale(values: pd.Series, *, is_up: bool) -> Scale:
    low, high = float(values.min()), float(values.max())
    if high <= low:
        low, high = low - 1, low + 1
    ends = (_MARGIN_PX, _SIDE_PX - _MARGIN_PX)
    return Scale(low, high, *(reversed(ends) if is_up else ends))
