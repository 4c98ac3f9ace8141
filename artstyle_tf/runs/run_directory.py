"""Everything a run leaves behind: outputs/models/<run>/ and outputs/figs/<run>/."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle_tf.runs import replaced_run
from artstyle_tf.runs.run_files import (
    Environment,
    read_calibration,
    read_checked,
    read_class_names,
)
from artstyle_tf.runs.run_state import (
    STATE_FILE,
    alone_in_run,
    state_kept,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import remove_leftovers, replaced_atomically, write_json, write_text

if TYPE_CHECKING:  # names and places are asked for first, which has to be quick
    import keras
    import pandas as pd

    from artstyle_tf.metrics.calibration import Calibration


@dataclass(frozen=True)
class RunDirectory:
    """Paths of a run.

    Attributes:
        path: outputs/models/<run>.
        figures: outputs/figs/<run>.
        has_chosen_name: the user has not named the run, so another name would do.
        kind: what is made there, for a run that is being made.
    """

    path: Path
    figures: Path
    has_chosen_name: bool = False
    kind: str | None = None

    def moved_to(self, outputs: Path) -> RunDirectory:
        """The paths the run would have in another outputs folder."""
        name = self.path.name
        return RunDirectory(path=outputs / "models" / name, figures=outputs / "figs" / name)

    @property
    def config_file(self) -> Path:
        """The resolved config, as YAML."""
        return self.path / "config.yaml"

    @property
    def model_file(self) -> Path:
        """The best classifier so far."""
        return self.path / "model.keras"

    @property
    def first_head_file(self) -> Path:
        """The head before it learned from the validation images; only if it did."""
        return self.path / "head_before_refit.npz"

    @property
    def class_names_file(self) -> Path:
        """Class names in the order of the logits."""
        return self.path / "class_names.json"

    @property
    def split_file(self) -> Path:
        """path,label,split,group of the source images; fits data.split_file."""
        return self.path / "split.csv"

    @property
    def images_file(self) -> Path:
        """The prepared images the run used, with parents, digests and splits."""
        return self.path / "images.csv"

    @property
    def history_file(self) -> Path:
        """One row an epoch."""
        return self.path / "history.csv"

    @property
    def metrics_file(self) -> Path:
        """Scores of the best model."""
        return self.path / "metrics.json"

    @property
    def environment_file(self) -> Path:
        """Versions, machine, seed, digest of the weights."""
        return self.path / "environment.json"

    @property
    def gallery_file(self) -> Path:
        """Embeddings of the training images, among which a triplet run looks for neighbors."""
        return self.path / "gallery.npz"

    @property
    def calibration_file(self) -> Path:
        """Temperature and threshold; see `metrics.calibration`."""
        return self.path / "calibration.json"

    @property
    def resume_file(self) -> Path:
        """Where an interrupted training continues; gone when the run is finished."""
        return self.path / "resume.npz"

    @property
    def state_file(self) -> Path:
        """State (running, finished, interrupted, failed) and times."""
        return self.path / STATE_FILE

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keeps the run for this program alone, and its state up to date, while the body works.

        Raises:
            ArtstyleError: if another program is making the run, or it cannot be written.
        """
        has_begun = False
        try:
            with alone_in_run(self.path):
                remove_leftovers(self.figures)  # nobody else draws there, the run being ours
                has_begun = True
                with state_kept(self.path, self.kind):
                    yield
                self.resume_file.unlink(missing_ok=True)
                replaced_run.forget(self.path, self.figures)
        except Exception:
            if has_begun and not self._can_be_continued():
                with suppress(OSError):  # the error that is told is the one that matters
                    replaced_run.put_back(self.path, self.figures)
            raise

    def _can_be_continued(self) -> bool:
        """Whether something is there that --resume would not have to make again."""
        folds = self.path / "folds"
        return self.resume_file.exists() or self.model_file.exists() or folds.exists()

    def save_model(self, model: keras.Model) -> None:
        """Writes the model atomically; one whose weights are not finite is refused."""
        from artstyle_tf.runs.model_files import check_model

        check_model(model, f"The network is not finite any more; {self.model_file} is not saved")
        with replaced_atomically(self.model_file) as temporary:
            model.save(temporary)

    def load_model(self, *, before_refit: bool = False) -> keras.Model:
        """Reads the model; safe mode refuses code from strangers.

        Args:
            before_refit: with the head that has not learned from the validation images, for
                whoever asks about these.

        Raises:
            ArtstyleError: if it is missing or damaged.
        """
        from artstyle_tf.runs.model_files import load_head, load_model

        model = load_model(self.model_file)
        if before_refit and self.first_head_file.is_file():
            load_head(model, self.first_head_file)
        return model

    def write_class_names(self, class_names: Sequence[str]) -> None:
        """Writes class_names.json."""
        write_json(self.class_names_file, list(class_names))

    def read_class_names(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return read_class_names(self.class_names_file)

    def write_calibration(self, calibration: Calibration) -> None:
        """Writes calibration.json."""
        write_json(self.calibration_file, dataclasses.asdict(calibration))

    def read_calibration(self) -> Calibration | None:
        """The run's calibration; None for a run of before there was one."""
        if not self.calibration_file.is_file():
            return None
        return read_calibration(self.calibration_file)

    def read_images(self) -> pd.DataFrame:
        """The prepared images the run used, all columns as str.

        Raises:
            ArtstyleError: if the table is missing or damaged.
        """
        from artstyle_tf.runs.run_tables import read_images

        return read_images(self.images_file, self.read_class_names())

    def read_environment(self) -> Environment:
        """With what the run was made."""
        return read_checked(self.environment_file, Environment)

    def read_kind(self) -> str:
        """What was trained: "direct" or "triplet"."""
        return self.read_environment().kind

    def write_table(self, file: Path, table: pd.DataFrame) -> None:
        """Writes a CSV atomically."""
        from artstyle_tf.images.index.image_tables import csv_text

        write_text(file, csv_text(table))

    def write_config(self, text: str) -> None:
        """Writes config.yaml."""
        write_text(self.config_file, text)


def open_run(path: Path) -> RunDirectory:
    """Finds a run that exists, from its folder in outputs/models.

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
            expected="a folder that train_direct.py or train_triplet.py made",
            fix=f"known in {models}: {', '.join(known[-8:])}" if known else "train a model first",
        )
    return run


NAME_IN_RESULT = {"val": "validation", "test": "test"}
"""Splits that a run is measured on, as they are called in its results."""
