"""What a model could learn from the files without looking at the images."""

from __future__ import annotations

import numpy as np
import pandas as pd

_NUMBERS = (
    "width_px",
    "height_px",
    "aspect",
    "megapixels",
    "size_bytes",
    "bytes_per_pixel",
    "jpeg_quality",
    "num_frames",
    "is_progressive",
    "has_exif",
)
_KINDS = ("file_format", "mode", "chroma_subsampling", "color_profile")
_MOST_KINDS = 8
_LEAST_TELLING = 0.9

PROPERTIES = (*_NUMBERS, *_KINDS)
"""Columns of a survey that have nothing to do with what is to be seen."""


def property_features(images: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """File properties as numbers.

    Args:
        images: readable ones, of a `Survey`.

    Returns:
        float64 [N, D], with NaN where a property is not known; and D names of properties. Formats
        and the like have one column for each of their most frequent values.
    """
    columns = {name: images[name].to_numpy(dtype=np.float64) for name in _NUMBERS}
    features, names = [], []
    for name, values in columns.items():
        features.append(values)
        names.append(name)
    for name in _KINDS:
        for value in images[name].value_counts().index[:_MOST_KINDS]:
            features.append((images[name] == value).to_numpy(dtype=np.float64))
            names.append(name)
    return np.stack(features, axis=1), names


def most_telling_property(images: pd.DataFrame, label: str) -> tuple[str, float, float] | None:
    """The number by which the files of one style differ most from those of all others.

    Args:
        images: readable ones, of a `Survey`.
        label: the style.

    Returns:
        The property and its medians in the style and elsewhere; None if no property tells more
        than `_LEAST_TELLING` of all pairs of a file of the style and one of another apart.
    """
    is_of_style = images["label"] == label
    best, found = _LEAST_TELLING, None
    for name in _NUMBERS:
        values = images[name].astype(float)
        own, others = values[is_of_style].dropna(), values[~is_of_style].dropna()
        if own.empty or others.empty:
            continue
        # The area under the curve: how often a file of the style has the larger value.
        ranks = pd.concat([own, others]).rank()[: len(own)]
        share = (ranks.sum() / len(own) - (len(own) + 1) / 2) / len(others)
        if max(share, 1 - share) > best:
            best = max(share, 1 - share)
            found = name, float(own.median()), float(others.median())
    return found
