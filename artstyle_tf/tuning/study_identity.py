"""What makes a study the same - its space, its experiment and its images - and whose its folder is.

Trials that were judged on other images, or trained with other settings, cannot be ranked together.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import read_json_if_whole, write_json
from artstyle_tf.tuning.search_space import different_entries, digest_of
from artstyle_tf.tuning.settings import TuningConfig
from artstyle_tf.tuning.study_folder import StudyFolder

if TYPE_CHECKING:  # the command line asks for the engine first, and pandas takes a second
    import pandas as pd

_ENGINE = "tuning.engine"
_DATABASE = "tuning.storage"


def must_be_noted(
    known: Any, wanted: Mapping[str, Any], *, study: str, has_trials: bool, has_scores: bool
) -> bool:
    """Compares what a study was about with what it is about now.

    Args:
        known: the description that was stored with it; None if there is none.
        wanted: the description of now, with the entry "space" as `SearchSpace.describe` gives it.
        study: its name, for the message.
        has_trials: whether any trial has been begun; one without is as good as new.
        has_scores: whether any trial has been judged.

    Returns:
        Whether `wanted` is to be stored: the study is new, or it was begun by an earlier version
        that noted less and has judged nothing yet.

    Raises:
        ArtstyleError: naming what differs.
    """
    if known is None or not has_trials:
        return True
    if digest_of(known) == digest_of(wanted):
        return False
    try:
        changed = different_entries(known, wanted)
    except (TypeError, KeyError, AttributeError) as error:
        raise ArtstyleError(
            f"The study {study} is damaged",
            received="a description that this program has not written",
            fix="choose another --run-name for a new study",
        ) from error
    unknown = [name for name in changed if name in wanted and name not in known]
    if unknown == changed:
        if not has_scores:
            return True
        raise ArtstyleError(
            f"The study {study} was begun by an earlier version, which did not note what its "
            "trials were judged on",
            received=f"a study without {', '.join(unknown)}",
            expected="trials that were all judged on the same images, which cannot be checked here",
            fix="choose another --run-name for a new study; the tables of this one stay",
        )
    raise ArtstyleError(
        f"The study {study} is about something else",
        received=f"other values for {', '.join(changed)}",
        expected="the space, the experiment and the images that it was begun with",
        fix="choose another --run-name for a new study, or undo the change",
    )


def identity_of(table: pd.DataFrame) -> dict[str, Any]:
    """Digests that are equal on two machines only if trials there are judged on the same images.

    Args:
        table: of the images, with the columns path (relative to the image folder), digest (of the
            file), label, group and split, in any order.

    Returns:
        Entries for the description of a study: `images` (how many, and a digest of paths and
        files), `styles`, `groups` and `split` (digests of what they are for each image).
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
    """What a study is about, and where it is kept.

    Args:
        tuning: of the study.
        about: its description, as its database has it, or a part of that.
    """
    return {**about, _ENGINE: tuning.engine, _DATABASE: _database_of(tuning)}


def check_owner(place: StudyFolder, description: Mapping[str, Any]) -> None:
    """Refuses a folder with the tables of another study; writes nothing.

    Args:
        place: the folder.
        description: of the study that is to write there, or a part of it: only what it says is
            compared.

    Raises:
        ArtstyleError: naming what differs.
    """
    owner = read_json_if_whole(place.identity_file)
    if owner is None:
        owner = _owner_of_earlier_version(place)
    for entry in (_ENGINE, _DATABASE):
        if entry in owner and owner[entry] != description[entry]:
            raise ArtstyleError(
                f"The folder {place.path} holds a study with {entry}={owner[entry]}",
                received=f"{entry}={description[entry]}",
                expected="one study in a folder, because its tables would be overwritten",
                fix="choose another --run-name for a new study, or take back the change",
            )
    if place.identity_file.is_file():
        must_be_noted(
            {name: value for name, value in owner.items() if name in description},
            {name: value for name, value in description.items() if name in owner},
            study=str(place.path),
            has_trials=place.trials_file.is_file(),
            has_scores=place.trials_file.is_file(),
        )


def claim_folder(place: StudyFolder, description: Mapping[str, Any]) -> None:
    """Notes whose folder it is, before any table is written.

    Raises:
        ArtstyleError: if another study was faster.
    """
    note = place.identity_file
    if not note.exists():
        draft = note.with_name(f".{note.stem}.{os.getpid()}.json")
        write_json(draft, dict(description))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, note)  # fails if another command has just done the same
        except OSError:  # a file system without links
            write_json(note, dict(description))
        finally:
            draft.unlink()
    check_owner(place, description)
    if read_json_if_whole(note) != dict(description):  # it was about something without trials
        write_json(note, dict(description))


def _database_of(tuning: TuningConfig) -> str:
    """The same on all machines that share it: hosts and users have several names."""
    if tuning.engine == "keras_tuner":
        return "study.json"
    if tuning.storage is None:
        return "study.db"
    parts = urlsplit(tuning.storage)
    return f"{parts.scheme.partition('+')[0]} database {PurePath(parts.path).name}"


def _owner_of_earlier_version(place: StudyFolder) -> dict[str, Any]:
    """What can be known of a folder without a note."""
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        known = yaml.safe_load(place.config_file.read_text(encoding="utf-8"))["tuning"]["engine"]
        return {_ENGINE: known}
    if place.keras_tuner_file.is_file():
        return {_ENGINE: "keras_tuner"}
    return {_ENGINE: "optuna"} if place.database.is_file() else {}
