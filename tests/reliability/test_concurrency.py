"""Several programs at once: on one run, one cache, one prepared folder, one prediction file."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time

import pytest
from results import TRAIN, files_of, leftovers, training_result

from artstyle_tf.prediction.prediction_file import PredictionFile
from artstyle_tf.runs.run_creation import create_run_directory, plan_run_directory
from artstyle_tf.runs.run_state import read_state
from artstyle_tf.system import locks
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.locks import LOCK_FILES, held, is_held
from artstyle_tf.trunk_cache.activation_table import ActivationTable
from artstyle_tf.trunk_cache.cache_folder import remove_table, stored_tables

pytestmark = pytest.mark.skipif(os.name == "nt", reason="forks and kills")

TEXT = {"stdout": subprocess.PIPE, "text": True, "check": True}

HOLDER = """
import sys, time
from pathlib import Path
from artstyle_tf.system.locks import held
with held(Path(sys.argv[1]), busy=print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Start another program that holds the lock."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / ".lock")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def refuse(holder):
    raise RuntimeError(holder)


def test_a_waiting_process_reports_the_holder_of_the_lock(tmp_path, holder):
    assert is_held(tmp_path / ".lock")
    with pytest.raises(RuntimeError, match=rf"process {holder.pid} on .* since 20\d\d-"):
        held(tmp_path / ".lock", busy=refuse).__enter__()


def test_the_lock_of_a_killed_program_is_free_and_known_to_be_stale(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert not is_held(tmp_path / ".lock")
    dead = []
    with held(tmp_path / ".lock", busy=refuse, stale=dead.append):
        assert is_held(tmp_path / ".lock")
    assert len(dead) == 1
    assert f"process {holder.pid} on" in dead[0]
    with held(tmp_path / ".lock", busy=refuse, stale=dead.append):
        pass
    assert len(dead) == 1  # this one has ended in order


NO_LOCKS = [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO, errno.ENOSYS]


@pytest.fixture(params=NO_LOCKS, ids=errno.errorcode.get)
def no_system_locks(request, monkeypatch):
    """Simulate a file system that refuses locks, as some network disks do."""

    def flock(descriptor, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr("fcntl.flock", flock)


def test_without_locks_of_the_system_a_marker_keeps_others_out(tmp_path, no_system_locks):
    lock = tmp_path / ".lock"
    lock.touch()  # left by an earlier program, when there were locks: it has no meaning
    with held(lock, busy=refuse):
        assert is_held(lock)
        with pytest.raises(RuntimeError, match=rf"process {os.getpid()} on"):
            held(lock, busy=refuse).__enter__()
    assert not is_held(lock)
    with held(lock, busy=refuse):
        pass
    assert {entry.name for entry in tmp_path.iterdir()} <= LOCK_FILES


def test_the_marker_of_a_killed_program_does_not_block(tmp_path, no_system_locks):
    lock = tmp_path / ".lock"
    program = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], **TEXT)
    (tmp_path / ".lock-marker").write_text(f"{int(program.stdout)}\n{socket.gethostname()}\n")
    assert not is_held(lock)
    with held(lock, busy=refuse):
        assert is_held(lock)


def test_the_marker_of_another_host_is_named_in_the_error(tmp_path, no_system_locks):
    marker = tmp_path / ".lock-marker"
    marker.write_text("7\nelsewhere\n")
    with pytest.raises(RuntimeError, match=rf"process 7 on elsewhere.*remove {marker}"):
        held(tmp_path / ".lock", busy=refuse).__enter__()


def test_a_run_on_a_file_system_without_locks_begins(tmp_path, no_system_locks):
    """It was refused with advice about permissions, and could not be started again."""
    run = plan_run_directory(tmp_path, "run", kind="direct", resume=False, overwrite=False)
    create_run_directory(run, overwrite=False)
    with run.running():
        assert read_state(run.path) == "running"
    assert read_state(run.path) == "finished"
    assert leftovers(tmp_path) == []


def test_waiting_ends_with_the_holder(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(locks, "_SECONDS_BETWEEN_SAFE_POINTS", 0.05)
    with held(tmp_path / ".lock", busy=lambda who: holder.kill()):
        assert is_held(tmp_path / ".lock")


@pytest.fixture
def run(tmp_path):
    found = plan_run_directory(tmp_path, "run", kind="direct", resume=False, overwrite=False)
    create_run_directory(found, overwrite=False)
    found.write_config("seed: 1")
    return found


def test_a_run_that_is_being_made_is_neither_resumed_nor_overwritten(run):
    with run.running():
        assert read_state(run.path) == "running"
        (run.path / "model.keras").write_text("precious")
        with pytest.raises(ArtstyleError, match=rf"Another program is training.*{os.getpid()}"):
            run.running().__enter__()
        with pytest.raises(ArtstyleError, match="Another program is training"):
            create_run_directory(run, overwrite=True)
        assert (run.path / "model.keras").read_text() == "precious"
        assert json.loads(run.state_file.read_text())["state"] == "running"
    assert read_state(run.path) == "finished"


def test_a_run_whose_program_was_killed_is_interrupted(run):
    run.state_file.write_text('{"state": "running"}')
    assert read_state(run.path) == "interrupted"
    run.state_file.write_text("")  # a power cut on a bad disk
    assert read_state(run.path) is None
    with run.running():
        assert read_state(run.path) == "running"


def test_a_run_that_was_killed_before_its_first_file_can_be_continued(tmp_path):
    folder = tmp_path / "models" / "run"
    folder.mkdir(parents=True)
    (folder / ".lock").touch()
    (folder / ".config.7.partial.yaml").write_text("se")
    resumed = plan_run_directory(tmp_path, "run", kind="direct", resume=True, overwrite=False)
    with resumed.running():
        assert leftovers(folder) == []
    (folder / "somebody's.txt").touch()
    with pytest.raises(ArtstyleError, match="There is no run"):
        plan_run_directory(tmp_path, "run", kind="direct", resume=True, overwrite=False)


def test_runs_without_a_name_that_begin_in_one_second_get_different_ones(tmp_path):
    names = set()
    for _ in range(3):
        found = plan_run_directory(tmp_path, None, kind="direct", resume=False, overwrite=False)
        create_run_directory(found, overwrite=False)
        names.add(found.path.name)
    assert len(names) == 3


def test_two_programs_do_not_write_one_file_of_predictions(tmp_path):
    file = tmp_path / "answers.csv"
    with PredictionFile(file, {}) as first:
        first.add([{"path": "a", "prediction": "bold", "top": []}])
        with pytest.raises(ArtstyleError, match="Another program is writing"):
            PredictionFile(file, {}).__enter__()
        first.finish()
    assert [entry.name for entry in tmp_path.iterdir()] == ["answers.csv"]


@pytest.fixture
def table(tmp_path):
    import numpy as np

    table = ActivationTable(tmp_path, {"format": 1}, row_shape=(2,), dtype="float32")
    table.add(["a"], np.zeros((1, 2)))
    return table


def test_a_table_that_is_being_filled_is_not_removed(table, tmp_path):
    (stored,) = stored_tables(tmp_path)
    with held(table.folder / ".lock", busy=refuse):
        assert not remove_table(stored)
        assert stored_tables(tmp_path)
    assert remove_table(stored)
    assert not stored_tables(tmp_path)


def test_a_shard_that_another_program_is_writing_is_left_alone(table):
    """It was considered damaged and removed while another program was writing it."""
    writing = table.folder / ".abc.1.partial.json"
    writing.write_text("[")
    table.refresh()
    assert writing.exists()


def run_all(programs):
    return [program.wait() for program in programs]


@pytest.mark.reliability
def test_five_trainings_share_one_cache_and_one_prepared_folder(server, make_workplace, expected):
    workplace = make_workplace("five at once")
    names = [f"run-{number}" for number in range(5)]
    programs = [
        server.start("train-direct", *TRAIN, "--run-name", name, cwd=workplace) for name in names
    ]
    began = time.monotonic()
    for ended in run_all(programs):
        assert ended.code == 0, ended.err
    print(f"five at once took {time.monotonic() - began:.0f} s")
    for name in names:
        found = training_result(workplace, f"outputs/models/{name}")
        for key in ("history", "predictions", "weights", "state"):
            assert found[key] == expected[key], (name, key)
        assert found["metrics"]["test"] == expected["metrics"]["test"]
    assert leftovers(workplace) == []


@pytest.mark.reliability
def test_five_programs_prepare_one_folder_and_two_of_them_are_killed(server, make_workplace):
    options = ("--config", "config.yaml", "data.upsampling={policy: gentle, target_ratio: 4}")
    whole = make_workplace("prepared alone")
    assert server.run("prepare-data", *options, cwd=whole).code == 0
    workplace = make_workplace("prepared by five")
    programs = [server.start("prepare-data", *options, cwd=workplace) for _ in range(5)]
    for program in programs[:2]:
        time.sleep(0.7)
        program.kill()
    codes = [ended.code for ended in run_all(programs)]
    assert codes[2:] == [0, 0, 0]
    assert files_of(workplace / "prepared") == files_of(whole / "prepared")
    assert leftovers(workplace) == []


@pytest.mark.reliability
def test_five_trainings_of_one_name_do_not_mix(server, make_workplace, expected):
    workplace = make_workplace("one name")
    programs = [server.start("train-direct", *TRAIN, cwd=workplace) for _ in range(5)]
    ended = run_all(programs)
    assert sorted(each.code for each in ended) == [0, 2, 2, 2, 2], [each.err for each in ended]
    assert training_result(workplace) == expected


@pytest.mark.reliability
def test_five_that_overwrite_one_run_do_not_mix(server, copy_of_finished, expected):
    programs = [
        server.start("train-direct", *TRAIN, "--overwrite", cwd=copy_of_finished) for _ in range(5)
    ]
    ended = run_all(programs)
    codes = [each.code for each in ended]
    assert 0 in codes
    assert set(codes) <= {0, 2}, [each.err for each in ended]
    assert training_result(copy_of_finished) == expected
