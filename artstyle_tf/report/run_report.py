"""Write the report of one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from PIL import Image

from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.reading.thumbnail_uris import image_uri
from artstyle_tf.metrics.neighbors import nearest_neighbors
from artstyle_tf.plots.heat_overlay import overlay_heat
from artstyle_tf.plots.neighbor_sheet import NUM_NEIGHBORS
from artstyle_tf.prediction.grad_cam import GradCam
from artstyle_tf.report.atlas_points import find_atlas
from artstyle_tf.report.page import PageImages
from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.related_results import read_related_results
from artstyle_tf.report.report_paths import report_file
from artstyle_tf.report.run_facts import RunFacts, read_run_facts
from artstyle_tf.report.run_page import HEAT, LARGE, render_run_page
from artstyle_tf.report.sections.atlas import Atlas
from artstyle_tf.report.sections.data import sample_paths
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.served_run import ServedRun, load_served_run
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import Reporter

_MOST_QUERIES = 12
_LARGE_PX = 224
_BATCH_SIZE = 8


def write_run_report(run: RunDirectory, settings: ReportExperiment, reporter: Reporter) -> Path:
    """Write the page of a finished run and return its path; `settings.runs` is not read.

    Raises:
        ArtstyleError: if the run is not finished, or the page cannot be written.
    """
    facts = read_run_facts(run)
    related = read_related_results(facts, run.path.parent.parent)
    atlas = find_atlas(run, facts, related, most=settings.max_images, seed=settings.seed)
    files = PreparedFiles(run, facts)
    mistakes = facts.evaluated.mistakes().head(settings.max_mistakes)["path"].tolist()
    explained = mistakes if settings.grad_cam else []
    heat, near = _explain(run, facts, files, explained, reporter)
    uris = _small_images(facts, atlas, near, files, settings, reporter)
    large = files.thumbnails(mistakes, _LARGE_PX, reporter)
    uris |= {f"{LARGE}{path}": uri for path, uri in large.items()}
    uris |= {f"{HEAT}{path}": image_uri(image) for path, image in heat.items()}
    page = render_run_page(
        facts,
        related,
        PageImages(uris),
        atlas=atlas,
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
    reporter: Reporter,
) -> tuple[dict[str, Image.Image], list[dict[str, Any]]]:
    """Compute Grad-CAM overlays of mistakes and, for an embedding, neighbors of some images.

    Returns:
        path -> overlay, in the aspect ratio of the image; rows of the neighbors section.
    """
    queries = _queries(facts.evaluated.predictions) if facts.is_embedding else pd.DataFrame()
    paths = files.known([*mistakes, *queries.get("path", ())])
    if not paths:
        return {}, []
    served = load_served_run(run)
    predicted = facts.evaluated.predictions.set_index("path")["prediction"]
    sources = dict(zip(facts.images["path"], facts.images["source"], strict=True))
    digests = dict(zip(facts.images["source"], facts.images["source_digest"], strict=True))
    grad_cam = GradCam(keras.Model(served.network.input, served.network.outputs[0]))
    store = ImageStore(
        [files.of(path) for path in paths],
        image_size_px=served.image_size_px,
        aspect=served.aspect,
    )
    heat: dict[str, Image.Image] = {}
    near: dict[str, list[dict[str, Any]]] = {}
    starts = range(0, len(paths), _BATCH_SIZE)
    what = "Computing Grad-CAM" if mistakes else "Finding neighbors"
    for start in reporter.track(starts, total=len(starts), description=what, unit="batches"):
        batch = paths[start : start + _BATCH_SIZE]
        images = np.stack([store.load(start + number).numpy() for number in range(len(batch))])
        pixels = images.astype(np.float32)
        if served.gallery is None:
            numbers = [served.class_names.index(predicted[path]) for path in batch]
            directions = np.eye(len(served.class_names), dtype=np.float32)[numbers]
        else:
            neighbors, directions = _neighbors(
                served, pixels, np.array([digests[path] for path in batch])
            )
            near |= dict(zip(batch, neighbors, strict=True))
        if not any(path in mistakes for path in batch):
            continue
        maps = grad_cam.heat_maps(pixels, directions)
        for path, image, one in zip(batch, images, maps, strict=True):
            if path in mistakes:
                overlay = Image.fromarray(overlay_heat(image, one))
                heat[path] = overlay.resize(_shape(files.of(path), served))
    return heat, [
        {
            "path": row["path"],
            "label": row["label"],
            "prediction": row["prediction"],
            "is_right": row["label"] == row["prediction"],
            "found": [
                {
                    **found,
                    "path": sources.get(found["path"], found["path"]),
                    "is_same": found["label"] == row["label"],
                }
                for found in near[row["path"]]
            ],
        }
        for row in queries.to_dict("records")
        if row["path"] in near
    ]


def _neighbors(
    run: ServedRun, pixels: np.ndarray, digests: np.ndarray
) -> tuple[list[list[dict[str, Any]]], np.ndarray]:
    """Return path, label and distance of each image's neighbors, and the nearest embeddings."""
    gallery = run.gallery
    assert gallery is not None
    # Called directly, because `predict` would first compile, which takes longer for a few images.
    outputs = run.network(pixels, training=False)
    found = nearest_neighbors(
        keras.ops.convert_to_numpy(outputs),
        gallery.embeddings,
        num_neighbors=min(NUM_NEIGHBORS, len(gallery)),
        query_groups=digests,
        gallery_groups=gallery.ids,
    )
    rows = [
        [
            {
                "path": str(gallery.paths[position]),
                "label": run.class_names[gallery.labels[position]],
                "distance": float(distance),
            }
            for position, distance in zip(positions, distances, strict=True)
            if position >= 0
        ]
        for positions, distances in zip(found.positions, found.distances, strict=True)
    ]
    return rows, gallery.embeddings[found.positions[:, 0]]


def _shape(file: Path, run: ServedRun) -> tuple[int, int]:
    """Return width and height of an overlay; cropped or padded images stay square."""
    if run.aspect != "squash":
        return _LARGE_PX, _LARGE_PX
    with Image.open(file) as image:
        width, height = image.size
    scale = _LARGE_PX / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _queries(predictions: pd.DataFrame) -> pd.DataFrame:
    """Choose one image per style: the most confident mistake, else the least confident image."""
    is_wrong = predictions["prediction"] != predictions["label"]
    order = predictions["confidence"].where(~is_wrong, -1 - predictions["confidence"])
    first = predictions.assign(order=order).sort_values("order", kind="stable")
    return first.drop_duplicates("label").head(_MOST_QUERIES)


def _small_images(
    facts: RunFacts,
    atlas: Atlas | None,
    near: Sequence[dict[str, Any]],
    files: PreparedFiles,
    settings: ReportExperiment,
    reporter: Reporter,
) -> dict[str, str]:
    """Return path -> data URI; evaluated images come first if there are too many."""
    paths: list[Any] = list(facts.evaluated.predictions["path"])
    paths += [found["path"] for row in near for found in row["found"]]
    paths += [path for name in facts.class_names for path in sample_paths(facts, name)]
    paths += [] if atlas is None else list(atlas.points["path"])
    chosen = files.known(paths)[: settings.max_images]
    return files.thumbnails(chosen, settings.thumbnail_px, reporter)
