"""What a frozen backbone costs: time of a forward pass, parameters, megabytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.evaluation.fold_training import FoldImages
from artstyle_tf.images.batches.image_store import errors_of_reading
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.split_images import read_splits
from artstyle_tf.models.splitting import build_trunk
from artstyle_tf.runs.run_files import read_checked
from artstyle_tf.system.files import write_json
from artstyle_tf.system.interruption import safe_point
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.job import build_network
from artstyle_tf.trunk_cache.frozen_graph import freeze
from artstyle_tf.trunk_cache.trunk_runtime import open_trunk_runtime

COSTS_FILE = "costs.json"
BYTES_A_PARAMETER = 4
_PASSES = 5
# On an idle machine passes of a real network differ by a few percent.
_LARGEST_SPREAD = 1.5


class BackboneCosts(BaseModel):
    """The costs of one candidate.

    Attributes:
        parameters: of the backbone, without the head.
        milliseconds_per_image: of the forward pass up to the features, in batches, without
            decoding; the fastest of several passes.
        runtime: that computed it.
        batch_size: images in a pass.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    parameters: Annotated[int, Field(ge=0)]
    milliseconds_per_image: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    runtime: str
    batch_size: Annotated[int, Field(gt=0)]


def measure_costs(
    config: DirectExperiment, images: FoldImages, *, num_images: int, reporter: Reporter
) -> BackboneCosts:
    """Time the network as the trunk cache runs it, on some of the images.

    Args:
        config: of the candidate's training.
        images: to choose from.
        num_images: number to time, in batches of the config's size.
        reporter: see `open_trunk_runtime`; receives a warning if the times vary a lot.

    Raises:
        ArtstyleError: if an image cannot be read.
    """
    network = build_network(config, num_classes=len(images.class_names))
    trunk = build_trunk(network, [0])
    pixels = _read_images(config, images, num_images)
    batch_size = min(config.training.batch_size, len(pixels))
    # Whole batches only: another size would be compiled anew, or be slower for each image.
    batches = [
        pixels[start : start + batch_size]
        for start in range(0, len(pixels) - batch_size + 1, batch_size)
    ]
    runtime = open_trunk_runtime(
        trunk,
        config.training.trunk_cache.runtime,
        batches[0],
        compile_trunk=freeze,
        reporter=reporter,
    )
    runtime.run(batches[0])  # the first pass, which compiles, does not count
    seconds = [_seconds_of_pass(runtime.run, batches) for _ in range(_PASSES)]
    if max(seconds) > _LARGEST_SPREAD * min(seconds):
        reporter.warn(
            f"The slowest forward pass took {max(seconds) / min(seconds):.1f} times as long as the "
            "fastest, so that the time per image is uncertain; do other programs run?"
        )
    return BackboneCosts(
        parameters=network.backbone.model.count_params(),
        milliseconds_per_image=1000 * min(seconds) / (batch_size * len(batches)),
        runtime=runtime.name,
        batch_size=batch_size,
    )


def write_costs(folder: Path, costs: BackboneCosts) -> None:
    """Write costs.json into the folder of a candidate."""
    write_json(folder / COSTS_FILE, costs.model_dump())


def read_costs(folder: Path) -> BackboneCosts | None:
    """Read costs.json; None if it was not written.

    Raises:
        ArtstyleError: if it is damaged.
    """
    file = folder / COSTS_FILE
    return read_checked(file, BackboneCosts) if file.is_file() else None


def _read_images(config: DirectExperiment, images: FoldImages, num_images: int) -> np.ndarray:
    """Read the first images: float32 [N, S, S, 3]."""
    rows = images.rows.head(num_images).assign(split="test")
    prepared = PreparedImages(images.prepared.root, rows, images.prepared.rejected)
    (chosen,) = read_splits(
        prepared, images.class_names, config.data, image_size_px=config.model.image_size_px
    ).values()
    with errors_of_reading():
        pixels = [np.asarray(chosen.store.load(number)) for number in range(len(chosen))]
    return np.stack(pixels).astype(np.float32)


def _seconds_of_pass(run: Callable[[np.ndarray], object], batches: Sequence[np.ndarray]) -> float:
    safe_point()
    started = time.perf_counter()
    for batch in batches:
        run(batch)
    return time.perf_counter() - started
