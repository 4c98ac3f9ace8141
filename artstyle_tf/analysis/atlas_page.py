"""The atlas of an analysis: which pictures, in which colours, with thumbnails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from artstyle_tf.analysis.analyzed_images import AnalyzedPictures
from artstyle_tf.analysis.atlas import Colouring, can_draw_atlas, write_atlas_page
from artstyle_tf.analysis.feature_views import (
    GROUPS_IN_COLOUR,
    NOTE_OF_PREDICTIONS,
    correctness,
)
from artstyle_tf.analysis.projection import PROJECTION_IN_WORDS
from artstyle_tf.images.reading.thumbnail_uris import thumbnail_uris
from artstyle_tf.plots.projection_map import (
    MOST_CATEGORIES,
    OTHERS,
    category_look,
    largest_categories,
)
from artstyle_tf.plots.theme import GREY
from artstyle_tf.system.progress import Reporter

MOST_POINTS = 20_000
"""A browser shows so many without trouble; with thumbnails they make a page of some 60 MB."""


def write_atlas(
    pictures: AnalyzedPictures,
    table: pd.DataFrame,
    shown_first: str,
    *,
    file: Path,
    title: str,
    thumbnail_px: int,
    reporter: Reporter,
) -> Path | None:
    """Writes the page, of the first 20,000 pictures at most.

    Args:
        pictures: N pictures.
        table: of the analysis, N rows.
        shown_first: the projection that the page starts with.
        file: to write.
        title: of the page.
        thumbnail_px: longer side of the thumbnails.
        reporter: where progress goes.

    Returns:
        The file; None if Bokeh is not installed.
    """
    if not can_draw_atlas():
        reporter.warn(
            "The atlas is left out because Bokeh is not installed: "
            "pip install 'artstyle-tf[analysis]'."
        )
        return None
    if len(table) > MOST_POINTS:
        reporter.info(f"The atlas shows {MOST_POINTS:,} of {len(table):,} pictures.")
        table = table.iloc[:MOST_POINTS]
    found = [name for name in PROJECTION_IN_WORDS if f"{name}_x" in table]
    ordered = sorted(found, key=lambda name: name != shown_first)
    files = [pictures.root / path for path in pictures.rows["path"].iloc[: len(table)]]
    write_atlas_page(
        file,
        table,
        [uri or "" for uri in thumbnail_uris(files, thumbnail_px, reporter)],
        _colourings(table),
        {name: PROJECTION_IN_WORDS[name] for name in ordered},
        title=title,
        note=f"Point at a picture to see it. {NOTE_OF_PREDICTIONS[0].upper()}"
        f"{NOTE_OF_PREDICTIONS[1:]}.",
    )
    return file


def _colourings(table: pd.DataFrame) -> dict[str, Colouring]:
    clusters = [f"cluster {number:02d}" for number in table["cluster"]]
    is_known = (table["prediction"] != "").to_numpy()
    is_right = (table["prediction"] == table["label"]).to_numpy()
    predictions = table["prediction"].where(is_known, "not predicted")
    columns = {
        "style": largest_categories(table["label"].tolist(), most=MOST_CATEGORIES),
        "cluster": largest_categories(clusters, most=MOST_CATEGORIES),
        "prediction": largest_categories(predictions.tolist(), most=MOST_CATEGORIES),
        "correctness": correctness(np.where(is_known, is_right, -1), np.ones(len(table), int)),
        "split": largest_categories(table["split"].tolist(), most=MOST_CATEGORIES),
    }
    if table["group"].duplicated().any():
        columns["group"] = largest_categories(table["group"].tolist(), most=GROUPS_IN_COLOUR)
    return {
        name: Colouring(
            np.asarray(categories),
            names,
            [(GREY, "o") if text == OTHERS else category_look(n) for n, text in enumerate(names)],
        )
        for name, (categories, names) in columns.items()
    }
