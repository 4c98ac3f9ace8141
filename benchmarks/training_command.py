"""Run scripts/train_direct.py as a user does, and measure its memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measured_process import ROOT, run_measured

SCRIPT = ROOT / "scripts" / "train_direct.py"


@dataclass(frozen=True)
class FinishedTraining:
    """The result of one training command.

    Attributes:
        result: the printed JSON.
        peak_memory_gb: peak resident memory of the process, mapped files included.
    """

    result: dict[str, Any]
    peak_memory_gb: float


def train(overrides: Sequence[str], *, outputs: Path, run_name: str) -> FinishedTraining:
    """Train in a new process and wait for it.

    Args:
        overrides: overrides of the configuration.
        outputs: folder of the run and of the trunk cache.
        run_name: name of the run; an earlier run of this name is replaced.

    Raises:
        ArtstyleError: if the command fails.
    """
    options = ["--outputs", str(outputs), "--run-name", run_name, "--overwrite", "--json"]
    finished = run_measured([sys.executable, str(SCRIPT), *overrides, *options, "--quiet"])
    sys.stderr.write(finished.messages)  # warnings
    return FinishedTraining(json.loads(finished.output), finished.peak_memory_gb)
