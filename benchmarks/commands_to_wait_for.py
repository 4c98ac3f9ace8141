"""The commands that `wait.py` measures, and the folder in which they run."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from measured_process import ROOT, run_measured

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

COLD, WARM, NO_CACHE = "cold", "warm", "none"
RUNS = {cache: f"direct-{cache}" for cache in (COLD, WARM)}

_SUFFIXES = {".jpeg", ".jpg", ".png"}
_IMAGES_PER_VALIDATION_IMAGE = 6


@dataclass(frozen=True)
class Inputs:
    """What the commands work on.

    Attributes:
        images: folder of style folders.
        split_file: CSV path,label,split.
        backbone: as in `model.backbone`.
        weights: as in `model.weights`; None for random ones.
        image_size_px: as in `model.image_size_px`.
        overrides: further overrides of trainings and of the tuning.
        epochs: of the plain scripts.
        trials: of the tuning; None without it.
        torch_python: a python with torch and timm, or None.
    """

    images: Path
    split_file: Path
    backbone: str
    weights: str | None
    image_size_px: int
    overrides: list[str] = field(default_factory=list)
    epochs: int = 5
    trials: int | None = None
    torch_python: Path | None = None

    def rows(self) -> Iterator[tuple[Path, str, str]]:
        """Yield file, label and split of each image that the split file names.

        Raises:
            ArtstyleError: if an image does not exist.
        """
        with self.split_file.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                places = [parent / row["path"] for parent in (self.images, self.split_file.parent)]
                found = next((place for place in places if place.is_file()), None)
                if found is None:
                    raise ArtstyleError(
                        f"The split file {self.split_file} names an image that does not exist",
                        received=row["path"],
                        expected="paths relative to the images or to the file",
                    )
                yield found.absolute(), row["label"], row["split"].strip()


@dataclass(frozen=True)
class Command:
    """A command of the README, or a plain script that does the same job.

    Attributes:
        arguments: function (inputs, cache) -> the whole command, to be run in the work folder.
        needs_runs: whether it needs finished trainings.
        caches: states of the cache in which it is measured, in this order.
        missing: function (inputs) -> why it cannot be measured, or None.
    """

    arguments: Callable[[Inputs, str], list[str]]
    needs_runs: bool = False
    caches: tuple[str, ...] = (COLD, WARM)
    missing: Callable[[Inputs], str | None] = lambda _: None


def _script(name: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *map(str, arguments)]


def _inspection(inputs: Inputs, cache: str) -> list[str]:
    data = ["--images", inputs.images, "--split-file", inputs.split_file]
    return _script("inspect_data", *data, "--run-name", f"images-{cache}")


def _training(inputs: Inputs) -> list[str]:
    return [
        f"data.images={inputs.images}",
        f"data.split_file={inputs.split_file}",
        f"model.backbone={inputs.backbone}",
        f"model.weights={inputs.weights or 'null'}",
        f"model.image_size_px={inputs.image_size_px}",
        *inputs.overrides,
    ]


def _tuning(inputs: Inputs, cache: str) -> list[str]:
    overrides = [
        override for override in _training(inputs) if not override.startswith("model.image_size_px")
    ]  # its config has a smaller size, as the search does
    options = ["--trials", str(inputs.trials), "--run-name", f"study-{cache}"]
    return _script("tune", *overrides, *options, "tuning.confirmation.top=0")


def _with_runs(name: str, option: str, *caches: str) -> Callable[[Inputs, str], list[str]]:
    command = _script(name, option, *(f"outputs/models/{RUNS[cache]}" for cache in caches))
    return lambda *_: command


def _prediction(inputs: Inputs, cache: str) -> list[str]:
    del cache
    image = next(file for file, _, split in inputs.rows() if split == "val")
    return _script("predict", image, "--run", f"outputs/models/{RUNS[COLD]}")


def _plain(script: str, *options: str) -> Callable[[Inputs, str], list[str]]:
    def command(inputs: Inputs, cache: str) -> list[str]:
        del cache
        python, weights = sys.executable, []
        if script == "plain_torch":
            python = str(inputs.torch_python)
        elif inputs.weights is not None:
            is_name = inputs.weights in ("pretrained", "imagenet")
            weights = ["--weights", "imagenet" if is_name else inputs.weights]
        shape = ["--backbone", inputs.backbone, "--image-size-px", str(inputs.image_size_px)]
        path = str(ROOT / "benchmarks" / f"{script}.py")
        epochs = ["--epochs", str(inputs.epochs)]
        return [python, path, "plain", *shape, *weights, *epochs, *options]

    return command


def _no_efficientnet(inputs: Inputs) -> str | None:
    return None if inputs.backbone.startswith("efficientnet") else "the backbone is no EfficientNet"


def _no_torch(inputs: Inputs) -> str | None:
    return "give --torch-python PATH" if inputs.torch_python is None else _no_efficientnet(inputs)


def _no_trials(inputs: Inputs) -> str | None:
    return "give --tune TRIALS" if inputs.trials is None else None


COMMANDS = {
    "inspect_data": Command(_inspection),
    "train_direct": Command(
        lambda inputs, cache: _script("train_direct", *_training(inputs), "--run-name", RUNS[cache])
    ),
    "train_triplet": Command(
        lambda inputs, cache: _script(
            "train_triplet", *_training(inputs), "--run-name", f"triplet-{cache}"
        )
    ),
    "predict": Command(_prediction, needs_runs=True),
    "evaluate": Command(_with_runs("evaluate", "--run", COLD), needs_runs=True),
    "report": Command(_with_runs("report", "--runs", COLD), needs_runs=True),
    "export_model": Command(_with_runs("export_model", "--run", COLD), needs_runs=True),
    "compare": Command(_with_runs("compare", "--runs", COLD, WARM), needs_runs=True),
    "tune": Command(_tuning, missing=_no_trials),
    "plain_keras": Command(_plain("plain_keras"), caches=(NO_CACHE,), missing=_no_efficientnet),
    "plain_keras_features_once": Command(
        _plain("plain_keras", "--features-once"), caches=(NO_CACHE,), missing=_no_efficientnet
    ),
    "plain_torch": Command(_plain("plain_torch"), caches=(NO_CACHE,), missing=_no_torch),
    "plain_torch_features_once": Command(
        _plain("plain_torch", "--features-once"), caches=(NO_CACHE,), missing=_no_torch
    ),
}
"""Name -> command, in the order in which they are measured."""


class WorkFolder:
    """The folder in which the commands run, with outputs, prepared images and finished runs.

    Args:
        folder: empty, or with images and split file only.
        inputs: of the commands.
        reporter: reports trainings that are needed, but not measured.
    """

    def __init__(self, folder: Path, inputs: Inputs, reporter: Reporter) -> None:
        self.folder = folder
        self._inputs = inputs
        self._reporter = reporter
        self._runs = folder / "runs"

    def empty(self, command: Command) -> None:
        """Leave nothing but what a command needs: no cache, no facts about images."""
        if command.needs_runs and not self._runs.exists():
            self._train()
        for name in ("outputs", "data"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        if command.needs_runs:
            shutil.copytree(self._runs, self.folder, dirs_exist_ok=True)
        if command.caches == (NO_CACHE,):
            self._link_images()

    def keep_runs(self) -> None:
        """Keep the runs of train_direct.py for commands that need them."""
        shutil.rmtree(self._runs, ignore_errors=True)
        for name in ("outputs/models", "outputs/figs", "data"):
            if (self.folder / name).exists():
                shutil.copytree(self.folder / name, self._runs / name)

    def _train(self) -> None:
        command = COMMANDS["train_direct"]
        self.empty(command)
        for cache in command.caches:
            self._reporter.info(f"Training {RUNS[cache]} for the other commands, not measured")
            run_measured(command.arguments(self._inputs, cache), folder=self.folder)
        self.keep_runs()

    def _link_images(self) -> None:
        """Link the images as image_dataset_from_directory wants them: plain/SPLIT/STYLE/FILE."""
        shutil.rmtree(self.folder / "plain", ignore_errors=True)
        for number, (file, label, split) in enumerate(self._inputs.rows()):
            link = self.folder / "plain" / split / label / f"{number}{file.suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)


def write_split(images: Path, path: Path) -> None:
    """Write a split file in which every sixth image of each style validates.

    Args:
        images: folder of style folders.
        path: of the CSV file path,label,split.

    Raises:
        ArtstyleError: if there are no JPEG or PNG files in style folders.
    """
    rows = []
    for style in sorted(folder for folder in images.glob("*") if folder.is_dir()):
        files = sorted(file for file in style.rglob("*") if file.suffix.lower() in _SUFFIXES)
        for position, file in enumerate(files):
            is_validation = position % _IMAGES_PER_VALIDATION_IMAGE == 1
            row = (file.relative_to(images).as_posix(), style.name)
            rows.append((*row, "val" if is_validation else "train"))
    if not rows:
        raise ArtstyleError(
            "There are no images", received=str(images), expected="STYLE/FILE.jpg or .png"
        )
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])
