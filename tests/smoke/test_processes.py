"""Events around a training process: closed readers, signals, a removed folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HUNG_SECONDS

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_direct.py"
OVERRIDES = [
    "data.images=images",
    "data.prepared=prepared",
    "model.backbone=compact",
    "model.weights=null",
    "model.image_size_px=32",
    "training.batch_size=8",
    "training.trunk_cache.runtime=keras",
    "training.tensorboard=false",
    "report=false",
]
SHORT = "training.phases=[{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3}]"
LONG = "training.phases=[{unfreeze_blocks: 1, epochs: 500, learning_rate: 1e-4}]"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, write_images):
    folder = tmp_path_factory.mktemp("processes")
    write_images(folder / "images", {"bold": 12, "fine": 12})
    return folder


def command(*arguments):
    return [sys.executable, str(SCRIPT), *OVERRIDES, *arguments]


def state(run):
    return json.loads((run / "run.json").read_text())["state"]


@pytest.mark.reliability
def test_a_training_without_a_reader_ends_as_usual(workplace):
    # As `2>&1 | head -1`, of which not even the first line is read.
    reading, writing = os.pipe()
    os.close(reading)
    try:
        options = command(SHORT, "--run-name", "unwatched", "--json")
        answer = subprocess.run(
            options, cwd=workplace, stdout=writing, stderr=writing, timeout=HUNG_SECONDS
        )
    finally:
        os.close(writing)
    assert answer.returncode == 141  # the result did not arrive
    run = workplace / "outputs" / "models" / "unwatched"
    assert state(run) == "finished"
    assert json.loads((run / "metrics.json").read_text())["best_epoch"] in (0, 1)


def begin(workplace, *options, deaf=True):
    """Start a long training, as a shell's background job if it ignores Ctrl-C."""

    def ignore_ctrl_c():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    return subprocess.Popen(
        command(LONG, "--run-name", "long", *options),
        cwd=workplace,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore_ctrl_c if deaf else None,
        start_new_session=True,
    )


def until_it_trains(process):
    heard = []
    for line in process.stderr:
        heard.append(line)
        if line.startswith("Epoch ") and "/500" in line:
            return
    pytest.fail("".join(heard))


@pytest.mark.reliability  # of a whole training; tests/system/test_interruption.py has the signals
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_background_job_is_interrupted_and_continues(workplace, number):
    run = workplace / "outputs" / "models" / "long"
    with begin(workplace, *(["--resume"] if run.exists() else [])) as process:
        until_it_trains(process)
        os.killpg(process.pid, signal.SIGINT)  # which it does not hear
        # To the whole group and twice, as `timeout` does.
        for _ in range(2):
            os.killpg(process.pid, getattr(signal, number))
        heard = process.stderr.read()
    assert process.returncode == 130, heard
    assert "Traceback" not in heard
    assert state(run) == "interrupted"
    assert (run / "resume.npz").is_file()
    assert not list(workplace.rglob("*.partial*"))


@pytest.mark.reliability
def test_a_training_whose_folder_is_removed_does_not_end_well(workplace):
    run = workplace / "outputs" / "models" / "long"
    with begin(workplace, "--overwrite") as process:
        until_it_trains(process)
        shutil.rmtree(run, ignore_errors=True)
        heard = process.stderr.read()
    assert process.returncode == 2, heard
    assert "was removed or replaced" in heard
    assert "Traceback" not in heard


def test_before_tensorflow_is_imported_a_request_ends_at_once(workplace, tmp_path):
    # The program prints nothing before, so the import is made to print.
    (tmp_path / "tensorflow.py").write_text(
        "import os, time\nos.write(1, b'importing')\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        command(SHORT, "--run-name", "early"),
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    ) as process:
        assert process.stdout.read(9) == b"importing"
        process.send_signal(signal.SIGTERM)
        heard = process.stderr.read()
    assert process.returncode == 130
    assert heard == b"Interrupted before anything was started.\n"
    assert not (workplace / "outputs" / "models" / "early").exists()
