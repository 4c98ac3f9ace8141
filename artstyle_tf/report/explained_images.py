"""Explain predictions: Grad-CAM overlays and nearest neighbors, with the network of a run.

Importing this module imports TensorFlow; a page whose explanations are known needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.reading.thumbnail_uris import image_uri
from artstyle_tf.metrics.neighbors import nearest_neighbors
from artstyle_tf.plots.heat_overlay import overlay_heat
from artstyle_tf.plots.neighbor_sheet import NUM_NEIGHBORS
from artstyle_tf.prediction.grad_cam import GradCam
from artstyle_tf.report.explanations import LARGE_PX, Explained, Explanation
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.served_run import ServedRun, load_served_run
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.threads import in_batches

_BATCH_SIZE = 24  # a call takes a second, whatever the number of images


def explain_images(
    run: RunDirectory,
    images: Sequence[Explained],
    reporter: Reporter,
    *,
    model: keras.Model | None,
    with_overlays: bool,
) -> Iterator[Explanation]:
    """Yield the explanation of each image.

    Args:
        run: whose predictions are explained.
        images: of the run, in the splits that were evaluated.
        reporter: where progress goes.
        model: the run's, if it is loaded already.
        with_overlays: whether to compute Grad-CAM.

    Raises:
        ArtstyleError: if the model cannot be loaded.
    """
    served = load_served_run(run, model=model)
    grad_cam = GradCam(keras.Model(served.network.input, served.network.outputs[0]))
    store = ImageStore(
        [image.file for image in images], image_size_px=served.image_size_px, aspect=served.aspect
    )
    batches = list(in_batches(range(len(images)), _BATCH_SIZE))
    what = "Computing Grad-CAM" if with_overlays else "Finding neighbors"
    for batch in reporter.track(batches, total=len(batches), description=what, unit="batches"):
        loaded = np.stack([store.load(number).numpy() for number in batch])
        pixels = loaded.astype(np.float32)
        near: list[Any] = [None] * len(batch)
        if served.gallery is None:
            numbers = [served.class_names.index(images[number].prediction) for number in batch]
            directions = np.eye(len(served.class_names), dtype=np.float32)[numbers]
        else:
            digests = np.array([images[number].source_digest for number in batch])
            near, directions = _neighbors(served, pixels, digests)
        overlays: list[str | None] = [None] * len(batch)
        if with_overlays:
            overlays = [
                image_uri(_overlay(image, heat, images[number].file, served))
                for number, image, heat in zip(
                    batch, loaded, grad_cam.heat_maps(pixels, directions), strict=True
                )
            ]
        for overlay, rows in zip(overlays, near, strict=True):
            yield Explanation(overlay, rows)


def _overlay(image: np.ndarray, heat: np.ndarray, file: Path, run: ServedRun) -> Image.Image:
    return Image.fromarray(overlay_heat(image, heat)).resize(_shape(file, run))


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
        return LARGE_PX, LARGE_PX
    with Image.open(file) as image:
        width, height = image.size
    scale = LARGE_PX / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
