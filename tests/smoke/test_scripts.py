"""Each script through its real command line: 24 generated images, random weights.

Starting a script takes ten seconds, most of them imports. Where tests/jobs has the same job, called
in the process of the tests, the script is tested in the reliability suite. So is an EfficientNet,
whose graphs take longer than all of the rest; tests/jobs/test_main_job.py trains one without them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import HUNG_SECONDS

SCRIPTS = Path(__file__).parents[2] / "scripts"
OVERRIDES = [
    "data.images=images",
    "data.prepared=prepared",
    "model.backbone=compact",
    "model.weights=null",
    "model.image_size_px=32",
    "model.head=pooled",  # as many graphs again for a style head
    "training.select_epoch_on=validation",  # instead of three more trainings
    "training.batch_size=4",  # divides each split: another size of batch is compiled anew
    "training.trunk_cache={mode: always, runtime: keras}",
    "training.phases=[{unfreeze_blocks: 1, epochs: 3, learning_rate: 1e-3}]",
    "training.tensorboard=false",
    "report=false",
]


def command(script, *arguments):
    return [sys.executable, str(SCRIPTS / f"{script}.py"), *arguments]


def run(script, *arguments, cwd):
    return subprocess.run(
        command(script, *arguments), cwd=cwd, capture_output=True, text=True, timeout=HUNG_SECONDS
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, write_images):
    folder = tmp_path_factory.mktemp("smoke place ö")
    write_images(folder / "images", {"bold": 12, "fine": 12})
    return folder


@pytest.fixture(scope="module")
def trained(workplace):
    """Return the result of train_direct.py."""
    options = ["report=true", "--run-name", "smoke", "--json"]
    answer = run("train_direct", *OVERRIDES, *options, cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    return answer


def test_train_direct_prints_one_json_object_and_speaks_on_stderr(trained):
    result = json.loads(trained.stdout)
    assert result["run"] == "outputs/models/smoke"
    assert {"macro_f1", "accuracy", "macro_precision", "macro_recall"} <= set(result["test"])
    assert "Epoch 3/3 (top 1 block)" in trained.stderr
    assert "Traceback" not in trained.stderr


@pytest.mark.reliability
def test_a_training_writes_a_page_that_report_rewrites(trained, workplace):
    page = workplace / json.loads(trained.stdout)["report"]
    first = page.read_text(encoding="utf-8")
    page.unlink()
    answer = run("report", "--runs", "outputs/models/smoke", "--json", cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
    assert json.loads(answer.stdout)["size_bytes"] == [page.stat().st_size]
    assert "<title>smoke" in first
    assert "<title>smoke" in page.read_text(encoding="utf-8")


@pytest.mark.reliability
def test_an_efficientnet_is_trained(workplace):
    options = ["model.backbone=efficientnet_b0", "--run-name", "efficientnet", "--json"]
    options += ["model.head=style", "training.select_epoch_on=new_groups"]
    options.append("training.trunk_cache.runtime=auto")  # as outside of tests
    options.append("training.phases.0.epochs=1")
    answer = run("train_direct", *OVERRIDES, *options, cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["best_epoch"] in (0, 1)


@pytest.mark.reliability
def test_evaluate_reads_what_train_direct_wrote(trained, workplace):
    answer = run("evaluate", "--run", "outputs/models/smoke", "--json", cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["metrics"] == json.loads(trained.stdout)["test"]


@pytest.mark.reliability
def test_train_triplet_shares_images_and_cache_with_train_direct(trained, workplace):
    overrides = [
        item
        for item in OVERRIDES
        if not item.startswith(("training.ph", "training.ba", "training.select"))
    ]
    overrides.append(
        "training.phases=[{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3, loss: semi_hard}]"
    )
    options = ["--run-name", "embedding", "--json"]
    answer = run("train_triplet", *overrides, *options, cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert {"macro_f1", "recall_at_1", "map_at_r"} <= set(result["test"])
    assert "Epoch 1/1 (top 1 block)" in answer.stderr
    assert "Traceback" not in answer.stderr
    answer = run("evaluate", "--run", "outputs/models/embedding", cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    assert "MAP@R" in answer.stdout


@pytest.mark.reliability
def test_features_are_analyzed_and_compared_with_their_run(trained, workplace):
    quick = ["projection.methods=[pca]", "clustering.num_clusters=2", "folds.num_folds=2"]
    quick += ["classifiers={names: [gradient_boosting], num_candidates: 1, num_folds: 2}"]
    run_folder = ["--run", "outputs/models/smoke"]
    answer = run("analyze_features", *run_folder, *quick, "--json", cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert "Searching gradient boosting: 2/2 fits" in answer.stderr
    assert "Traceback" not in answer.stderr
    runs = ["--runs", "outputs/models/smoke", result["results"], "timed_images=2"]
    answer = run("compare", *runs, cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    assert "macro precision" in answer.stdout
    assert "do not differ significantly" in answer.stdout
    assert "Traceback" not in answer.stderr


def test_prepare_data_finds_its_work_done(trained, workplace):
    before = {file: file.stat().st_mtime_ns for file in (workplace / "prepared").rglob("*.png")}
    answer = run("prepare_data", *OVERRIDES, cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    assert "Prepared images: prepared" in answer.stdout
    assert before == {file: file.stat().st_mtime_ns for file in before}


@pytest.mark.reliability
def test_inspect_data_inspects_a_folder_and_fails_on_request(workplace):
    options = ["--images", "images", "--run-name", "look", "--fail-on", "tiny", "--json"]
    answer = run("inspect_data", *options, cwd=workplace)
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    result = json.loads(answer.stdout)
    assert (result["num_images"], result["failed_on"]) == (24, ["tiny"])
    assert (workplace / "outputs" / "inspections" / "look" / "summary.json").is_file()
    assert len(list((workplace / "outputs" / "figs" / "inspections" / "look").glob("*.png"))) >= 12


def test_no_training_images_are_two_lines_and_exit_code_2(tmp_path):
    answer = run("train_direct", cwd=tmp_path)
    assert answer.returncode == 2
    assert "data/images/<style>/" in answer.stderr
    assert "--demo" in answer.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(
    "moment",
    [
        "Frozen blocks on",
        pytest.param("Preparing images", marks=pytest.mark.reliability),
        pytest.param("Start (linear probe)", marks=pytest.mark.reliability),
    ],
)
def test_ctrl_c_leaves_a_state_that_the_same_command_continues(trained, workplace, moment):
    """The result equals that of `trained`, an uninterrupted process with the same seed."""
    started = time.monotonic()
    name = f"interrupted-{moment[:6].strip()}"
    options = [*OVERRIDES, f"data.prepared={name}"]
    options.append(f"training.trunk_cache.folder={name}-cache")  # others have filled the usual one
    heard = ""
    with subprocess.Popen(
        command("train_direct", *options, "--run-name", name),
        cwd=workplace,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            heard += line
            if moment in line:
                process.send_signal(signal.SIGINT)
                break
        heard += process.stderr.read()
    assert process.returncode == 130, heard
    assert "Traceback" not in heard
    assert not list((workplace / "outputs").rglob("*.partial*"))
    resume = ["--resume"] if (workplace / "outputs" / "models" / name).exists() else []
    answer = run("train_direct", *options, "--run-name", name, *resume, "--json", cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    first, second = json.loads(trained.stdout), json.loads(answer.stdout)
    assert second["report"] is None
    assert not (workplace / "outputs" / "models" / name / "tensorboard").exists()
    assert second["best_epoch"] == first["best_epoch"]
    assert (first["validation"], first["test"]) == (second["validation"], second["test"])
    assert second["seconds"]["total"] <= time.monotonic() - started


@pytest.mark.reliability
def test_a_trained_run_is_exported_and_predicts(trained, workplace):
    answer = run("export_model", "--run", "outputs/models/smoke", "--json", cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    assert (workplace / json.loads(answer.stdout)["saved_model"] / "saved_model.pb").is_file()
    options = ["--run", "outputs/models/smoke", "images/bold", "--json"]
    answer = run("predict", *options, cwd=workplace)
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["num_images"] == 12
    assert (workplace / result["output"]).is_file()
    assert "Traceback" not in answer.stderr
