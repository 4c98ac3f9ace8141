"""Save and load everything that training needs to continue, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically
from artstyle_tf.system.finite_numbers import NotFiniteError, all_finite
from artstyle_tf.system.npz_files import ArrayForm, read_npz

_FORMAT = 3


@dataclass(frozen=True)
class ResumePoint:
    """State of training between two epochs.

    Attributes:
        weights: of the whole network, as `get_weights` returns them.
        best_weights: of the best epoch so far, likewise.
        optimizer: the optimizer's variables; empty between two phases.
        state: of the callbacks, JSON values by name.
    """

    weights: list[np.ndarray]
    best_weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    state: dict[str, Any]


def save_resume_point(path: Path, point: ResumePoint) -> None:
    """Write the point to one .npz file, atomically.

    Raises:
        NotFiniteError: if a number in it is not finite.
    """
    _check_finite(point, f"The point to resume from is not finite, so {path} stays unchanged")
    arrays = {
        f"{group}_{number:05d}": array
        for group in ("weights", "best_weights", "optimizer")
        for number, array in enumerate(getattr(point, group))
    }
    header = json.dumps({"format": _FORMAT, "state": point.state})
    with replaced_atomically(path) as temporary:
        np.savez(temporary, header=np.array(header), allow_pickle=False, **arrays)


def load_resume_point(
    path: Path, *, shapes: Sequence[tuple[int, ...]] | None = None
) -> ResumePoint:
    """Read what `save_resume_point` wrote.

    Args:
        path: of the file.
        shapes: of the network's weights, in the order of `get_weights`; None to accept any.

    Raises:
        ArtstyleError: if the file is damaged, from another version of the program, of another
            network, or holds numbers that are not finite.
    """

    def check(forms: Mapping[str, ArrayForm]) -> None:
        if shapes is None:
            return
        for group in ("weights", "best_weights"):
            found = [forms[name].shape for name in sorted(forms) if _group(name) == group]
            if found != list(shapes):
                raise ValueError(f"its {group.replace('_', ' ')} are those of another network")

    try:
        file = read_npz(path, check=check)
        header = json.loads(str(file["header"]))
        groups: dict[str, list[np.ndarray]] = {
            group: [file[name] for name in sorted(file) if _group(name) == group]
            for group in ("weights", "best_weights", "optimizer")
        }
    except (OSError, ValueError, KeyError) as error:
        raise ArtstyleError(
            f"The file to resume from, {path}, cannot be read",
            received=str(error),
            fix="train again with --overwrite",
        ) from error
    if header.get("format") != _FORMAT:
        raise ArtstyleError(
            f"The file to resume from, {path}, was written by another version",
            received=f"format {header.get('format')}",
            expected=f"format {_FORMAT}",
            fix="train again with --overwrite",
        )
    point = ResumePoint(state=header["state"], **groups)
    _check_finite(point, f"The training that {path} belongs to has diverged")
    return point


def _check_finite(point: ResumePoint, happened: str) -> None:
    for group in ("weights", "best_weights", "optimizer"):
        if not all_finite(getattr(point, group)):
            raise NotFiniteError(
                happened,
                received=f"NaN or infinity in the {group.replace('_', ' ')}",
                fix="start a new run, or this one with --overwrite, with a smaller learning rate "
                "in training.phases",
            )


def _group(array_name: str) -> str:
    return array_name.rpartition("_")[0]
