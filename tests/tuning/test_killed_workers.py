"""Workers killed by SIGKILL in the middle of a trial: nothing is lost or left running."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import HUNG_SECONDS

from artstyle_tf.tuning.optuna_storage import close_storage, open_storage

STUDY = Path(__file__).parents[2] / "benchmarks" / "cheap_study.py"


def worker(folder, *options):
    command = [sys.executable, STUDY, folder, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def trials_in(folder, url):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = open_storage(url, folder / "study.db", heartbeat_seconds=1, retries=9)
    try:
        return optuna.load_study(study_name="cheap", storage=storage).get_trials()
    except KeyError:
        return []
    finally:
        close_storage(storage)


def wait_until(condition, seconds=HUNG_SECONDS):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("timed out")


def states(trials):
    return [trial.state.name for trial in trials]


def num_training(trials):
    """Count running trials with all their values, which are written one by one."""
    return sum(trial.state.name == "RUNNING" and len(trial.params) == 3 for trial in trials)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.reliability)])
def url(request):
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else None


def test_trials_of_a_killed_worker_are_run_by_another(url, tmp_path):
    """Both pretend to be different machines, so that only heartbeats show that one is dead."""
    options = ["--trials", "4", "--workers", "2", "--quiet"]
    options += [] if url is None else ["--storage", url]
    first = worker(tmp_path, *options, "--host", "first", "--seconds", "600")
    wait_until(lambda: num_training(trials_in(tmp_path, url)) == 2)
    first.kill()
    first.communicate()
    second = worker(tmp_path, *options, "--host", "second", "--seconds", "0.1")
    printed, errors = second.communicate(timeout=HUNG_SECONDS)
    assert second.returncode == 0, errors
    assert [trial["state"] for trial in json.loads(printed)] == ["complete"] * 4
    kept = trials_in(tmp_path, url)
    assert sorted(states(kept)) == ["COMPLETE"] * 4 + ["FAIL"] * 2
    for trial in kept:
        history = trial.system_attrs.get("retry_history", [])
        for number in history:  # run again with the same values
            assert kept[number].state.name == "FAIL"
            assert kept[number].params == trial.params
    assert sum(bool(trial.system_attrs.get("retry_history")) for trial in kept) == 2


def test_a_killed_trial_is_run_again_at_once(tmp_path):
    for seconds in (3, 12, 48):  # on a busy machine the trial can be over before it is killed
        folder = tmp_path / f"{seconds} seconds"
        folder.mkdir()
        study = worker(folder, "--trials", "1", "--workers", "1", "--seconds", str(seconds))
        kill_first_trial(study, folder)
        printed, errors = study.communicate(timeout=HUNG_SECONDS)
        (made,) = json.loads(printed)
        if made["number"] == 1:
            break
    assert made == {**made, "number": 1, "state": "complete"}
    assert "Trial 0 was killed by SIGKILL, e.g. for lack of memory; it is run again." in errors


def kill_first_trial(study, folder):
    """Kill the first trial as soon as it runs, unless the study ends before."""
    while study.poll() is None:
        if states(trials_in(folder, None)) == ["RUNNING"]:
            trials = [child for server in children(study.pid) for child in children(server)]
            if trials:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(trials[0], signal.SIGKILL)
                return
        time.sleep(0.1)


def test_trials_end_with_their_killed_worker(tmp_path):
    study = worker(tmp_path, "--trials", "2", "--workers", "2", "--seconds", "600")
    wait_until(lambda: states(trials_in(tmp_path, None)) == ["RUNNING"] * 2)
    servers = children(study.pid)
    wait_until(lambda: sum(len(children(server)) for server in servers) == 2)
    trials = [child for server in servers for child in children(server)]
    study.kill()
    study.communicate()
    wait_until(lambda: not any(Path(f"/proc/{trial}").exists() for trial in trials))


def test_an_interrupted_study_can_be_resumed(tmp_path):
    options = ["--trials", "3", "--workers", "1", "--seconds", "0.3"]
    study = worker(tmp_path, *options[:-1], "600")
    wait_until(lambda: states(trials_in(tmp_path, None)) == ["RUNNING"])
    study.send_signal(signal.SIGINT)
    study.communicate(timeout=HUNG_SECONDS)
    # The trial waits to be run again; nothing runs.
    assert states(trials_in(tmp_path, None)) == ["FAIL", "WAITING"]
    printed = worker(tmp_path, *options).communicate(timeout=HUNG_SECONDS)[0]
    assert [trial["state"] for trial in json.loads(printed)] == ["complete"] * 3


def children(parent):
    try:
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in listed.split()]
