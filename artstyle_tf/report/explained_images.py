"""What only the network can say of a few images: where it looks, and what is next to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image

from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.metrics.neighbors import nearest_neighbors
from artstyle_tf.plots.heat_overlay import overlay_heat
from artstyle_tf.plots.neighbor_sheet import NUM_NEIGHBORS
from artstyle_tf.prediction.grad_cam import GradCam
from artstyle_tf.runs.served_run import ServedRun
from artstyle_tf.system.progress import Reporter

_BATCH_SIZE = 8


class ImageToExplain(NamedTuple):
    """An image that the run has answered.

    Attributes:
        path: of its source.
        file: as prepared.
        digest: of its source.
        prediction: position of the style it was called.
    """

    path: str
    file: Path
    digest: str
    prediction: int


@dataclass(frozen=True)
class Explained:
    """N images as the network sees them.

    Attributes:
        heat: path -> overlay, as long and as wide as the image's own shape says.
        near: path -> positions in the gallery and distances, the nearest first.
    """

    heat: dict[str, Image.Image] = field(default_factory=dict)
    near: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


def explain_images(
    run: ServedRun,
    images: Sequence[ImageToExplain],
    *,
    with_heat: set[str],
    side_px: int,
    reporter: Reporter,
) -> Explained:
    """Runs the network over some images.

    Args:
        run: whose network it is.
        images: what to look at.
        with_heat: paths of those that get an overlay.
        side_px: longer side of an overlay.
        reporter: where progress goes.
    """
    found = Explained()
    if not images:
        return found
    grad_cam = GradCam(keras.Model(run.network.input, run.network.outputs[0]))
    store = ImageStore(
        [image.file for image in images],
        image_size_px=run.image_size_px,
        aspect=run.aspect,
    )
    starts = range(0, len(images), _BATCH_SIZE)
    for start in reporter.track(
        starts, total=len(starts), description="Looking where it looks", unit="batches"
    ):
        batch = images[start : start + _BATCH_SIZE]
        shown = np.stack([store.load(start + number).numpy() for number in range(len(batch))])
        directions = _directions(run, batch, shown, found)
        if not any(image.path in with_heat for image in batch):
            continue
        heat = grad_cam.heat_maps(shown.astype(np.float32), directions)
        for image, pixels, one in zip(batch, shown, heat, strict=True):
            if image.path in with_heat:
                overlay = Image.fromarray(overlay_heat(pixels, one))
                found.heat[image.path] = overlay.resize(_shape(image.file, run, side_px))
    return found


def _directions(
    run: ServedRun, batch: Sequence[ImageToExplain], shown: np.ndarray, found: Explained
) -> np.ndarray:
    """What speaks for the answer, float32 [N, K]: its class, or what is next to the image."""
    if run.gallery is None:
        predictions = [image.prediction for image in batch]
        return np.eye(len(run.class_names), dtype=np.float32)[predictions]
    # Called, not `predict`: to compile for so few images takes longer.
    outputs = run.network(shown.astype(np.float32), training=False)
    neighbors = nearest_neighbors(
        keras.ops.convert_to_numpy(outputs),
        run.gallery.embeddings,
        num_neighbors=min(NUM_NEIGHBORS, len(run.gallery)),
        query_groups=np.array([image.digest for image in batch]),
        gallery_groups=run.gallery.ids,
    )
    for image, positions, distances in zip(
        batch, neighbors.positions, neighbors.distances, strict=True
    ):
        found.near[image.path] = [
            (int(position), float(distance))
            for position, distance in zip(positions, distances, strict=True)
            if position >= 0
        ]
    return run.gallery.embeddings[neighbors.positions[:, 0]]


def _shape(file: Path, run: ServedRun, side_px: int) -> tuple[int, int]:
    """A squashed image gets its own shape back; what was cropped or padded stays a square."""
    if run.aspect != "squash":
        return side_px, side_px
    with Image.open(file) as image:
        width, height = image.size
    scale = side_px / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
