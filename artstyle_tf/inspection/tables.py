"""The tables of an inspection."""

from __future__ import annotations

import numpy as np
import pandas as pd

from artstyle_tf.inspection.augmentation_preview import AugmentationPreview
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.survey import MEASURES
from artstyle_tf.runs.run_directory import RunDirectory

_SIZES = ("width_px", "height_px", "aspect", "megapixels", "bytes_per_pixel")
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def write_tables(
    place: RunDirectory, inspection: Inspection, preview: AugmentationPreview | None
) -> None:
    """Writes all tables as CSV files into the run's folder.

    Args:
        place: of the run.
        inspection: what was found out.
        preview: of augmentation.
    """
    tables = {
        "images": inspection.images,
        "class_counts": inspection.counts.rename_axis("label").reset_index(),
        "formats": _formats(inspection.readable),
        "measures": _measures(inspection.readable),
        "channel_densities": _densities(inspection.histograms),
        "style_tests": inspection.by_measure,
        "style_pairs": inspection.by_pair,
        "troubles": inspection.troubles,
        "copies": inspection.copies,
        "groups": inspection.groups,
        "training_groups": inspection.learned_groups,
    }
    if inspection.probe is not None:
        tables["file_properties"] = inspection.probe.importances
    if preview is not None:
        tables["augmentation_counts"] = preview.counts.reset_index()
        tables["augmentation_cost"] = preview.cost
    for name, table in tables.items():
        place.write_table(place.path / f"{name}.csv", table)


def _formats(readable: pd.DataFrame) -> pd.DataFrame:
    """How many images of each style are of each format, mode and color profile."""
    keys = ["label", "file_format", "mode", "color_profile"]
    return readable.groupby(keys).size().rename("num_images").reset_index()


def _measures(readable: pd.DataFrame) -> pd.DataFrame:
    """Mean, spread and quantiles of each measure in each style: one row for each of both."""
    values = readable[[*_SIZES, *MEASURES]]
    rows = []
    for label, of_style in values.groupby(readable["label"]):
        quantiles = of_style.quantile(list(_QUANTILES))
        for measure in of_style.columns:
            row = {"label": label, "measure": measure, "num_images": len(of_style)}
            row["mean"] = of_style[measure].mean()
            row["standard_deviation"] = of_style[measure].std()
            row.update({f"quantile_{100 * q:g}": quantiles.loc[q, measure] for q in _QUANTILES})
            rows.append(row)
    return pd.DataFrame(rows)


def _densities(histograms: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row for each style and bin of levels: first and last level, shares of three channels."""
    rows = []
    for label, shares in histograms.items():
        width = 256 // shares.shape[1]
        for number, (red, green, blue) in enumerate(shares.T):
            rows.append((label, number * width, (number + 1) * width - 1, red, green, blue))
    columns = ["label", "first_level", "last_level", "red", "green", "blue"]
    return pd.DataFrame(rows, columns=columns)
