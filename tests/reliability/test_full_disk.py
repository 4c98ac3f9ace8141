"""A full disk, an unwritable folder: one message, nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil

import numpy as np
import pytest
from results import TRAIN, check_as_uninterrupted, leftovers, resume
from small_disks import small_disk

from artstyle_tf.api import jobs
from artstyle_tf.cli.main import main
from artstyle_tf.images import prepare_data
from artstyle_tf.prediction.prediction_file import PredictionFile
from artstyle_tf.runs.run_creation import create_run_directory, plan_run_directory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, replaced_atomically, write_text

ROOM_IN_KB = 512
MORE_THAN_FITS = 4 * ROOM_IN_KB * 1024


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", ROOM_IN_KB) as mounted:
        yield mounted.folder


def write_large_text(path):
    write_text(path, "x" * MORE_THAN_FITS)


def write_large_arrays(path):
    with replaced_atomically(path) as temporary:
        np.savez(temporary, zeros=np.zeros(MORE_THAN_FITS, np.uint8))


def write_large_model(path):
    import keras

    model = keras.Sequential([keras.Input((MORE_THAN_FITS // 4,)), keras.layers.Dense(1)])
    with replaced_atomically(path) as temporary:
        model.save(temporary)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("text.csv", write_large_text),
        ("arrays.npz", write_large_arrays),
        ("model.keras", write_large_model),
    ],
)
def test_what_does_not_fit_leaves_the_old_file_and_nothing_else(disk, name, write):
    write_text(disk / name, "old")
    with pytest.raises(ArtstyleError) as caught:
        write(disk / name)
    assert caught.value.happened == f"Cannot write {disk / name}"
    assert "No space left on device" in caught.value.received
    assert "0.5 MiB are free in" in caught.value.received
    assert "free some space" in caught.value.fix
    assert (disk / name).read_text() == "old"
    assert [entry.name for entry in disk.iterdir()] == [name]


def test_predictions_stop_and_go_on_when_there_is_room(disk):
    content = "x" * 20_000
    rows = [{"path": f"{i}.jpg", "prediction": content, "top": []} for i in range(60)]
    with pytest.raises(ArtstyleError, match="No space left"):
        add_each(disk / "answers.jsonl", rows)
    done = add_each(disk / "answers.jsonl", [])
    assert 0 < len(done) < 60
    assert {f"{number}.jpg" for number in range(len(done))} == done


def add_each(path, rows):
    with PredictionFile(path, {"run": "a"}) as predictions:
        for row in rows:
            predictions.add([row])
    return predictions.done


def test_a_run_that_fails_for_lack_of_room_can_be_continued(disk):
    run = plan_run_directory(disk, "run", kind="direct", resume=False, overwrite=False)
    create_run_directory(run, overwrite=False)
    with pytest.raises(ArtstyleError, match=r"history\.csv"), run.running():
        write_large_text(run.history_file)
    assert json.loads(run.state_file.read_text())["state"] == "failed"
    again = plan_run_directory(disk, "run", kind="direct", resume=True, overwrite=False)
    with again.running():
        pass
    assert leftovers(disk) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "make the folder writable"),
        (errno.EROFS, "make the folder writable"),
    ],
)
def test_the_fix_belongs_to_the_fault(tmp_path, number, said):
    error = cannot_write(tmp_path / "a" / "b.csv", OSError(number, os.strerror(number)))
    assert said in str(error.fix)
    assert os.strerror(number) in str(error)
    assert ("free in" in str(error)) == ("space" in said)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "there.bin"), "Cannot write there.bin"),
        (PermissionError(errno.EACCES, "Permission denied", "there"), "make the folder writable"),
        (MemoryError(), "There is not enough memory"),
    ],
)
def test_unexpected_errors_are_reported_without_a_traceback(error, said, monkeypatch, capsys):
    def fail(config, invocation):
        raise error

    monkeypatch.setattr(prepare_data, "run", fail)
    without_images = jobs.JOBS["prepare-data"]._replace(early_check=None)
    monkeypatch.setitem(jobs.JOBS, "prepare-data", without_images)
    assert main(["--json"], verb="prepare-data") == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert said in json.loads(captured.out)["error"]


@pytest.mark.reliability
def test_a_training_on_disks_of_all_sizes(server, make_workplace, finished, expected, tmp_path):
    """Each size fills up at another time; with more space, the same command finishes."""
    needed = sum(file.stat().st_size for file in finished.rglob("*") if file.is_file()) // 1024
    stopped = set()
    for step in range(16):
        workplace = make_workplace(f"disk {step}")
        size = max(16, (step + 1) * needed // 14)
        with small_disk(workplace, size) as disk:
            shutil.copy(finished / "config.yaml", workplace)
            ended = server.run("train-direct", *TRAIN, cwd=workplace)
            if ended.code:
                assert ended.code == 2, ended.err
                errors = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
                assert len(errors) == 1
                assert "No space left on device" in errors[0]
                assert "Traceback" not in ended.err
                assert leftovers(workplace) == []
                stopped.add(errors[0].split(". Received")[0].rpartition("/")[2])
                disk.resize(8 * needed + 10_000)
                ended = resume(server, workplace)
            check_as_uninterrupted(ended, workplace, expected)
    print("it was stopped at", sorted(stopped))
    assert len(stopped) >= 4


@pytest.mark.reliability
def test_folders_that_may_not_be_written(server, make_workplace, tmp_path):
    workplace = make_workplace("read-only")
    with small_disk(workplace / "outputs", 1000) as disk:
        os.system(f"mount -o remount,ro {disk.folder}")
        ended = server.run("train-direct", *TRAIN, cwd=workplace)
        assert ended.code == 2
        assert "Read-only file system" in ended.err
        assert "make the folder writable" in ended.err
        assert "Traceback" not in ended.err
