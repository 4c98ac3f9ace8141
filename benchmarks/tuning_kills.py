"""Kill the workers of a study at random moments and count the lost trials.

Two commands work on one study, two trials each. At random intervals one of the two commands, or one
of their trials, is killed with SIGKILL; a killed command is restarted. At the end all trials must
be complete, no trial that was complete before may be lost, and none may be running.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from exit_codes import exit_code_of
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.tuning.optuna_storage import with_driver

_STUDY = Path(__file__).with_name("cheap_study.py")
_SECONDS_FOR_ALL = 600


def main() -> int:
    options = _parse()
    return exit_code_of(lambda: _run(options))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--kills", type=int, default=20, help="default: %(default)s")
    add("--trials", type=int, default=60, help="default: %(default)s")
    add("--seconds", type=float, default=2.0, help="seconds per trial (default: %(default)s)")
    add("--storage", metavar="URL", help="URL of an empty database; default: SQLite")
    add("--seed", type=int, default=0, help="seed of the times and targets (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the result here")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="tuning-kills-") as folder:
        result = _KillTest(options, Path(folder)).run()
    for name, value in result.items():
        print(f"{name}: {value}")
    if options.json is not None:
        write_json(options.json, {"benchmark": "tuning_kills", "results": result})
    if result["lost"] or result["still running"] or result["complete"] != options.trials:
        raise ArtstyleError("Trials or processes were lost", received=str(result))


class _KillTest:
    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._random = random.Random(options.seed)
        self._workers: list[subprocess.Popen[str]] = []
        self._completed_before: set[int] = set()

    def run(self) -> dict[str, Any]:
        options, started = self._options, time.monotonic()
        self._workers = [self._start(), self._start()]
        killed = {"commands": 0, "trials": 0}
        while sum(killed.values()) < options.kills:
            time.sleep(self._random.uniform(0.5, 4.0))
            if all(worker.poll() is not None for worker in self._workers):
                break  # the study ended before all kills
            self._completed_before |= self._complete()
            killed[self._kill()] += 1
            for position, worker in enumerate(self._workers):
                if worker.poll() is not None and worker.returncode != 0:
                    self._workers[position] = self._start()
        outputs = [worker.communicate(timeout=_SECONDS_FOR_ALL)[0] for worker in self._workers]
        trials = json.loads(outputs[0])
        states = [trial["state"] for trial in trials]
        numbers = {trial["number"] for trial in trials if trial["state"] == "complete"}
        return {
            "kills": sum(killed.values()),
            **killed,
            "complete": states.count("complete"),
            "lost": len(self._completed_before - numbers),
            "still running": states.count("running"),
            "processes left": len(_processes_of(self._folder)),
            "seconds": round(time.monotonic() - started, 1),
        }

    def _start(self) -> subprocess.Popen[str]:
        options = self._options
        command = [sys.executable, str(_STUDY), str(self._folder), "--quiet"]
        command += ["--trials", str(options.trials), "--seconds", str(options.seconds)]
        if options.storage is not None:
            command += ["--storage", options.storage]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _kill(self) -> str:
        """Kill one of the commands or one of their trials; return which kind."""
        alive = [worker for worker in self._workers if worker.poll() is None]
        worker = self._random.choice(alive)
        trials = _trial_processes(worker.pid)
        if trials and self._random.random() < 0.5:
            os.kill(self._random.choice(trials), signal.SIGKILL)
            return "trials"
        worker.kill()
        worker.wait()
        return "commands"

    def _complete(self) -> set[int]:
        """Return the numbers of the complete trials, read directly from the database."""
        file = self._folder / "study.db"
        if self._options.storage is None and not file.is_file():
            return set()
        url = self._options.storage or f"sqlite:///{file}"
        engine = create_engine(with_driver(url))
        try:
            with engine.connect() as connection:
                query = text("select number from trials where state = 'COMPLETE'")
                return {number for (number,) in connection.execute(query)}
        except SQLAlchemyError:
            return set()  # the tables do not exist yet
        finally:
            engine.dispose()


def _children(parent: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def _trial_processes(worker: int) -> list[int]:
    """Return the process ids of a command's trials, which are forked from its fork server."""
    return [trial for server in _children(worker) for trial in _children(server)]


def _processes_of(folder: Path) -> list[int]:
    time.sleep(1.0)  # processes whose parent has died need a moment to end
    found = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split() if int(line) != os.getpid()]


if __name__ == "__main__":
    sys.exit(main())
