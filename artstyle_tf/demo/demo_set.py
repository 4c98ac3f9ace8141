"""Write the demo set: drawn images in eight styles with the reference's class imbalance."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from artstyle_tf.demo.artists import artists_of
from artstyle_tf.demo.planned_images import (
    DRAW_FUNCTIONS,
    GENERATOR_VERSION,
    PlannedImage,
    draw_planned_image,
    file_name,
    plan_style,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, write_json
from artstyle_tf.system.interruption import end_with_parent, safe_point
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.system.standard_streams import prepare_standard_streams
from artstyle_tf.system.threads import usable_cores

# 600 images in the proportions of the reference's 1,422.
IMAGES_PER_STYLE = {
    "ArtDeco": 27,
    "Cubism": 154,
    "Impressionism": 101,
    "Japonism": 86,
    "Naturalism": 92,
    "Rococo": 49,
    "cartoon": 32,
    "photo": 59,
}

_MARKER_NAME = ".demo-set.json"
_JPEG_QUALITY = 90
_MAX_WORKERS = 8
_MIN_IMAGES_PER_WORKER = 24  # starting a process takes as long as drawing a few images


def write_demo_set(
    folder: Path,
    *,
    seed: int = 42,
    images_per_style: Mapping[str, int] | None = None,
    reporter: Reporter = SILENT,
) -> int:
    """Draw the demo set, one folder per style, files named `<artist>_<title>-<number>.jpg`.

    The folder appears only when all images are drawn; an interrupt leaves nothing behind. If the
    folder already holds the same set (same seed, counts and generator version), nothing is drawn.
    A large set is drawn by several processes, so a script that calls this needs the usual
    `if __name__ == "__main__":`.

    Args:
        folder: created; may exist if it is empty or holds the same set.
        seed: seed of the images; the artists do not depend on it.
        images_per_style: counts for some or all styles; None for `IMAGES_PER_STYLE`.
        reporter: reports the progress.

    Returns:
        Number of images in the folder.

    Raises:
        ArtstyleError: if a style is unknown, a count is negative, or the folder holds anything
            else or cannot be written.
    """
    counts = dict(IMAGES_PER_STYLE if images_per_style is None else images_per_style)
    _check_counts(counts)
    folder = Path(folder)
    recipe = {"generator_version": GENERATOR_VERSION, "seed": seed, "images_per_style": counts}
    total = sum(counts.values())
    if _is_complete(folder, recipe):
        return total
    plan = [image for style in sorted(counts) for image in plan_style(style, counts[style])]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
            unfinished = Path(beside) / folder.name
            for style in counts:
                (unfinished / style).mkdir(parents=True)
            _draw_all(plan, unfinished, seed=seed, reporter=reporter)
            write_json(unfinished / _MARKER_NAME, recipe)
            _rename(unfinished, folder, recipe)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return total


def draw_image(style: str, *, seed: int, number: int = 0) -> np.ndarray:
    """Draw one image.

    Args:
        style: a key of `IMAGES_PER_STYLE`.
        seed: as in `write_demo_set`.
        number: index of the image within the style; images do not depend on each other. The
            artist is number modulo the number of artists, while a demo set gives some artists
            more images than others.

    Returns:
        uint8 [H, W, 3], RGB, one side 200 to 263 pixels, the other 264 to 320.

    Raises:
        ArtstyleError: if the style is unknown.
    """
    _check_counts({style: 1})
    artists = artists_of(style)
    return draw_planned_image(
        PlannedImage(style, number, artists[number % len(artists)]), seed=seed
    )


def _draw_all(plan: Sequence[PlannedImage], folder: Path, *, seed: int, reporter: Reporter) -> None:
    """Draw images into the style folders of `folder`, in parallel if there are enough images."""
    jobs = [(image, folder, seed) for image in plan]
    workers = min(_MAX_WORKERS, usable_cores(), len(jobs) // _MIN_IMAGES_PER_WORKER)
    if workers < 2:
        for job in reporter.track(jobs, total=len(jobs), description="Drawing images"):
            _draw_and_save(job)
        return
    # Processes, because drawing is many short OpenCV calls and threads would wait for the GIL.
    # Spawned, because a fork of a process that runs TensorFlow can hang.
    with ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    ) as processes:
        drawn = processes.map(_draw_and_save, jobs, chunksize=4)
        try:
            for _ in reporter.track(drawn, total=len(jobs), description="Drawing images"):
                pass
        except BrokenProcessPool as error:
            safe_point()  # a signal that ends the program may have reached all of its processes
            raise ArtstyleError(
                "A process that draws images died, perhaps because memory ran out",
                fix="give the same command again",
            ) from error


def _start_worker() -> None:
    prepare_standard_streams()
    end_with_parent()
    cv2.setNumThreads(1)  # one process per core is enough


def _draw_and_save(job: tuple[PlannedImage, Path, int]) -> None:
    image, folder, seed = job
    pixels = draw_planned_image(image, seed=seed)
    path = folder / image.style / file_name(image, seed=seed)
    path.write_bytes(_encode_jpeg(pixels))


def _rename(unfinished: Path, folder: Path, recipe: dict[str, object]) -> None:
    """Rename a finished set to its folder, unless another process has written the same set."""
    try:
        if folder.exists():
            folder.rmdir()  # it was empty, and Windows does not rename onto an existing folder
        unfinished.rename(folder)
    except OSError:
        if not _is_complete(folder, recipe):
            raise


def _encode_jpeg(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=_JPEG_QUALITY)
    return content.getvalue()


def _check_counts(counts: Mapping[str, int]) -> None:
    for style, count in counts.items():
        if style not in DRAW_FUNCTIONS:
            raise ArtstyleError(
                "Unknown style of the demo set",
                received=style,
                expected=f"one of {', '.join(DRAW_FUNCTIONS)}",
            )
        if count < 0:
            raise ArtstyleError(
                "The number of images of a style must not be negative", received=f"{style}: {count}"
            )


def _is_complete(folder: Path, recipe: dict[str, object]) -> bool:
    """Return whether the folder holds the same set, complete.

    Raises:
        ArtstyleError: if it holds anything else.
    """
    if not folder.exists():
        return False
    marker = folder / _MARKER_NAME
    if folder.is_dir() and not any(folder.iterdir()):
        return False
    with contextlib.suppress(OSError, ValueError):
        images = sum(1 for _ in folder.glob("*/*.jpg"))
        found = json.loads(marker.read_text(encoding="utf-8"))
        if found == recipe and images == sum(found["images_per_style"].values()):
            return True
    raise ArtstyleError(
        f"{folder} is in the way of the demo set",
        received="a folder or file with other content",
        expected="nothing, an empty folder, or the same demo set, complete",
        fix="choose another folder with data.images=FOLDER, or move this one away",
    )
