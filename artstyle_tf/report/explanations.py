"""Explanations of predictions on a page, computed once for each image and model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.content_cache import facts_of_contents

LARGE_PX = 224
"""Longer side of a large image on a page."""

_MOST_QUERIES = 12
_VERSION = 1  # of what `explained_images` computes


class Explained(NamedTuple):
    """An image whose prediction is explained.

    Attributes:
        file: the prepared image.
        digest: SHA-256 of this file.
        source_digest: that of the image it was prepared from.
        prediction: name of the predicted style.
    """

    file: Path
    digest: str
    source_digest: str
    prediction: str


class Explanation(NamedTuple):
    """The explanation of a prediction.

    Attributes:
        overlay: data URI of the Grad-CAM overlay, in the aspect ratio of the image; None if it was
            not asked for.
        near: path, label and distance of the nearest training images; None for a classifier.
    """

    overlay: str | None
    near: list[dict[str, Any]] | None


def explain(
    run: RunDirectory,
    facts: RunFacts,
    files: PreparedFiles,
    mistakes: Sequence[str],
    compute: Callable[[list[Explained]], Iterable[Explanation]],
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Compute Grad-CAM overlays of mistakes and, for an embedding, neighbors of some images.

    Args:
        run: whose predictions are explained.
        facts: of the run.
        files: its prepared images.
        mistakes: paths of images whose overlays are shown.
        compute: yields the explanations of at least one image, with overlays if there are mistakes;
            called for images whose explanations are not known.

    Returns:
        path -> data URI of the overlay; rows of the neighbors section.
    """
    queries = _queries(facts.evaluated.predictions) if facts.is_embedding else pd.DataFrame()
    paths = files.known([*mistakes, *queries.get("path", ())])
    predicted = facts.evaluated.predictions.set_index("path")["prediction"]
    of_source = facts.images.set_index("source")["source_digest"]
    images = [
        Explained(files.of(path), files.digest(path), of_source[path], predicted[path])
        for path in paths
    ]
    explanations = facts_of_contents(
        _kind(run, with_overlays=bool(mistakes)),
        [f"{image.digest} {image.prediction}" for image in images],
        lambda numbers: compute([images[number] for number in numbers]) if numbers else [],
        encode=lambda explanation: json.dumps(explanation).encode(),
        decode=lambda stored: Explanation(*json.loads(stored)),
    )
    found = dict(zip(paths, explanations, strict=True))
    sources = dict(zip(facts.images["path"], facts.images["source"], strict=True))
    overlays = {path: found[path].overlay for path in mistakes if path in found}
    return {path: uri for path, uri in overlays.items() if uri}, [
        {
            "path": row["path"],
            "label": row["label"],
            "prediction": row["prediction"],
            "is_right": row["label"] == row["prediction"],
            "found": [
                {
                    **near,
                    "path": sources.get(near["path"], near["path"]),
                    "is_same": near["label"] == row["label"],
                }
                for near in found[row["path"]].near or ()
            ],
        }
        for row in queries.to_dict("records")
        if row["path"] in found
    ]


def _kind(run: RunDirectory, *, with_overlays: bool) -> str:
    """Name the explanations by everything that they depend on, apart from the image."""
    digests = " ".join(run.prediction_digests().values())
    return f"explanation {_VERSION}, overlay {with_overlays}, {digests}"


def _queries(predictions: pd.DataFrame) -> pd.DataFrame:
    """Choose one image per style: the most confident mistake, else the least confident image."""
    is_wrong = predictions["prediction"] != predictions["label"]
    order = predictions["confidence"].where(~is_wrong, -1 - predictions["confidence"])
    first = predictions.assign(order=order).sort_values("order", kind="stable")
    return first.drop_duplicates("label").head(_MOST_QUERIES)
