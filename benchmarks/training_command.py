"""Run scripts/train_direct.py as a user does, and measure its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle_tf.system.errors import ArtstyleError

SCRIPT = Path(__file__).parents[1] / "scripts" / "train_direct.py"


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
    command = [sys.executable, str(SCRIPT), *overrides, *options, "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        # wait4 returns the memory of this child only.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ArtstyleError("The training command failed", received=printed.strip()[:500])
    return FinishedTraining(json.loads(printed), usage.ru_maxrss / 2**20)
