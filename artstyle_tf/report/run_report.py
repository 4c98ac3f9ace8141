"""The report of one run: everything that is known about it, read and put on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.images.reading.thumbnail_uris import image_uri, thumbnail_uris
from artstyle_tf.report.atlas_points import find_atlas
from artstyle_tf.report.explained_images import (
    Explained,
    ImageToExplain,
    explain_images,
)
from artstyle_tf.report.further_reading import read_further_results
from artstyle_tf.report.places import report_file
from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.run_facts import Atlas, NeighborRow, RunFacts
from artstyle_tf.report.run_page import HEAT, LARGE, render_run_page
from artstyle_tf.report.run_reading import read_run_facts
from artstyle_tf.report.sections.data import sample_paths
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.report.shelf import ImageShelf
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_model import load_served_run
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import Reporter

_MOST_QUERIES = 12
_LARGE_PX = 224


def write_run_report(run: RunDirectory, settings: ReportExperiment, reporter: Reporter) -> Path:
    """Writes report.html into the directory of a finished run.

    Args:
        run: its directory.
        settings: how much goes in, and where the page goes; `runs` is not read.
        reporter: where progress goes.

    Returns:
        The page.

    Raises:
        ArtstyleError: if the run is not finished, or the page cannot be written.
    """
    facts = read_run_facts(run)
    further = read_further_results(facts, run.path.parent.parent)
    points = find_atlas(run, facts, further, most=settings.max_images, seed=settings.seed)
    files = PreparedFiles(run, facts)
    mistakes = facts.judged.mistakes().head(settings.max_mistakes)["path"].tolist()
    explained, near = _explain(run, facts, files, mistakes, settings, reporter)
    uris = _small_images(facts, points, near, files, settings, reporter)
    large = files.known(mistakes)
    made = thumbnail_uris([files.of(path) for path in large], _LARGE_PX, reporter)
    uris |= {f"{LARGE}{path}": uri for path, uri in zip(large, made, strict=True) if uri}
    uris |= {f"{HEAT}{path}": image_uri(image) for path, image in explained.heat.items()}
    page = render_run_page(
        facts,
        further,
        ImageShelf(uris),
        points=points,
        near=near,
        max_mistakes=settings.max_mistakes,
    )
    file = report_file(run, settings)
    write_text(file, page)
    return file


def _explain(
    run: RunDirectory,
    facts: RunFacts,
    files: PreparedFiles,
    mistakes: Sequence[str],
    settings: ReportExperiment,
    reporter: Reporter,
) -> tuple[Explained, list[NeighborRow]]:
    """Overlays of the mistakes and, for an embedding, neighbors of some images."""
    queries = _queries(facts.judged.predictions) if facts.is_embedding else pd.DataFrame()
    asked = [*(mistakes if settings.grad_cam else ()), *queries.get("path", ())]
    if not files.known(asked):
        return Explained(), []
    served = load_served_run(run)
    predictions = facts.judged.predictions
    numbers = {name: number for number, name in enumerate(facts.class_names)}
    said = dict(zip(predictions["path"], predictions["prediction"].map(numbers), strict=True))
    explained = explain_images(
        served,
        [
            ImageToExplain(path, files.of(path), files.digest(path), said[path])
            for path in files.known(asked)
        ],
        with_heat=set(mistakes) if settings.grad_cam else set(),
        side_px=_LARGE_PX,
        reporter=reporter,
    )
    if served.gallery is None:
        return explained, []
    rows = zip(facts.images["path"], facts.images["source"], strict=True)
    source_of, gallery = dict(rows), served.gallery
    near = [
        NeighborRow(
            path=row["path"],
            label=row["label"],
            prediction=row["prediction"],
            neighbors=[
                (
                    source_of.get(str(gallery.paths[position]), str(gallery.paths[position])),
                    facts.class_names[int(gallery.labels[position])],
                    distance,
                )
                for position, distance in explained.near[row["path"]]
            ],
        )
        for row in queries.to_dict("records")
        if row["path"] in explained.near
    ]
    return explained, near


def _queries(predictions: pd.DataFrame) -> pd.DataFrame:
    """Of each style the surest mistake, or what it was least sure of; mistakes first."""
    is_wrong = predictions["prediction"] != predictions["label"]
    order = predictions["confidence"].where(~is_wrong, -1 - predictions["confidence"])
    first = predictions.assign(order=order).sort_values("order", kind="stable")
    return first.drop_duplicates("label").head(_MOST_QUERIES)


def _small_images(
    facts: RunFacts,
    points: Atlas | None,
    near: Sequence[NeighborRow],
    files: PreparedFiles,
    settings: ReportExperiment,
    reporter: Reporter,
) -> dict[str, str]:
    """Path -> data URI; what judges comes first, should there be too many."""
    wanted: list[Any] = list(facts.judged.predictions["path"])
    wanted += [path for row in near for path, _, _ in row.neighbors]
    wanted += [path for name in facts.class_names for path in sample_paths(facts, name)]
    wanted += [] if points is None else list(points.points["path"])
    paths = files.known(wanted)[: settings.max_images]
    made = thumbnail_uris([files.of(path) for path in paths], settings.thumbnail_px, reporter)
    return {path: uri for path, uri in zip(paths, made, strict=True) if uri}
