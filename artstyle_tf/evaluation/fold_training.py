"""Training without one fold, and prediction of that fold."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically
from artstyle_tf.system.finite_numbers import NotFiniteError
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.npz_files import ArrayForm, read_npz
from artstyle_tf.training.job import open_training


@dataclass(frozen=True)
class FoldImages:
    """Images that are divided into folds.

    Attributes:
        prepared: all images and their augmented copies. Copies follow their parent into training,
            and are left out of validation and of the fold itself.
        rows: of the manifest, the N images that are no copies, sorted by path.
        labels: int32 [N], class ids.
        class_names: in the order of the class ids.
    """

    prepared: PreparedImages
    rows: pd.DataFrame
    labels: np.ndarray
    class_names: Sequence[str]


@dataclass(frozen=True)
class Fold:
    """One training of a cross-validation.

    Attributes:
        scheme: "random" or "group".
        repeat: 0, 1, ...; each has other folds and seeds.
        number: of the fold that is left out.
        splits: str [N], "train", "val" or "test" for each image; the fold is "test".
    """

    scheme: str
    repeat: int
    number: int
    splits: np.ndarray

    @property
    def name(self) -> str:
        """Name for files."""
        return f"{self.scheme}-{self.repeat + 1}-fold-{self.number + 1}"


@dataclass(frozen=True)
class FoldResult:
    """Predictions of a fold's network for the n images of the fold.

    Attributes:
        positions: int [n], which images.
        probabilities: float32 [n, C], calibrated with the temperature.
        is_accepted: bool [n], whether the confidence reaches the threshold; see
            `metrics.calibration`.
        baseline_predictions: int [n], of the baseline that was fitted to the same images.
        best_epoch: of the network.
    """

    positions: np.ndarray
    probabilities: np.ndarray
    is_accepted: np.ndarray
    baseline_predictions: np.ndarray
    best_epoch: np.ndarray


def train_fold(
    config: TrainingExperiment,
    fold: Fold,
    images: FoldImages,
    run_directory: RunDirectory,
    invocation: Invocation,
) -> FoldResult:
    """Train without a fold and predict it.

    Args:
        config: of the experiment; the seed is the repeat's.
        fold: to leave out.
        images: all images.
        run_directory: directory for history and resume point of this fold.
        invocation: options of the command.
    """
    # Graphs of earlier folds would fill the memory.
    keras.utils.clear_session()
    gc.collect()
    divided = _in_splits(images, fold)
    training = open_training(config, divided, images.class_names, invocation, with_test=True)
    run_directory.path.mkdir(parents=True, exist_ok=True)
    trainer = training.train(run_directory, resume=invocation.resume)
    calibration = training.calibrate()
    training.refit(run_directory)
    probabilities = training.probabilities("test", calibration.temperature)
    return FoldResult(
        positions=np.flatnonzero(fold.splits == "test"),
        probabilities=probabilities,
        is_accepted=calibration.accepts(probabilities.max(axis=1)),
        baseline_predictions=training.baseline.predictions["test"],
        best_epoch=np.array(trainer.best.epoch),
    )


@contextmanager
def divergence_named(where: str) -> Iterator[None]:
    """Add the fold to the message if a training inside the context diverges."""
    try:
        yield
    except NotFiniteError as error:
        raise NotFiniteError(
            f"{where}: {error.happened}", received=error.received, fix=error.fix
        ) from error


def save_fold_result(path: Path, result: FoldResult) -> None:
    """Write the result as .npz, atomically."""
    with replaced_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **vars(result))


def load_fold_result(path: Path, fold: Fold, *, num_classes: int) -> FoldResult:
    """Read a file of `save_fold_result`.

    Raises:
        ArtstyleError: if the file is damaged, or not of this fold with C = `num_classes`.
    """
    num_images = int((fold.splits == "test").sum())
    expected = {
        "positions": ((num_images,), "i"),
        "probabilities": ((num_images, num_classes), "f"),
        "is_accepted": ((num_images,), "b"),
        "baseline_predictions": ((num_images,), "i"),
        "best_epoch": ((), "i"),
    }

    def check(forms: Mapping[str, ArrayForm]) -> None:
        for name, form in expected.items():
            shape, dtype = forms[name]
            if (shape, dtype.kind) != form:
                raise ValueError(f"{name}: {dtype} {shape}, for {form[0]}")

    try:
        arrays = read_npz(path, check=check, names=expected)
        return FoldResult(**{name: arrays[name] for name in FoldResult.__dataclass_fields__})
    except (OSError, ValueError, KeyError) as error:
        raise ArtstyleError(
            f"The result of a fold, {path}, cannot be read",
            received=" ".join(str(error).split()),
            fix="remove it and repeat the command with --resume: the fold is trained again",
        ) from error


def _in_splits(images: FoldImages, fold: Fold) -> PreparedImages:
    split_of = dict(zip(images.rows["path"], fold.splits, strict=True))
    manifest = images.prepared.manifest
    is_copy = manifest["parent"] != ""
    splits = manifest["path"].where(~is_copy, manifest["parent"]).map(split_of)
    is_used = splits.notna() & (~is_copy | (splits == "train"))
    # In the order of the images, so that predictions are, too.
    rows = manifest.assign(split=splits)[is_used].sort_values("path", kind="stable")
    return PreparedImages(images.prepared.root, rows, images.prepared.rejected)
