"""Everything a run leaves behind: outputs/models/<run>/ and outputs/figs/<run>/."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.files import cannot_write, replaced_atomically, write_json, write_text
from artstyle_tf.training.run_files import (
    Environment,
    read_calibration,
    read_checked,
    read_class_names,
)
from artstyle_tf.training.run_state import (
    STATE_FILE,
    alone_in_run,
    empty_run,
    free_name,
    is_just_begun,
    new_folder,
    state_kept,
)

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
    """

    path: Path
    figures: Path
    has_chosen_name: bool = False

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
        """The head before it learnt from the validation pictures; only if it did."""
        return self.path / "head_before_refit.npz"

    @property
    def class_names_file(self) -> Path:
        """Class names in the order of the logits."""
        return self.path / "class_names.json"

    @property
    def split_file(self) -> Path:
        """path,label,split,group of the source pictures; fits data.split_file."""
        return self.path / "split.csv"

    @property
    def pictures_file(self) -> Path:
        """The prepared pictures the run used, with parents, digests and splits."""
        return self.path / "pictures.csv"

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
        """Embeddings of the training pictures, among which a triplet run looks for neighbours."""
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
        with alone_in_run(self.path):
            with state_kept(self.path):
                yield
            self.resume_file.unlink(missing_ok=True)

    def save_model(self, model: keras.Model) -> None:
        """Writes the model atomically; one whose weights are not finite is refused."""
        from artstyle_tf.training.model_files import check_model

        check_model(model, f"The network is not finite any more; {self.model_file} is not saved")
        with replaced_atomically(self.model_file) as temporary:
            model.save(temporary)

    def load_model(self, *, before_refit: bool = False) -> keras.Model:
        """Reads the model; safe mode refuses code from strangers.

        Args:
            before_refit: with the head that has not learnt from the validation pictures, for
                whoever asks about these.

        Raises:
            ArtstyleError: if it is missing or damaged.
        """
        from artstyle_tf.training.model_files import load_head, load_model

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

    def read_pictures(self) -> pd.DataFrame:
        """The prepared pictures the run used, all columns as str.

        Raises:
            ArtstyleError: if the table is missing or damaged.
        """
        from artstyle_tf.training.run_tables import read_pictures

        return read_pictures(self.pictures_file, self.read_class_names())

    def read_environment(self) -> Environment:
        """With what the run was made."""
        return read_checked(self.environment_file, Environment)

    def read_kind(self) -> str:
        """What was trained: "direct" or "triplet"."""
        return self.read_environment().kind

    def write_table(self, file: Path, table: pd.DataFrame) -> None:
        """Writes a CSV atomically."""
        from artstyle_tf.data.picture_tables import csv_text

        write_text(file, csv_text(table))

    def write_config(self, text: str) -> None:
        """Writes config.yaml."""
        write_text(self.config_file, text)


def plan_run_directory(
    outputs: Path,
    name: str | None,
    *,
    kind: str,
    resume: bool,
    overwrite: bool,
    folder: str = "models",
) -> RunDirectory:
    """Chooses the directory of a new run, or finds that of an interrupted one. Writes nothing.

    Args:
        outputs: the outputs folder.
        name: of the run; None for `<kind>-<date>-<time>`.
        kind: of the run, e.g. "direct".
        resume: the run has to exist and to be unfinished.
        overwrite: the run may exist.
        folder: of the outputs, for runs of this sort.

    Returns:
        Its paths.

    Raises:
        ArtstyleError: if an earlier run would be overwritten, or there is nothing to resume.
    """
    if resume and name is None:
        raise ArtstyleError(
            "--resume needs the name of the run to continue",
            fix=f"add --run-name NAME; the runs are the folders in {outputs / folder}",
        )
    is_nameless = name is None
    name = name or free_name(outputs / folder, f"{kind}-{datetime.now():%Y%m%d-%H%M%S}")
    # Runs of different sorts may have one name, and --overwrite must not take the other's figures.
    sort = [] if folder == "models" else [folder]
    run = RunDirectory(outputs / folder / name, Path(outputs, "figs", *sort, name), is_nameless)
    # A run that was interrupted before its first epoch has nothing to resume from, and starts anew.
    finished = run.metrics_file.is_file() and not run.resume_file.is_file()
    if resume and (finished or not (run.config_file.is_file() or is_just_begun(run.path))):
        raise ArtstyleError(
            f"The run {run.path} is finished" if finished else f"There is no run {run.path}",
            expected="an interrupted run",
            fix="leave --resume out" + (" and choose another --run-name" if finished else ""),
        )
    if run.path.exists() and not resume and not overwrite:
        raise ArtstyleError(
            f"The run {run.path} exists already",
            fix="choose another --run-name, continue it with --resume, or replace it with "
            "--overwrite",
        )
    return run


def create_run_directory(run: RunDirectory, *, overwrite: bool) -> RunDirectory:
    """Creates the folders.

    Returns:
        The run; under another name if it is nameless and another program has just taken its.

    Raises:
        ArtstyleError: if they cannot be created, another process has just done so, or a run that
            is to be overwritten is still being made.
    """
    try:
        if overwrite and run.path.is_dir():
            empty_run(run.path, run.figures)
        else:
            path = new_folder(run.path, may_be_renamed=run.has_chosen_name)
            run = dataclasses.replace(run, path=path, figures=run.figures.with_name(path.name))
        run.figures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(run.path, error) from error
    return run


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
        known = sorted(folder.parent.name for folder in models.glob("*/config.yaml"))
        raise ArtstyleError(
            f"{path} is not a run",
            expected="a folder that train_direct.py or train_triplet.py made",
            fix=f"known in {models}: {', '.join(known[-8:])}" if known else "train a model first",
        )
    return run
