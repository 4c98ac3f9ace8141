from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager

import pytest
from patience import HUNG_SECONDS

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.memory import resident_bytes, usable_bytes
from artstyle_tf.tuning.trial_life import ProcessLimits, TrialPrunedError
from artstyle_tf.tuning.trial_processes import TrialProcesses
from artstyle_tf.tuning.tune import PRELOADED


def look_around(job, link):
    return {
        "frozen": gc.get_freeze_count(),
        "is_imported": {name: name in sys.modules for name in job},
    }


def serve_trial(job, link):
    """Allocate and keep megabytes, end as told, and return the process with its memory."""
    link.kept.setdefault("megabytes", []).append(b"x" * (job.get("megabytes", 0) * 2**20))
    link.kept["trials"] = link.kept.get("trials", 0) + 1
    link.report(1, os.getpid())
    if job.get("end") == "pruned":
        raise TrialPrunedError("as told")
    if job.get("end") == "failed":
        raise ArtstyleError("As told")
    if job.get("end") == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"trials": link.kept["trials"], "resident": resident_bytes()}


@contextmanager
def processes_of(folder, limits=None, *, num_workers=1):
    processes = TrialProcesses(
        num_workers,
        preload=PRELOADED,
        log_file=folder / "trials.log",
        num_threads=1,
        limits=limits,
    )
    try:
        yield processes
    finally:
        processes.stop()


def run_trial(processes, **job):
    """Return the process of a trial, how it ended, and its result."""
    processes.start("trial", f"{__name__}:serve_trial", job)
    reported = None
    while True:
        for event in processes.events(HUNG_SECONDS):
            if event.kind != "report":
                return reported, event.kind, event.content
            reported = event.content[1]
            processes.answer("trial", prune=False)


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="nothing is forked"
)
def test_modules_of_trials_are_preloaded_and_exempt_from_garbage_collection(tmp_path):
    with processes_of(tmp_path) as processes:
        seen = processes.run_alone(
            f"{__name__}:look_around", ["albumentations", "tensorflow"], print, what="looking"
        )
    assert all(seen["is_imported"].values())
    assert seen["frozen"] > 100_000


def test_a_process_is_replaced_after_a_number_of_trials(tmp_path):
    with processes_of(tmp_path, ProcessLimits(2, None)) as processes:
        ended = [run_trial(processes) for _ in range(5)]
    first, second, third = ended[0][0], ended[2][0], ended[4][0]
    assert [process for process, _, _ in ended] == [first, first, second, second, third]
    assert len({first, second, third}) == 3
    assert [result["trials"] for _, _, result in ended] == [1, 2, 1, 2, 1]


def test_a_process_is_replaced_when_it_holds_too_much_memory(tmp_path):
    with processes_of(tmp_path) as processes:
        resident = run_trial(processes)[2]["resident"]
    with processes_of(tmp_path, ProcessLimits(50, resident + 150 * 2**20)) as processes:
        jobs = [{}, {}, {"megabytes": 300}, {}, {}]
        first, second, third, fourth, fifth = (run_trial(processes, **job)[0] for job in jobs)
    assert first == second == third
    assert fourth == fifth != third


def test_the_usual_limit_is_a_share_of_the_memory_of_the_machine(tmp_path):
    with processes_of(tmp_path, num_workers=4) as processes:
        limits = processes._limits
    usable = usable_bytes()
    assert limits.num_trials > 1
    assert limits.memory_bytes == (None if usable is None else usable // 8)


@pytest.mark.parametrize(("end", "stays"), [("pruned", True), ("failed", False), ("killed", False)])
def test_only_a_trial_that_went_wrong_takes_its_process_along(tmp_path, end, stays):
    with processes_of(tmp_path) as processes:
        ending, kind, _ = run_trial(processes, end=end)
        following, _, result = run_trial(processes)
    assert kind == end
    assert (following == ending) is stays
    assert result["trials"] == (2 if stays else 1)


def test_a_process_that_is_killed_while_it_waits_costs_no_trial(tmp_path):
    with processes_of(tmp_path) as processes:
        waiting = run_trial(processes)[0]
        assert waiting is not None
        os.kill(waiting, signal.SIGKILL)
        processes._idle[0].process.join(HUNG_SECONDS)
        following, kind, _ = run_trial(processes)
    assert kind == "done"
    assert following != waiting


def test_stopping_ends_the_processes_that_wait(tmp_path):
    with processes_of(tmp_path) as processes:
        run_trial(processes)
        (worker,) = processes._idle
        processes.stop()
    assert worker.process.exitcode == -signal.SIGKILL
