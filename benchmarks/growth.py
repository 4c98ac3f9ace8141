"""Measure how time and memory grow with the number of images.

See `python benchmarks/growth.py --help`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from exit_codes import exit_code_of
from PIL import Image
from training_command import train

from artstyle_tf.system.files import write_json
from artstyle_tf.system.progress import Reporter

NUM_STYLES = 8
SIDE_PX = 320

DESCRIPTION = f"""\
Generates images of {SIDE_PX} px in {NUM_STYLES} styles and trains on them with an empty trunk
cache, for several numbers of images. Prints the seconds of each part, the seconds per 1,000
images, and the peak memory of the training process, memory-mapped files included.
"""


@dataclass(frozen=True)
class Measured:
    """The result for one number of images.

    Attributes:
        num_images: number of generated images, all splits together.
        preparation_s: seconds for cleaning and copying.
        training_s: seconds for filling the cache and all epochs.
        evaluation_s: seconds for scores, tables and figures.
        total_s: seconds of the process, with the start of TensorFlow.
        peak_memory_gb: peak memory of the training process.
    """

    num_images: int
    preparation_s: float
    training_s: float
    evaluation_s: float
    total_s: float
    peak_memory_gb: float


def main() -> int:
    return exit_code_of(lambda: _run(_parse()))


def _run(options: argparse.Namespace) -> None:
    reporter = Reporter(quiet=options.quiet)
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        rows = [
            _measure(size, Path(folder) / str(size), options, reporter) for size in options.sizes
        ]
    _print(rows)
    if options.json is not None:
        _write(options, rows)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    sizes = [1000, 4000, 16000]
    add("--sizes", type=int, nargs="+", default=sizes, metavar="N", help="default: 1000 4000 16000")
    add("--backbone", default="efficientnet_b0", help="with random weights (default: %(default)s)")
    add("--image-size-px", type=int, default=224, metavar="S", help="default: %(default)s")
    add("--epochs", type=int, default=2, help="above the frozen blocks (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the whole result here")
    add("--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args()


def _measure(size: int, folder: Path, options: argparse.Namespace, reporter: Reporter) -> Measured:
    _generate(folder / "images", size, reporter)
    reporter.info(f"Training on {size} images.")
    phase = f"{{unfreeze_blocks: 1, epochs: {options.epochs}, learning_rate: 1e-3}}"
    overrides = [
        f"data.images={folder / 'images'}",
        f"data.prepared={folder / 'prepared'}",
        "data.views=null",
        f"model.backbone={options.backbone}",
        "model.weights=null",
        f"model.image_size_px={options.image_size_px}",
        f"training.phases=[{phase}]",
        "training.linear_probe=null",
        "training.select_epoch_on=validation",
        "training.trunk_cache.mode=always",
    ]
    finished = train(overrides, outputs=folder, run_name="growth")
    seconds = finished.result["seconds"]
    return Measured(
        num_images=size,
        preparation_s=seconds["preparation"],
        training_s=seconds["training"],
        evaluation_s=seconds["evaluation"],
        total_s=seconds["total"],
        peak_memory_gb=finished.peak_memory_gb,
    )


def _generate(folder: Path, size: int, reporter: Reporter) -> None:
    """Write noise images whose frequency depends on the style; no two are equal."""
    tracked = reporter.track(range(size), total=size, description="Generating images")
    for number in tracked:
        style = number % NUM_STYLES
        generator = np.random.default_rng([0, number])
        cells = 4 * (style + 1)
        coarse = generator.integers(0, 256, (cells, cells, 3), np.uint8)
        file = folder / f"style_{style}" / f"{number:06}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(file)


def _print(rows: list[Measured]) -> None:
    print(f"{'images':>9} {'prepare':>9} {'train':>9} {'evaluate':>9} {'total':>9}", end="")
    print(f" {'s/1000':>8} {'ratio':>6} {'peak GB':>8}")
    first = rows[0].total_s / rows[0].num_images
    for row in rows:
        each = row.total_s / row.num_images
        parts = (row.preparation_s, row.training_s, row.evaluation_s, row.total_s)
        columns = " ".join(f"{part:>9.1f}" for part in parts)
        print(f"{row.num_images:>9,} {columns} {1000 * each:>8.1f}", end="")
        print(f" {each / first:>6.2f} {row.peak_memory_gb:>8.2f}")
    print("Seconds; ratio: seconds per 1,000 images, relative to the first row.")


def _write(options: argparse.Namespace, rows: list[Measured]) -> None:
    from artstyle_tf.runs.environment import describe_environment

    content = {
        "benchmark": "growth",
        "environment": describe_environment(),
        "settings": {
            name: getattr(options, name) for name in ("backbone", "image_size_px", "epochs")
        },
        "results": [asdict(row) for row in rows],
    }
    write_json(options.json, content)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
