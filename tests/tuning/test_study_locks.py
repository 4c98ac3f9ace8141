"""Commands that share a study wait for each other, also on disks that refuse locks."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading

import pytest

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.system import locks
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.locks import held, is_held
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.tuning.optuna_storage import close_storage, open_storage
from artstyle_tf.tuning.study_confirmation import Candidate, train_again
from artstyle_tf.tuning.trial_processes import Event

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="locks of POSIX"),
    pytest.mark.usefixtures("_often_looked"),
]

RESULT = {"macro_f1": 0.5, "labels": [0, 1], "predictions": [0, 0]}


@pytest.fixture
def _often_looked(monkeypatch):
    monkeypatch.setattr(locks, "_SECONDS_BETWEEN_SAFE_POINTS", 0.05)


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def no_system_locks(request, monkeypatch):
    """A file system that refuses locks, as some network disks do."""

    def flock(descriptor, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr("fcntl.flock", flock)


class Trainings:
    """Trainings that end at once."""

    has_room = True

    def __init__(self):
        self.keys = []
        self._new = []

    def start(self, key, function, job):
        self.keys.append(key)
        self._new.append(key)

    @property
    def running(self):
        return self._new

    def events(self, timeout):
        ended, self._new = self._new, []
        return [Event(key, "done", RESULT, 1.0) for key in ended]

    def stop(self):
        pass


def open_and_close(folder, reporter=SILENT):
    storage = open_storage(
        None, folder / "study.db", heartbeat_seconds=1, retries=1, reporter=reporter
    )
    close_storage(storage)


def confirm(folder, trainings=None, reporter=SILENT):
    candidate = Candidate("trial 1", DirectExperiment(), 1)
    return train_again(
        [candidate],
        folder,
        trainings or Trainings(),
        function="module:function",
        job_of=lambda config: config.seed,
        num_seeds=2,
        reporter=reporter,
    )


WAYS = [(open_and_close, "study.lock", "opens the study"), (confirm, ".lock", "trains the best")]
ways = pytest.mark.parametrize(("work", "lock", "message"), WAYS, ids=["storage", "confirmation"])


@ways
def test_a_study_works_on_a_disk_without_locks(tmp_path, no_system_locks, work, lock, message):
    """This ended with an OSError. An empty lock file from a disk with locks has no meaning."""
    (tmp_path / lock).touch()
    work(tmp_path)
    assert not is_held(tmp_path / lock)
    assert not list(tmp_path.glob("*-marker"))


@ways
def test_a_marker_of_a_dead_command_does_not_block(tmp_path, no_system_locks, work, lock, message):
    (tmp_path / f"{lock}-marker").write_text(f"{2**22 + 1}\n{socket.gethostname()}\n")
    work(tmp_path)
    assert not is_held(tmp_path / lock)


@pytest.mark.parametrize("locks_work", [True, False])
@ways
def test_a_waiting_command_reports_the_holder_of_the_lock(
    tmp_path, request, capsys, work, lock, message, locks_work, monkeypatch
):
    if not locks_work:
        monkeypatch.setattr("fcntl.flock", _refuse)
    entered, release = threading.Event(), threading.Event()

    def hold():
        with held(tmp_path / lock, busy=print):
            entered.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(30)
    timer = threading.Timer(0.3, release.set)
    timer.start()
    work(tmp_path, reporter=Reporter())
    assert release.is_set()  # it has waited
    holder.join()
    said = " ".join(capsys.readouterr().err.split())
    assert f"Waiting for another command that {message}" in said
    assert f"process {os.getpid()} on" in said


def _refuse(descriptor, operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_results_of_another_command_are_reused(tmp_path):
    first, second = Trainings(), Trainings()
    confirm(tmp_path, first)
    recipes, labels = confirm(tmp_path, second)
    assert len(first.keys) == 2
    assert second.keys == []
    assert recipes[0].scores == [0.5, 0.5]
    assert labels.tolist() == [0, 1]
    assert json.loads(next(tmp_path.glob("*.json")).read_text()) == RESULT


@ways
def test_a_lock_that_cannot_be_written_is_a_clear_error(tmp_path, monkeypatch, work, lock, message):
    def flock(descriptor, operation):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(ArtstyleError, match=r"Cannot write .*No space left"):
        work(tmp_path)
