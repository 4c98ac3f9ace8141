"""The folder of a study, locks for commands that share it, and the identity of the study.

The identity is its space, its experiment and its images: trials that were evaluated on other
images, or trained with other settings, cannot be ranked together.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, read_json_if_whole, write_json, write_text
from artstyle_tf.system.locks import held
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.shell_commands import shell_command
from artstyle_tf.system.visible_text import shown
from artstyle_tf.tuning.search_space import different_entries, digest_of
from artstyle_tf.tuning.settings import TuningConfig

if TYPE_CHECKING:  # the command line checks the engine first, and pandas takes a second to import
    import pandas as pd

_ENGINE = "tuning.engine"
_DATABASE = "tuning.storage"


class StudyFolder:
    """Paths of a study.

    Attributes:
        path: outputs/param-optim-<kind>/<study>.
        name: of the study, in its database too.
        config_file: the resolved config, as YAML.
        identity_file: which study the tables are of: images, split, space, experiment, engine and
            database.
        database: of Optuna, unless the study is in another database.
        keras_tuner_file: the state of a study with KerasTuner.
        log_file: output of trials and their libraries.
        trials_file: one row a trial.
        best_config_file: the winner's config for train_direct.py or train_triplet.py.
        best_file: the winner's values and scores.
        summary_file: what --json prints.
        confirmations: folder of the trainings with new seeds, one file each.
        figures: folder of the figures.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"{path.parent.name}/{path.name}"
        self.config_file = path / "config.yaml"
        self.identity_file = path / "identity.json"
        self.database = path / "study.db"
        self.keras_tuner_file = path / "study.json"
        self.log_file = path / "trials.log"
        self.trials_file = path / "trials.csv"
        self.best_config_file = path / "best.yaml"
        self.best_file = path / "best.json"
        self.summary_file = path / "summary.json"
        self.confirmations = path / "confirmation"
        self.figures = path / "figures"

    def write_winner(self, winner: TrainingExperiment, *, number: int) -> None:
        """Write the config of the winner, trial `number`, with the command that trains it."""
        script = f"scripts/train_{winner.kind}.py"
        command = shell_command("python", script, "--config", self.best_config_file)
        note = f"# Trial {number} of the study {shown(self.path.name)}.\n# {command}\n"
        write_text(self.best_config_file, note + dump_yaml(winner))


@contextlib.contextmanager
def one_command_at_a_time(lock: Path, reporter: Reporter, action: str) -> Iterator[None]:
    """Hold a lock inside the context; report a command that has to be waited for.

    Args:
        lock: file; its folder is created.
        reporter: gets the message.
        action: of the commands that wait for each other, e.g. "opens the study".

    Raises:
        ArtstyleError: if the lock cannot be written.
    """

    def report_waiting(holder: str) -> None:
        reporter.info(f"Waiting for another command that {action} ({holder}).")

    with contextlib.ExitStack() as stack:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(lock, busy=report_waiting))
        except OSError as error:
            raise cannot_write(lock, error) from error
        yield


def must_be_stored(
    known: Any, current: Mapping[str, Any], *, study: str, has_trials: bool, has_scores: bool
) -> bool:
    """Compare the stored description of a study with the current one.

    Args:
        known: the stored description; None if there is none.
        current: with the entry "space" from `SearchSpace.describe`.
        study: its name, for the message.
        has_trials: whether any trial has been started; a study without one counts as new.
        has_scores: whether any trial has been evaluated.

    Returns:
        Whether `current` is to be stored: the study is new, or it was started by an earlier
        version that stored less, and nothing has been evaluated yet.

    Raises:
        ArtstyleError: naming what differs.
    """
    if known is None or not has_trials:
        return True
    if digest_of(known) == digest_of(current):
        return False
    try:
        changed = different_entries(known, current)
    except (TypeError, KeyError, AttributeError) as error:
        raise ArtstyleError(
            f"The study {study} is damaged",
            received="a description that this program has not written",
            fix="choose another --run-name for a new study",
        ) from error
    unknown = [name for name in changed if name in current and name not in known]
    if unknown == changed:
        if not has_scores:
            return True
        raise ArtstyleError(
            f"The study {study} was started by an earlier version, which did not store what its "
            "trials were evaluated on",
            received=f"a study without {', '.join(unknown)}",
            expected="trials that were all evaluated on the same images, which cannot be checked",
            fix="choose another --run-name for a new study; the tables of this one stay",
        )
    raise ArtstyleError(
        f"The study {study} does not match this command",
        received=f"other values for {', '.join(changed)}",
        expected="the space, the experiment and the images that it was started with",
        fix="choose another --run-name for a new study, or undo the change",
    )


def identity_of(table: pd.DataFrame) -> dict[str, Any]:
    """Compute digests that are equal on two machines only if they evaluate on the same images.

    Args:
        table: of the images, with the columns path (relative to the image folder), digest (of the
            file), label, group and split, in any order.

    Returns:
        Entries for the description of a study: `images` (their number, and a digest of paths and
        files), `styles`, `groups` and `split` (a digest of their value for each image).
    """
    ordered = table.sort_values("path")
    return {
        "images": f"{len(ordered)} files, {_digest(ordered, 'digest')}",
        "styles": _digest(ordered, "label"),
        "groups": _digest(ordered, "group"),
        "split": _digest(ordered, "split"),
    }


def _digest(table: pd.DataFrame, column: str) -> str:
    rows = list(zip(table["path"].astype(str), table[column].astype(str), strict=True))
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def folder_description(tuning: TuningConfig, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study's description, or a part of it, with its engine and database."""
    return {**about, _ENGINE: tuning.engine, _DATABASE: _database_of(tuning)}


def check_owner(folder: StudyFolder, description: Mapping[str, Any]) -> None:
    """Refuse a folder with the tables of another study; writes nothing.

    Args:
        folder: of the study.
        description: of the study that is to write there, or a part of it: only its entries are
            compared.

    Raises:
        ArtstyleError: naming what differs.
    """
    owner = read_json_if_whole(folder.identity_file)
    if owner is None:
        owner = _owner_of_earlier_version(folder)
    for entry in (_ENGINE, _DATABASE):
        if entry in owner and owner[entry] != description[entry]:
            raise ArtstyleError(
                f"The folder {folder.path} holds a study with {entry}={owner[entry]}",
                received=f"{entry}={description[entry]}",
                expected="one study in a folder, because its tables would be overwritten",
                fix="choose another --run-name for a new study, or undo the change",
            )
    if folder.identity_file.is_file():
        must_be_stored(
            {name: value for name, value in owner.items() if name in description},
            {name: value for name, value in description.items() if name in owner},
            study=str(folder.path),
            has_trials=folder.trials_file.is_file(),
            has_scores=folder.trials_file.is_file(),
        )


def claim_folder(folder: StudyFolder, description: Mapping[str, Any]) -> None:
    """Store the owner of a folder, before any table is written.

    Raises:
        ArtstyleError: if another study has claimed it first.
    """
    file = folder.identity_file
    if not file.exists():
        draft = file.with_name(f".{file.stem}.{os.getpid()}.json")
        write_json(draft, dict(description))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, file)  # fails if another command has just done the same
        except OSError:  # a file system without links
            write_json(file, dict(description))
        finally:
            draft.unlink()
    check_owner(folder, description)
    if read_json_if_whole(file) != dict(description):  # of a study without trials
        write_json(file, dict(description))


def _database_of(tuning: TuningConfig) -> str:
    """Return a name that is the same on all machines: hosts and users have several names."""
    if tuning.engine == "keras_tuner":
        return "study.json"
    if tuning.storage is None:
        return "study.db"
    parts = urlsplit(tuning.storage)
    return f"{parts.scheme.partition('+')[0]} database {PurePath(parts.path).name}"


def _owner_of_earlier_version(folder: StudyFolder) -> dict[str, Any]:
    """Infer the engine of a folder without an identity file."""
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        known = yaml.safe_load(folder.config_file.read_text(encoding="utf-8"))["tuning"]["engine"]
        return {_ENGINE: known}
    if folder.keras_tuner_file.is_file():
        return {_ENGINE: "keras_tuner"}
    return {_ENGINE: "optuna"} if folder.database.is_file() else {}
