"""What only the network can say of a few pictures: where it looks, and what is next to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from artstyle_tf.data.picture_store import PictureStore
from artstyle_tf.export.grad_cam import GradCam
from artstyle_tf.export.served_run import ServedRun, keras_network
from artstyle_tf.metrics.neighbours import nearest_neighbours
from artstyle_tf.plots.heat_overlay import overlay_heat
from artstyle_tf.plots.neighbour_sheet import NUM_NEIGHBOURS
from artstyle_tf.reporting import Reporter

_BATCH_SIZE = 8


@dataclass(frozen=True)
class Explained:
    """N pictures as the network sees them.

    Attributes:
        heat: path -> overlay, as long and as wide as the picture's own shape says.
        near: path -> positions in the gallery and distances, the nearest first.
    """

    heat: dict[str, Image.Image] = field(default_factory=dict)
    near: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


def explain_pictures(
    run: ServedRun,
    pictures: Sequence[tuple[str, Path, str]],
    *,
    with_heat: set[str],
    side_px: int,
    reporter: Reporter,
) -> Explained:
    """Runs the network over some pictures.

    Args:
        run: whose network it is.
        pictures: path, prepared file and digest of the source of each.
        with_heat: paths of those that get an overlay.
        side_px: longer side of an overlay.
        reporter: where progress goes.
    """
    # Imported late: Grad-CAM needs TensorFlow.
    from artstyle_tf.workflows.answers.grad_cam_overlays import explanation_directions

    found = Explained()
    if not pictures:
        return found
    grad_cam = GradCam(keras.Model(run.network.input, run.network.outputs[0]))
    answer = run.answering_by(keras_network(run.network))
    store = PictureStore(
        [file for _, file, _ in pictures], image_size_px=run.image_size_px, aspect=run.aspect
    )
    starts = range(0, len(pictures), _BATCH_SIZE)
    for start in reporter.track(
        starts, total=len(starts), description="Looking where it looks", unit="batches"
    ):
        batch = pictures[start : start + _BATCH_SIZE]
        shown = np.stack([store.load(start + number).numpy() for number in range(len(batch))])
        answers = answer(shown.astype(np.float32))
        _add_neighbours(found, run, batch, answers.embeddings)
        if not any(path in with_heat for path, _, _ in batch):
            continue
        heat = grad_cam.heat_maps(shown.astype(np.float32), explanation_directions(run, answers))
        for (path, file, _), picture, one in zip(batch, shown, heat, strict=True):
            if path in with_heat:
                overlay = Image.fromarray(overlay_heat(picture, one))
                found.heat[path] = overlay.resize(_shape(file, run, side_px))
    return found


def _add_neighbours(
    found: Explained,
    run: ServedRun,
    batch: Sequence[tuple[str, Path, str]],
    embeddings: np.ndarray,
) -> None:
    if run.gallery is None:
        return
    neighbours = nearest_neighbours(
        embeddings,
        run.gallery.embeddings,
        num_neighbours=min(NUM_NEIGHBOURS, len(run.gallery)),
        query_groups=np.array([digest for _, _, digest in batch]),
        gallery_groups=run.gallery.ids,
    )
    for (path, _, _), positions, distances in zip(
        batch, neighbours.positions, neighbours.distances, strict=True
    ):
        found.near[path] = [
            (int(position), float(distance))
            for position, distance in zip(positions, distances, strict=True)
            if position >= 0
        ]


def _shape(file: Path, run: ServedRun, side_px: int) -> tuple[int, int]:
    """A squashed picture gets its own shape back; what was cropped or padded stays a square."""
    if run.aspect != "squash":
        return side_px, side_px
    with Image.open(file) as image:
        width, height = image.size
    scale = side_px / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
