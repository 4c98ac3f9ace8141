"""Compare training with and without the trunk cache: same schedule, images, views and seed.

See `python benchmarks/direct_training.py --help`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from exit_codes import exit_code_of
from side_by_side import measure_side_by_side, print_table, write_result
from training_command import FinishedTraining, train

from artstyle_tf.system.progress import Reporter

PLAIN = "plain Keras fit"
COLD = "trunk cache, empty at first"
WARM = "trunk cache, filled before"

SETTINGS = ("backbone", "head", "image_size_px", "unfreeze", "epochs", "views", "dtype")

DESCRIPTION = f"""\
Trains a classifier by progressive unfreezing (the head alone, then the last blocks, then more
blocks) in three ways that give the same weights:

  {PLAIN:<28} every forward pass starts at the pixels, which are in memory
  {COLD:<28} activations of frozen blocks are cached; includes filling the cache
  {WARM:<28} filled by a shorter training

The time includes reading or filling and all epochs with their validation. It is taken from the
"seconds" that scripts/train_direct.py reports. The start of TensorFlow is excluded.
"""


def main() -> int:
    options = _parse()
    return exit_code_of(lambda: _run_in_folder(options, Reporter(quiet=options.quiet)))


def _run_in_folder(options: argparse.Namespace, reporter: Reporter) -> None:
    with tempfile.TemporaryDirectory(prefix="direct-training-") as folder:
        _run(options, Path(folder), reporter)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--backbone", default="efficientnet_b0", help="default: %(default)s")
    add("--head", default="pooled", help="pooled or style (default: %(default)s)")
    add("--image-size-px", type=int, default=224, metavar="S", help="default: %(default)s")
    add(
        "--unfreeze",
        type=int,
        nargs="+",
        default=[0, 1, 5],
        metavar="K",
        help="unfrozen blocks per phase",
    )
    add("--epochs", type=int, default=5, help="epochs per phase (default: %(default)s)")
    add("--views", type=int, default=1, help="views per image (default: %(default)s)")
    add("--dtype", default="float32", help="of cached activations (default: %(default)s)")
    add("--repeats", type=int, default=3, metavar="N", help="rounds (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the whole result here")
    add("--quiet", action="store_true", help="no progress on stderr")
    add("overrides", nargs="*", metavar="key=value", help="e.g. data.images=... model.weights=...")
    return parser.parse_intermixed_args()


def _run(options: argparse.Namespace, folder: Path, reporter: Reporter) -> None:
    runner = _Runner(options, folder)
    comparison = measure_side_by_side(
        {PLAIN: runner.plain, COLD: runner.cold, WARM: runner.warm},
        unit="s",
        reference=PLAIN,
        repeats=options.repeats,
        warm_up_rounds=0,  # each takes minutes and starts a new process anyway
        reporter=reporter,
    )
    print_table(comparison)
    for name in (COLD, WARM):
        print(f"{name}: {1 / comparison.ratio(name):.1f} times as fast")
    agreement = _agreement(runner.last[PLAIN], runner.last[WARM])
    for what, value in agreement.items():
        print(f"{what}: {value:.3g}")
    if options.json is not None:
        settings = {name: getattr(options, name) for name in SETTINGS}
        settings["num_images"] = runner.last[PLAIN].result["num_images"]
        settings["agreement"] = agreement
        write_result(options.json, comparison, benchmark="direct_training", settings=settings)


class _Runner:
    """Run the three variants; each method returns the seconds of its training."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._folder = folder
        self._unfreeze = options.unfreeze
        self._overrides = [
            f"model.backbone={options.backbone}",
            f"model.head={options.head}",
            f"model.image_size_px={options.image_size_px}",
            self._phases(options.epochs),
            "training.linear_probe=null",
            "training.select_epoch_on=validation",
            f"data.views={{num_views: {options.views}}}",
            f"data.prepared={folder / 'prepared'}",
            f"training.trunk_cache.dtype={options.dtype}",
            *_images(options.overrides, folder),
        ]
        self.last: dict[str, FinishedTraining] = {}

    def plain(self) -> float:
        return self._train(PLAIN, "training.trunk_cache.mode=never")

    def cold(self) -> float:
        shutil.rmtree(self._folder / "cache", ignore_errors=True)
        return self._train(COLD, *self._cached)

    def warm(self) -> float:
        # One epoch per phase fills the cache with everything that all epochs need.
        filling = [*self._overrides, *self._cached, self._phases(1)]
        train(filling, outputs=self._folder, run_name="filling")
        return self._train(WARM, *self._cached)

    def _phases(self, epochs: int) -> str:
        phases = ", ".join(
            f"{{unfreeze_blocks: {blocks}, epochs: {epochs}, learning_rate: 1e-3}}"
            for blocks in self._unfreeze
        )
        return f"training.phases=[{phases}]"

    @property
    def _cached(self) -> list[str]:
        return [
            "training.trunk_cache.mode=always",
            f"training.trunk_cache.folder={self._folder / 'cache'}",
        ]

    def _train(self, name: str, *overrides: str) -> float:
        run_name = name.split(",")[-1].strip().replace(" ", "-")
        finished = train([*self._overrides, *overrides], outputs=self._folder, run_name=run_name)
        self.last[name] = finished
        return finished.result["seconds"]["training"]


def _images(overrides: list[str], folder: Path) -> list[str]:
    """Return overrides with the user's images, or with the demo set and random weights."""
    if any(override.startswith("data.images=") for override in overrides):
        return overrides
    images = folder / "demo"
    return [f"data.images={images}", "data.demo_set=true", "model.weights=null", *overrides]


def _agreement(plain: FinishedTraining, cached: FinishedTraining) -> dict[str, Any]:
    """Compare the best weights and the validation predictions of two trainings."""
    import keras
    import numpy as np
    import pandas as pd

    first, second = (
        keras.models.load_model(training.result["model"], compile=False)
        for training in (plain, cached)
    )
    difference = max(
        np.abs(one - other).max() / max(np.abs(one).max(), 1e-6)
        for one, other in zip(first.get_weights(), second.get_weights(), strict=True)
    )
    predictions = [
        pd.read_csv(Path(training.result["run"]) / "validation" / "predictions.csv")["prediction"]
        for training in (plain, cached)
    ]
    return {
        "largest relative difference of the best weights": float(difference),
        "share of equal validation predictions": float((predictions[0] == predictions[1]).mean()),
    }


if __name__ == "__main__":
    sys.exit(main())
