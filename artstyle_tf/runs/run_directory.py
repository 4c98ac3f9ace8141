"""The files of a run: outputs/models/<run>/ and outputs/figs/<run>/."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle_tf.runs.run_files import (
    CalibrationFile,
    ClassNames,
    Environment,
    read_checked,
    read_values,
)
from artstyle_tf.runs.run_state import (
    STATE_FILE,
    locked_run,
    recorded_state,
    remove_earlier,
    restore_earlier,
)
from artstyle_tf.system.content_cache import file_digest
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import remove_leftovers, replaced_atomically, write_json, write_text

if TYPE_CHECKING:  # early checks import this module, and have to be quick
    import keras
    import pandas as pd

    from artstyle_tf.metrics.calibration import Calibration


NAME_IN_RESULT = {"val": "validation", "test": "test"}
"""Splits on which a run is evaluated -> their names in its results."""


class _File:
    """Path of a file in the directory of a run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, run: RunDirectory, owner: type[RunDirectory]) -> Path:
        return run.path / self._name


@dataclass(frozen=True)
class RunDirectory:
    """Paths of a run.

    Attributes:
        path: outputs/models/<run>.
        figures: outputs/figs/<run>.
        has_chosen_name: whether the program has chosen the name, so that it may choose another.
        kind: of a run that is being trained.
    """

    path: Path
    figures: Path
    has_chosen_name: bool = False
    kind: str | None = None

    config_file = _File("config.yaml")  # the resolved config
    model_file = _File("model.keras")  # the best model so far
    # What was validated, if the head, or the whole network, was refit with validation images:
    first_head_file = _File("head_before_refit.npz")
    first_model_file = _File("model_before_refit.keras")
    class_names_file = _File("class_names.json")  # in the order of the logits
    split_file = _File("split.csv")  # path,label,split,group of the sources; fits data.split_file
    images_file = _File("images.csv")  # the prepared images with parents, digests and splits
    history_file = _File("history.csv")  # one row per epoch
    metrics_file = _File("metrics.json")  # scores of the best model
    environment_file = _File("environment.json")  # versions, machine, seed, digest of the weights
    gallery_file = _File("gallery.npz")  # embeddings of the training images of a triplet run
    calibration_file = _File("calibration.json")  # temperature and threshold
    resume_file = _File("resume.npz")  # removed when the run is finished
    state_file = _File(STATE_FILE)  # running, finished, interrupted or failed, and times

    def moved_to(self, outputs: Path) -> RunDirectory:
        """Return the paths of the run in another outputs folder."""
        name = self.path.name
        return RunDirectory(path=outputs / "models" / name, figures=outputs / "figs" / name)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Lock the run for this program, and keep its state up to date, while the body runs.

        Raises:
            ArtstyleError: if another program is training the run, or it cannot be written.
        """
        has_begun = False
        try:
            with locked_run(self.path):
                remove_leftovers(self.figures)  # no other program writes there under the lock
                has_begun = True
                with recorded_state(self.path, self.kind):
                    yield
                self.resume_file.unlink(missing_ok=True)
                remove_earlier(self.path, self.figures)
        except Exception:
            if has_begun and not self._can_be_continued():
                with suppress(OSError):  # the exception that is raised is the one that matters
                    restore_earlier(self.path, self.figures)
            raise

    def _can_be_continued(self) -> bool:
        """Return whether --resume could continue from an existing result."""
        finished_parts = (self.path / name for name in ("folds", "cross_validation"))
        files = (self.resume_file, self.model_file, *finished_parts)
        return any(file.exists() for file in files)

    def prediction_digests(self) -> dict[str, str]:
        """Return name -> SHA-256 of the files that predictions depend on, as far as they exist.

        They are those that loading the model checks against each other.
        """
        files = (self.model_file, self.config_file, self.class_names_file, self.gallery_file)
        return {file.name: file_digest(file) for file in files if file.is_file()}

    def save_model(self, model: keras.Model, *, before_refit: bool = False) -> None:
        """Write the model atomically; raise NotFiniteError if its weights are not finite."""
        from artstyle_tf.runs.model_files import check_model

        file = self.first_model_file if before_refit else self.model_file
        check_model(model, f"The network is not finite any more; {file} is not saved")
        with replaced_atomically(file) as temporary:
            model.save(temporary)

    def load_model(self, *, before_refit: bool = False) -> keras.Model:
        """Load the model in safe mode, which refuses code.

        Args:
            before_refit: with the weights that were not trained on the validation images, to
                evaluate on these.

        Raises:
            ArtstyleError: if it is missing or damaged.
        """
        from artstyle_tf.runs.model_files import load_head, load_model

        if before_refit and self.first_model_file.is_file():
            return load_model(self.first_model_file)
        model = load_model(self.model_file)
        if before_refit and self.first_head_file.is_file():
            load_head(model, self.first_head_file)
        return model

    def write_class_names(self, class_names: Sequence[str]) -> None:
        """Write class_names.json."""
        write_json(self.class_names_file, list(class_names))

    def read_class_names(self) -> tuple[str, ...]:
        """Return the class names in the order of the logits."""
        return tuple(read_checked(self.class_names_file, ClassNames).root)

    def write_calibration(self, calibration: Calibration) -> None:
        """Write calibration.json."""
        write_json(self.calibration_file, dataclasses.asdict(calibration))

    def read_calibration(self) -> Calibration | None:
        """Return the run's calibration; None for runs of earlier versions."""
        from artstyle_tf.metrics.calibration import Calibration

        if not self.calibration_file.is_file():
            return None
        content = read_values(self.calibration_file, CalibrationFile)
        known = {field.name for field in dataclasses.fields(Calibration)}
        return Calibration(**{name: value for name, value in content.items() if name in known})

    def read_images(self) -> pd.DataFrame:
        """Return the table of prepared images, all columns as str.

        Raises:
            ArtstyleError: if the table is missing or damaged.
        """
        from artstyle_tf.runs.run_tables import read_images

        return read_images(self.images_file, self.read_class_names())

    def read_environment(self) -> Environment:
        """Return environment.json."""
        return read_checked(self.environment_file, Environment)

    def read_kind(self) -> str:
        """Return the kind of training: "direct" or "triplet"."""
        return self.read_environment().kind

    def write_table(self, file: Path, table: pd.DataFrame) -> None:
        """Write a CSV file atomically."""
        from artstyle_tf.images.index.image_tables import csv_text

        write_text(file, csv_text(table))

    def write_config(self, text: str) -> None:
        """Write config.yaml."""
        write_text(self.config_file, text)


def open_run(path: Path) -> RunDirectory:
    """Open an existing run by its folder in outputs/models.

    Raises:
        ArtstyleError: if the folder is no run.
    """
    path = path.resolve()
    figures = path.parent.parent / "figs" / path.name
    run = RunDirectory(path=path, figures=figures)
    if not run.config_file.is_file():
        models = path.parent if path.parent.is_dir() else Path("outputs/models")
        known = sorted(folder.parent.name for folder in models.glob("[!.]*/config.yaml"))
        raise ArtstyleError(
            f"{path} is not a run",
            expected="a folder that train_direct.py or train_triplet.py created",
            fix=f"known in {models}: {', '.join(known[-8:])}" if known else "train a model first",
        )
    return run
