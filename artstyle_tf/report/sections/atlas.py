"""The embedding map: images as points; similar images lie close together.

Drawn as SVG with a short script instead of embedding a plotting library, whose script alone takes a
megabyte: points can be printed, follow dark mode, and are reachable by keyboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.plots.projection_map import CATEGORY_COLORS, CATEGORY_MARKERS
from artstyle_tf.report.axes import Scale
from artstyle_tf.report.page import PageImages

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


@dataclass(frozen=True)
class Atlas:
    """Images as points.

    Attributes:
        points: path, label, split, prediction, confidence (the last two may be missing), x, y.
        note: where the points come from, as a sentence.
    """

    points: pd.DataFrame
    note: str


def atlas(
    found: Atlas | None, class_names: Sequence[str], images: PageImages
) -> dict[str, Any] | None:
    """Return positions, colors, shapes and tooltips of the points; None if there are none."""
    if found is None or found.points.empty:
        return None
    points = found.points
    x, y = (_scale(points[axis], is_up=axis == "y") for axis in "xy")
    names = list(class_names)
    nothing = pd.Series([None] * len(points), index=points.index)
    predictions = points.get("prediction", nothing)
    confidences = points.get("confidence", nothing).astype(float)
    columns = (points[name] for name in ("x", "y", "label", "split", "path"))
    marks, tooltips = [], []
    for across, up, label, split, path, prediction, confidence in zip(
        *columns, predictions, confidences, strict=True
    ):
        has_prediction = isinstance(prediction, str)
        position = x(float(across)), y(float(up)), names.index(label)
        is_wrong = has_prediction and prediction != label
        marks.append(
            {"x": position[0], "y": position[1], "style": position[2], "is_wrong": is_wrong}
        )
        # For the page's script: position, style, prediction, confidence, split, image, path.
        tooltips.append(
            [
                *position,
                prediction if has_prediction else None,
                None if np.isnan(confidence) else round(float(confidence), 3),
                split,
                images.number(path),
                path,
            ]
        )
    counts = points["label"].value_counts()
    return {
        "side": _SIDE_PX,
        "note": found.note,
        "num_wrong": sum(mark["is_wrong"] for mark in marks),
        "marks": marks,
        "styles": [
            {
                "name": name,
                "count": int(counts.get(name, 0)),
                "color": number % len(CATEGORY_COLORS),  # of the page's palette
                "shape": _SHAPES[CATEGORY_MARKERS[number % len(CATEGORY_MARKERS)]],
            }
            for number, name in enumerate(names)
        ],
        "facts": tooltips,
    }


def _scale(values: pd.Series, *, is_up: bool) -> Scale:
    low, high = float(values.min()), float(values.max())
    if high <= low:
        low, high = low - 1, low + 1
    ends = (_MARGIN_PX, _SIDE_PX - _MARGIN_PX)
    return Scale(low, high, *(reversed(ends) if is_up else ends))
