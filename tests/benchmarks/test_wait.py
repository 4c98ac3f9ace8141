"""The wait for commands: what a process used, the states of the cache, interrupts, the table."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import HUNG_SECONDS
from PIL import Image

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LINUX = sys.platform.startswith("linux")

# A program that ends before the process that it has started, as a command with a fork server does.
PROGRAM = """
import subprocess, sys
work = "content = bytearray(300 << 20)\\nimport time\\nwhile time.process_time() < 1: pass"
subprocess.Popen([sys.executable, "-c", work])
print("result")
"""

MEASURE = """
import json, sys
from measured_process import run_measured
finished = run_measured([sys.executable, "-c", sys.argv[1]])
print(json.dumps([finished.processor_s, finished.peak_memory_gb, finished.output]))
"""


@pytest.fixture
def commands(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import commands_to_wait_for

    return commands_to_wait_for


@pytest.fixture
def inputs(commands, write_images, tmp_path):
    images = write_images(tmp_path / "images", {"bold": 12, "fine": 12}, size_px=32)
    return inputs_of(commands, images, tmp_path)


def inputs_of(commands, images, tmp_path):
    commands.write_split(images, tmp_path / "split.csv")
    return commands.Inputs(
        images=images,
        split_file=tmp_path / "split.csv",
        backbone="efficientnet_b0",
        weights=None,
        image_size_px=32,
        epochs=20,
    )


@pytest.mark.skipif(not LINUX, reason="only Linux hands orphans to the benchmark")
def test_processes_that_outlive_their_program_count():
    # In a small process: see `run_measured` about memory.
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(BENCHMARKS), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    processor_s, peak_memory_gb, output = json.loads(answer.stdout)
    assert processor_s >= 1
    assert 0.29 < peak_memory_gb < 0.4
    assert output == "result\n"


def test_a_program_that_fails_is_named_with_its_message(commands):
    program = "import sys; sys.exit('no such weights')"
    with pytest.raises(ArtstyleError, match="no such weights"):
        commands.run_measured([sys.executable, "-c", program])


def test_a_cold_command_finds_the_runs_it_needs_and_no_cache(commands, inputs, tmp_path):
    folder = tmp_path / "work"
    files = ["outputs/models/direct-cold/model.keras", "outputs/trunk_cache/key/rows.bin"]
    for file in [*files, "data/augmented_images/train/a.png"]:
        (folder / file).parent.mkdir(parents=True)
        (folder / file).touch()
    place = commands.WorkFolder(folder, inputs, SILENT)
    place.keep_runs()
    place.empty(commands.COMMANDS["predict"])
    assert (folder / files[0]).exists()
    assert (folder / "data/augmented_images/train/a.png").exists()
    assert not (folder / files[1]).exists()
    place.empty(commands.COMMANDS["train_triplet"])
    assert not (folder / "outputs").exists()
    assert not (folder / "data").exists()


@pytest.mark.parametrize("options", [[], ["--features-once"]])
def test_plain_keras_trains_and_evaluates_on_the_split(
    commands, tmp_path, monkeypatch, capsys, without_graphs, options
):
    import keras

    def build(*, include_top, weights, input_shape):
        """Build a network whose pooled features are the mean color, 256 times."""
        assert not include_top
        assert weights is None
        pixels = keras.Input(input_shape)
        values = keras.layers.Rescaling(1 / 255)(pixels)
        return keras.Model(pixels, keras.layers.Concatenate()([values] * 256))

    for style, color in {"blue": (0, 0, 255), "red": (255, 0, 0)}.items():
        (tmp_path / "images" / style).mkdir(parents=True)
        for number in range(12):
            file = tmp_path / "images" / style / f"{number}.png"
            Image.new("RGB", (32, 32), color).save(file)
    inputs = inputs_of(commands, tmp_path / "images", tmp_path)
    place = commands.WorkFolder(tmp_path, inputs, SILENT)
    place.empty(commands.COMMANDS["plain_keras"])
    counts = {
        split: len(list((tmp_path / "plain" / split).glob("*/*"))) for split in ("train", "val")
    }
    assert counts == {"train": 20, "val": 4}
    _, script, *arguments = commands.COMMANDS["plain_keras"].arguments(inputs, "none")
    monkeypatch.setattr(keras.applications, "EfficientNetB0", build)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script, *arguments, *options])
    runpy.run_path(script, run_name="__main__")
    assert json.loads(capsys.readouterr().out) == {"epochs": 20, "val_accuracy": 1.0}


def test_the_ratio_is_wall_time_to_that_of_the_import(
    commands, inputs, tmp_path, monkeypatch, capsys
):
    import wait

    def command(inputs, cache):
        return [
            sys.executable,
            "-c",
            "print(1)" if cache == "cold" else "raise SystemExit('broken')",
        ]

    monkeypatch.setitem(commands.COMMANDS, "inspect_data", commands.Command(command))
    monkeypatch.setattr(wait, "python_that_imports", lambda module: [sys.executable, "-c", "pass"])
    options = ["--images", inputs.images, "--commands", "inspect_data", "tune", "--repeats", 1]
    options += ["--json", tmp_path / "wait.json"]
    monkeypatch.setattr(sys, "argv", ["wait.py", *map(str, options)])
    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)  # those of the tests stay
        assert wait.main() == 2
    content = json.loads((tmp_path / "wait.json").read_text())
    reference, (cold,) = content["reference"], content["results"]
    assert (cold["command"], cold["cache"]) == ("inspect_data", "cold")
    assert cold["ratio"] == cold["wall_s"] / reference["wall_s"]
    assert reference["ratio"] == 1
    assert content["settings"]["num_images"] == 24
    assert content["left_out"]["tune"] == "give --tune TRIALS"
    assert "broken" in content["left_out"]["inspect_data"]
    printed = capsys.readouterr()
    shown = ["inspect_data", "cold", f"{cold['wall_s']:.1f}", f"{cold['ratio']:.2f}"]
    assert shown in [line.split()[:4] for line in printed.out.splitlines()]
    assert "Some commands failed" in printed.err  # after the table


def test_a_failed_training_ends_the_commands_that_need_it(commands, inputs, tmp_path, monkeypatch):
    import wait

    broken = commands.Command(lambda *_: [sys.executable, "-c", "raise SystemExit('broken')"])
    monkeypatch.setitem(commands.COMMANDS, "train_direct", broken)
    monkeypatch.setattr(wait, "python_that_imports", lambda module: [sys.executable, "-c", "pass"])
    options = ["--images", inputs.images, "--commands", "predict", "report", "--quiet"]
    options += ["--json", tmp_path / "wait.json"]
    monkeypatch.setattr(sys, "argv", ["wait.py", *map(str, options)])
    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)  # those of the tests stay
        assert wait.main() == 2
    content = json.loads((tmp_path / "wait.json").read_text())
    assert content["results"] == []
    assert content["left_out"].keys() == {"predict", "report"}
    assert len(content["reference"]["values"]) == 1


def test_values_are_medians_over_rounds(commands):
    import wait
    from measured_process import FinishedProcess

    rounds = [(4, 2, 0.5), (9, 5, 0.7), (6, 3, 0.6)]
    row = wait.Waited("predict", "cold", [FinishedProcess(*values, "", "") for values in rounds])
    reference = wait.Waited("import", None, [FinishedProcess(4, 4, 0.4, "", "")])
    assert row.as_json(reference) == {
        "command": "predict",
        "cache": "cold",
        "wall_s": 6,
        "ratio": 1.5,
        "processor_s": 3,
        "peak_memory_gb": 0.7,
        "values": [4, 9, 6],
    }


@pytest.mark.slow
@pytest.mark.reliability  # 17 commands in processes of their own
def test_every_command_of_the_readme_runs(inputs, tmp_path):
    names = ["inspect_data", "train_direct", "train_triplet", "predict", "evaluate", "report"]
    names += ["export_model", "compare"]
    options = ["--images", inputs.images, "--split-file", inputs.split_file, "--quiet"]
    options += ["--backbone", "compact", "--image-size-px", 32]
    options += ["--override", "training.trunk_cache.runtime=keras"]
    options += ["--commands", *names, "plain_keras", "--json", tmp_path / "wait.json"]
    answer = subprocess.run(
        [sys.executable, BENCHMARKS / "wait.py", *map(str, options)],
        capture_output=True,
        text=True,
        timeout=HUNG_SECONDS,
    )
    assert answer.returncode == 0, answer.stderr
    content = json.loads((tmp_path / "wait.json").read_text())
    states = [(row["command"], row["cache"]) for row in content["results"]]
    assert states == [(name, cache) for name in names for cache in ("cold", "warm")]
    assert content["left_out"] == {"plain_keras": "the backbone is no EfficientNet"}
    assert len(content["reference"]["values"]) == len(names)
    assert all(0.02 < row["peak_memory_gb"] < 10 for row in content["results"])


@pytest.mark.skipif(not LINUX, reason="reads the environment of processes from /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_command_and_removes_the_folder(inputs, tmp_path, number):
    folder = tmp_path / "temporary"
    folder.mkdir()
    options = ["--images", inputs.images, "--commands", "inspect_data"]
    process = subprocess.Popen(
        [sys.executable, BENCHMARKS / "wait.py", *options],
        env={**os.environ, "TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: len(processes_with(folder)) > 1)  # it imports TensorFlow
    process.send_signal(number)
    process.communicate(timeout=HUNG_SECONDS)
    assert process.returncode == 130
    assert processes_with(folder) == []
    assert list(folder.iterdir()) == []


def processes_with(folder):
    """Return the processes that have a temporary folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}".encode() in file.read_bytes().split(b"\0"):
                found.append(file.parent.name)
        except OSError:
            continue
    return found


def wait_until(condition):
    deadline = time.monotonic() + HUNG_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
