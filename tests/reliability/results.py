"""Compare the parts of a result that must not depend on how often its program was killed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TRAIN = ("--config", "config.yaml", "--run-name", "run", "--json")

# A continued run finds cached rows of the first one, which it reports.
_DIFFERENT_EACH_TIME = {"seconds", "search_seconds", "fit_seconds", "trunk_cache"}


def without_times(result: Any) -> Any:
    """Return a result without values that depend on time."""
    if isinstance(result, dict):
        return {
            key: without_times(value)
            for key, value in result.items()
            if key not in _DIFFERENT_EACH_TIME
        }
    return [without_times(value) for value in result] if isinstance(result, list) else result


def training_result(workplace: Path, run: str = "outputs/models/run") -> dict[str, Any]:
    """Return metrics, history and predictions of a finished run, to be compared exactly."""
    folder = workplace / run
    metrics = json.loads((folder / "metrics.json").read_text())
    history = pd.read_csv(folder / "history.csv").drop(columns="seconds")
    return {
        "state": json.loads((folder / "run.json").read_text())["state"],
        "metrics": without_times(metrics),
        "history": history.to_csv(),
        "predictions": (folder / "test" / "predictions.csv").read_text(),
        "weights": digest_of_weights(folder / "model.keras"),
    }


def digest_of_weights(model_file: Path) -> str:
    """Hash all weights in their order."""
    import keras

    model = keras.models.load_model(model_file, compile=False)
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return path -> content of all files that are not hidden."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.parts)
    }


def leftovers(folder: Path) -> list[str]:
    """Return unfinished files of a program."""
    return [file.name for file in folder.rglob("*.partial*")]


def resume(server, workplace, verb="train-direct", run="outputs/models/run", more=()):
    """Return the same command, with --resume if there is a run to continue."""
    begun = ("--resume",) if (workplace / run).exists() else ()
    return server.run(verb, *TRAIN, *begun, *more, cwd=workplace)


def check_as_uninterrupted(ended, workplace, expected):
    """Check that an interrupted and continued training has the uninterrupted result."""
    already = "is finished" in ended.err  # the kill came after the last word
    assert ended.code == (2 if already else 0), ended.err
    assert training_result(workplace) == expected
    assert leftovers(workplace) == []
