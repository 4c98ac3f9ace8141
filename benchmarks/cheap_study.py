"""Run a study whose trials only sleep, to test what happens when workers are killed.

    python benchmarks/cheap_study.py FOLDER [--storage URL] [--trials 30] [--workers 2]

Several of these commands with the same folder or database work on the same study. Prints a JSON
list with the number, state and values of each trial.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from artstyle_tf.system.interruption import interrupted_at_safe_points
from artstyle_tf.system.progress import Reporter
from artstyle_tf.tuning.live_board import LiveBoard
from artstyle_tf.tuning.optuna_storage import open_storage
from artstyle_tf.tuning.optuna_study import OptunaStudy
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TuningConfig
from artstyle_tf.tuning.study_loop import StudyLoop
from artstyle_tf.tuning.trial_life import TrialLink
from artstyle_tf.tuning.trial_processes import TrialProcesses

_STEPS = 3

SPACE = {
    "rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
    "blocks": {"type": "int", "low": 2, "high": 8},
    "batch": {"type": "categorical", "choices": (16, 32, [64, 64])},
}


def wait_and_score(job: tuple[dict[str, Any], float], link: TrialLink) -> dict[str, float]:
    """Run a trial: sleep, then return a score that is a function of the values."""
    values, seconds = job
    score = values["blocks"] / 10 - abs(values["rate"] - 1e-3)
    for step in range(1, _STEPS + 1):
        time.sleep(seconds / _STEPS)
        link.report(step, score * step / _STEPS)
    return {"macro_f1": score}


def main() -> int:
    options = _parse()
    if options.host is not None:
        socket.gethostname = lambda: options.host
    folder: Path = options.folder
    storage = open_storage(
        options.storage, folder / "study.db", heartbeat_seconds=options.heartbeat, retries=1000
    )
    settings = TuningConfig.model_validate(
        {
            "space": SPACE,
            "num_trials": options.trials,
            "sampler": {"startup_trials": 1000},
            "pruner": {"name": "none"},
            "retries": 1000,
        }
    )
    study = OptunaStudy("cheap", storage, SearchSpace(settings.space), settings, basis={})
    processes = TrialProcesses(
        options.workers, preload=[], log_file=folder / "trials.log", num_threads=1
    )
    reporter = Reporter(quiet=options.quiet)
    with contextlib.closing(study), interrupted_at_safe_points():
        StudyLoop(
            study,
            processes,
            function="cheap_study:wait_and_score",
            job_of=lambda proposal: (proposal.values, options.seconds),
            board=LiveBoard(reporter, study.metrics, study.num_trials),
            heartbeat_seconds=options.heartbeat,
            reporter=reporter,
        ).run()
        trials = [
            {"number": record.number, "state": record.state, "values": record.values}
            for record in study.records()
        ]
    print(json.dumps(trials))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="folder of the study")
    add("--storage", metavar="URL", help="URL of a database; default: SQLite in the folder")
    add("--trials", type=int, default=30, help="default: %(default)s")
    add("--workers", type=int, default=2, help="parallel trials (default: %(default)s)")
    add("--seconds", type=float, default=0.6, help="seconds per trial (default: %(default)s)")
    add(
        "--heartbeat", type=int, default=1, help="seconds between heartbeats (default: %(default)s)"
    )
    add("--host", help="host name to pretend, so that only heartbeats show which workers are alive")
    add("--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
