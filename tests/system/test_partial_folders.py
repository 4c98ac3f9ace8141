from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile

import pytest

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import must_stay, write_text
from artstyle_tf.system.os_errors import explained
from artstyle_tf.system.partial_folders import partial_folder, remove_abandoned_files
from artstyle_tf.system.temporary_folder import provide_temporary_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes")


@pytest.fixture(scope="module")
def dead_process():
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_folders_of_dead_processes_are_removed_and_others_stay(tmp_path, dead_process):
    target = tmp_path / "saved_model"
    dead = [f".saved_model.{dead_process}.partial", f".saved_model.{dead_process}-x1.partial"]
    kept = [
        f".saved_model.{os.getppid()}.partial",
        f".other.{dead_process}.partial",
        ".saved_model.mine.partial",
        "saved_model.1.partial",
    ]
    for name in dead + kept:
        (tmp_path / name / "model").mkdir(parents=True)
    # An unlocked folder of a process whose id another process has now, as in containers.
    reused = tmp_path / f".saved_model.{os.getpid()}-x2.partial"
    reused.mkdir()
    (reused / ".lock").touch()
    with partial_folder(target) as first, partial_folder(target) as second:
        assert first != second
        assert {folder.name for folder in tmp_path.iterdir()} == {*kept, first.name, second.name}
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted(kept)


def test_files_of_dead_processes_are_removed(tmp_path, dead_process):
    dead = tmp_path / "onnx" / f".model.{dead_process}.partial.onnx"
    alive = tmp_path / f".model.{os.getppid()}.partial.onnx"
    other = tmp_path / "notes.partial"
    for file in (dead, alive, other):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    remove_abandoned_files(tmp_path)
    assert [file.exists() for file in (dead, alive, other)] == [False, True, True]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_removed_folder_is_not_recreated(tmp_path, replaced):
    run = tmp_path / "run"
    witness = run / "config.yaml"
    write_text(witness, "seed: 1")
    with must_stay(run, witness):
        write_text(run / "below" / "a.txt", "x")
        run.rename(tmp_path / "moved")
        if replaced:
            write_text(tmp_path / "elsewhere" / "config.yaml", "seed: 2")
            (tmp_path / "elsewhere").rename(run)
        with pytest.raises(ArtstyleError, match=r"removed or replaced"):
            write_text(run / "below" / "b.txt", "x")
        write_text(tmp_path / "beside.txt", "x")
    assert run.exists() == replaced
    write_text(run / "below" / "b.txt", "x")  # afterwards nothing is watched


@pytest.fixture
def no_temporary_folder(monkeypatch):
    """Return the functions that are registered to run at exit."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", list)
    monkeypatch.setenv("TMPDIR", "before")
    at_exit = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    return at_exit


def test_temporary_files_go_beside_the_results_where_nothing_else_can_be_written(
    tmp_path, no_temporary_folder
):
    with pytest.raises(FileNotFoundError) as raised:
        tempfile.gettempdir()
    assert "TMPDIR" in str(explained(raised.value))
    provide_temporary_folder(tmp_path / "new" / "outputs")
    with tempfile.TemporaryDirectory() as folder:
        assert str(tmp_path / "new" / "outputs") in folder
        assert os.environ["TMPDIR"] == tempfile.gettempdir()
    finish = no_temporary_folder[0]
    finish()
    assert list(tmp_path.iterdir()) == []
    assert os.environ["TMPDIR"] == "before"


def test_where_results_cannot_be_written_either_nothing_is_provided(tmp_path, no_temporary_folder):
    (tmp_path / "file").touch()
    provide_temporary_folder(tmp_path / "file" / "outputs")
    assert no_temporary_folder == []


def test_a_system_with_a_temporary_folder_is_left_alone(tmp_path):
    before = tempfile.gettempdir()
    provide_temporary_folder(tmp_path / "outputs")
    assert tempfile.gettempdir() == before
    assert list(tmp_path.iterdir()) == []
