"""The main job through its command line, with a network small enough for tests."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names
from PIL import Image

from artstyle_tf.cli.main import main
from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.runs.run_directory import open_run

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
report: false
data: {images: images, prepared: prepared, group_pattern: '^([^_]+)_', preparation_workers: 1,
       views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  tensorboard: false
  batch_size: 18
  linear_probe: {method: logistic, C: 4.0}
  label_smoothing: 0.0
  batch_norm: trained
  select_epoch_on: validation
  phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3},
           {unfreeze_blocks: all, epochs: 2, learning_rate: 1e-2}]
"""


STYLES = {"bold": 20, "fine": 20, "wide": 12}
SHARES = {"macro_f1", "accuracy", "macro_precision", "macro_recall"}
SCORES = {*SHARES, "expected_calibration_error", "brier_score", "log_loss"}


@pytest.fixture
def workplace(enter_workplace):
    return enter_workplace(CONFIG, STYLES)


def train(*arguments):
    return main(["--config", "config.yaml", *arguments], verb="train-direct")


def evaluate(*arguments):
    return main(list(arguments), verb="evaluate")


def json_from(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def trained_once(first_workplace):
    """Train a run in a folder."""
    printed = io.StringIO()
    with first_workplace(STYLES, {"config.yaml": CONFIG}) as folder:
        with contextlib.redirect_stdout(printed):
            assert train("--run-name", "first", "--json", "--quiet") == 0
        Path("printed.json").write_text(printed.getvalue())
    return folder


@pytest.fixture
def trained(trained_once, enter_copy, tiny_network_by_name):
    """Return the JSON of a finished run, in a folder of this test."""
    enter_copy(trained_once)
    return json.loads(Path("outputs/models/first/metrics.json").read_text())


def test_the_json_contract(trained):
    kept = json.loads(Path("outputs/models/first/metrics.json").read_text())
    printed = json.loads(Path("printed.json").read_text())
    assert {**kept, "report": None} == printed  # which is made from what was kept
    assert trained["run"] == "outputs/models/first"
    for split in ("validation", "test"):
        assert set(trained[split]) == SCORES
        assert all(0 <= trained[split][name] <= 1 for name in SHARES)
        intervals = trained["intervals"][split]
        assert set(intervals) == SCORES
        for name in SHARES:
            low, high = intervals[name]
            assert low - 1e-9 <= trained[split][name] <= high + 1e-9
    assert undocumented_names(trained) == set()
    assert {"first_model", "preparation", "training", "evaluation", "total"} <= set(
        trained["seconds"]
    )


def test_the_run_directory_holds_what_is_needed_to_repeat_the_run(trained):
    run = Path(trained["run"])
    assert load_config(DirectExperiment, run / "config.yaml").run_name == "first"
    assert json.loads((run / "class_names.json").read_text()) == ["bold", "fine", "wide"]
    assert json.loads((run / "run.json").read_text())["state"] == "finished"
    environment = json.loads((run / "environment.json").read_text())
    assert environment["seed"] == 42
    assert environment["packages"]["keras"] == keras.__version__
    assert len(environment["initial_weights_digest"]) == 64
    split = pd.read_csv(run / "split.csv")
    assert len(split) == 52
    assert split.groupby("group")["split"].nunique().max() == 1
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["phase"].tolist()[:2] == ["linear probe", "top 1 block"]
    assert trained["validation"]["macro_f1"] == pytest.approx(
        history["val_macro_f1"].max(), abs=1e-5
    )
    assert not (run / "resume.npz").exists()
    assert not list(run.rglob("*.partial*"))


def test_the_run_is_compared_with_its_baseline_on_the_same_images(trained):
    for split in ("validation", "test"):
        baseline = trained["baseline"][split]
        difference = trained[split]["macro_f1"] - baseline["macro_f1"]
        comparison = baseline["trained_against_baseline"]
        assert comparison["difference"] == pytest.approx(difference)
        low, high = comparison["interval"]
        assert low <= difference + 1e-9
        assert difference <= high + 1e-9
        is_clear = not low <= 0 <= high
        assert ("is better than" in baseline["verdict"]) == is_clear
    history = pd.read_csv(Path(trained["run"]) / "history.csv")
    # Epoch 0 is the baseline: it was fitted before anything was learned.
    assert history["val_macro_f1"].iloc[0] == pytest.approx(
        trained["baseline"]["validation"]["macro_f1"], abs=1e-5
    )


def test_the_calibration_is_kept_and_used(trained):
    run = Path(trained["run"])
    calibration = json.loads((run / "calibration.json").read_text())
    assert calibration == trained["calibration"]
    for split in ("validation", "test"):
        predictions = pd.read_csv(run / split / "predictions.csv")
        threshold = calibration["threshold"]
        accepted = predictions["confidence"] >= (2 if threshold is None else threshold - 1e-6)
        assert predictions["accepted"].tolist() == accepted.tolist()
    validation = pd.read_csv(run / "validation" / "predictions.csv")
    assert validation["accepted"].mean() == pytest.approx(calibration["coverage"])
    answered = validation[validation["accepted"]]
    if len(answered):
        assert (answered["label"] == answered["prediction"]).mean() >= 0.95


def test_the_figures_are_there(trained):
    figures = Path(trained["figures"])
    names = {file.relative_to(figures).as_posix() for file in figures.rglob("*.png")}
    assert {"training_curves.png", "class_distribution.png"} <= names
    for split in ("validation", "test"):
        for name in ("confusion_matrix", "confusion_matrix_normalized", "gallery", "calibration"):
            assert f"{split}/{name}.png" in names


@pytest.fixture
def interrupted_in_epoch_1(monkeypatch):
    """Function (*arguments): train until Ctrl-C is pressed; what follows is not interrupted."""
    from artstyle_tf.training.callbacks.epoch_logs import HistoryLog

    on_epoch_end = HistoryLog.on_epoch_end

    def interrupt(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        on_epoch_end(self, epoch, logs)

    def run(*arguments):
        with monkeypatch.context() as patch:
            patch.setattr(HistoryLog, "on_epoch_end", interrupt)
            assert main(list(arguments), verb="train-direct") == 130

    return run


def test_the_run_can_be_repeated_from_its_own_config_and_split_even_if_interrupted(
    trained, capsys, interrupted_in_epoch_1
):
    run = Path(trained["run"])
    overrides = [f"data.split_file={run / 'split.csv'}", "run_name=second"]
    arguments = ["--config", str(run / "config.yaml"), *overrides, "--quiet"]
    interrupted_in_epoch_1(*arguments)
    state = json.loads(Path("outputs/models/second/run.json").read_text())["state"]
    assert state == "interrupted"
    capsys.readouterr()
    assert main([*arguments, "--resume", "training.batch_size=4"], verb="train-direct") == 2
    assert "training.batch_size" in capsys.readouterr().err
    assert main([*arguments, "--resume", "--json"], verb="train-direct") == 0
    again = json_from(capsys)
    assert again["best_epoch"] == trained["best_epoch"]
    assert again["validation"] == trained["validation"]
    assert again["test"] == trained["test"]
    first, second = (
        keras.models.load_model(Path("outputs/models") / name / "model.keras", compile=False)
        for name in ("first", "second")
    )
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_evaluate_repeats_the_test_scores(trained, capsys):
    assert evaluate("--run", trained["run"], "--json", "--quiet") == 0
    result = json_from(capsys)
    assert result["metrics"] == trained["test"]
    assert result["num_images"] == trained["num_images"]["test"]
    assert result["unreadable"] == []
    predictions = pd.read_csv(Path(result["results"]) / "predictions.csv")
    assert len(predictions) == result["num_images"]
    assert (predictions["label"] == predictions["prediction"]).mean() == pytest.approx(
        result["metrics"]["accuracy"]
    )
    probabilities = predictions.filter(like="probability_")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)


def test_evaluate_never_overwrites_an_earlier_evaluation(trained, capsys):
    names = []
    for _ in range(2):
        assert evaluate("--run", trained["run"], "--json", "--quiet") == 0
        names.append(json_from(capsys)["evaluated"])
    assert names == ["test", "test-2"]
    assert evaluate("--run", trained["run"], "--run-name", "test", "--quiet") == 2


def test_evaluate_on_another_folder_lists_what_cannot_be_read(trained, capsys, write_images):
    folder = write_images(Path("öther images"), {"bold": 3, "wide": 2}, seed=9)
    (folder / "bold" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (folder / "wide" / "empty.png").touch()
    assert evaluate("--run", trained["run"], "--images", str(folder), "--json") == 0
    result = json_from(capsys)
    assert result["num_images"] == 5
    unreadable = {Path(row["path"]).name for row in result["unreadable"]}
    assert unreadable == {"broken.jpg", "empty.png"}
    assert result["metrics"]["macro_recall"] <= 1


def test_evaluate_warns_if_the_model_was_trained_on_the_images(trained, capsys):
    assert evaluate("--run", trained["run"], "--images", "images", "--quiet") == 0
    assert "The run was trained on 40" in capsys.readouterr().err


def test_evaluate_refuses_styles_the_model_does_not_know(trained, capsys, write_images):
    folder = write_images(Path("other"), {"bold": 2, "baroque": 2})
    assert evaluate("--run", trained["run"], "--images", str(folder)) == 2
    assert "baroque" in capsys.readouterr().err


def test_evaluate_without_a_run_lists_the_runs(trained, capsys):
    assert evaluate() == 2
    assert "first" in capsys.readouterr().err
    assert evaluate("--run", "outputs/models/none") == 2
    assert "is not a run" in capsys.readouterr().err


def test_evaluate_reports_images_that_changed_since_the_run(trained, capsys):
    images = pd.read_csv("outputs/models/first/images.csv", keep_default_na=False)
    row = images[images["split"] == "test"].iloc[0]
    Image.new("RGB", (8, 8)).save(Path("prepared") / row["path"])
    assert evaluate("--run", trained["run"], "--json", "--quiet") == 0
    result = json_from(capsys)
    assert result["unreadable"] == [{"path": row["source"], "reason": "changed since the run"}]
    assert result["num_images"] == trained["num_images"]["test"] - 1


def test_a_second_run_of_the_same_name_needs_overwrite(trained, capsys):
    before = Path("outputs/models/first/model.keras").read_bytes()
    assert train("--run-name", "first", "--quiet") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert Path("outputs/models/first/model.keras").read_bytes() == before
    assert train("--run-name", "first", "--quiet", "--overwrite", "training.phases=[]") == 0
    assert "the start" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(workplace, capsys):
    before = sorted(workplace.rglob("*"))
    assert train("--dry-run", "--json") == 0
    planned = json_from(capsys)
    assert planned["classes"] == ["bold", "fine", "wide"]
    assert sorted(workplace.rglob("*")) == before


def test_upsampling_fills_the_training_split_only(workplace, capsys):
    options = ["data.upsampling={policy: flip, jitter: 0}", "training.phases=[]"]
    assert train(*options, "--json", "--quiet") == 0
    result = json_from(capsys)
    images = pd.read_csv(Path(result["run"]) / "images.csv", keep_default_na=False)
    children = images[images["parent"] != ""]
    assert set(children["split"]) == {"train"}
    counts = images[images["split"] == "train"]["label"].value_counts()
    assert counts.max() - counts.min() <= 1


def test_a_run_without_phases_is_its_start_and_evaluates_the_same(workplace, capsys):
    """Uses a style head and ridge regression without gradients, as configs/direct.yaml does."""
    options = ["model.head=style", "model.style={blocks: [block1a, block2b], width: 5}"]
    options += ["training.linear_probe={method: ridge}", "training.phases=[]"]
    assert train("--run-name", "start", *options, "--json", "--quiet") == 0
    trained = json_from(capsys)
    assert trained["best_epoch"] == 0
    history = pd.read_csv(Path(trained["run"]) / "history.csv")
    assert history["phase"].tolist() == ["linear probe"]
    assert trained["validation"]["macro_f1"] == pytest.approx(history["val_macro_f1"][0])
    for split, name in (("test", "test"), ("val", "validation")):
        options = [f"split={split}", "--json", "--quiet"]
        assert evaluate("--run", trained["run"], *options) == 0
        assert json_from(capsys)["metrics"] == pytest.approx(trained[name], rel=1e-5)


def test_the_final_refit_includes_validation_images(workplace, capsys):
    """The refitted head is that of a run whose validation images were training images."""
    options = ["training.phases=[]", "--json", "--quiet"]
    assert train("--run-name", "refitted", *options) == 0
    refitted = json_from(capsys)
    assert refitted["refitted"]
    first = np.load(Path(refitted["run"]) / "head_before_refit.npz")

    assert train("--run-name", "once", "training.refit=false", *options) == 0
    once = json_from(capsys)
    assert not once["refitted"]
    assert once["validation"] == refitted["validation"]
    kernel, bias = head_of(once)
    np.testing.assert_allclose(kernel, first["kernel"], rtol=1e-5)
    np.testing.assert_allclose(bias, first["bias"], rtol=1e-5)

    split = pd.read_csv(Path(refitted["run"]) / "split.csv")
    learned = split[split["split"] != "test"].assign(split="train")
    evaluated = split[split["split"] == "test"].assign(split="val")
    pd.concat([learned, evaluated]).to_csv("split.csv", index=False)
    options += ["data.split_file=split.csv", "data.prepared=prepared_again"]
    assert train("--run-name", "more", "training.refit=false", *options) == 0
    expected, found = head_of(json_from(capsys)), head_of(refitted)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3, atol=1e-4)
    assert not np.allclose(found[0], kernel, rtol=1e-2)


def head_of(result):
    model = open_run(Path(result["run"])).load_model()
    return model.get_layer("head").get_weights()


def test_an_efficientnet_is_trained(workplace, capsys):
    phases = "training.phases=[{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3}]"
    options = ["model.backbone=efficientnet_b0", phases, "training.batch_norm=frozen"]
    assert train(*options, "--json", "--quiet") == 0
    result = json_from(capsys)
    assert result["best_epoch"] in (0, 1)
    assert len(pd.read_csv(Path(result["run"]) / "history.csv")) == 2


def test_an_unknown_block_is_refused_before_anything_is_written(workplace, capsys):
    assert train("model.head=style", "model.style.blocks=[block9z]") == 2
    message = capsys.readouterr().err
    assert "model.style.blocks: block9z" in message
    assert "block1a, block2a, block2b" in message
    assert not Path("outputs").exists()


CHOICES = [
    ["training.class_balance=class_weight"],
    ["training.class_balance=logit_adjustment", "training.label_smoothing=0.1"],
    ["data.online_augmentation=gentle"],
    ["training.linear_probe=null"],
    ["training.optimizer.ema_momentum=0.9", "training.optimizer.layer_decay=0.8"],
    ["data.aspect=pad", "data.memory_budget_mb=0"],
    ["training.early_stopping={patience_epochs: 1, max_overfitting_gap: 0.1}"],
    ["model.head=style", "model.style={blocks: [block2a, block2b], width: 5}"],
    ["training.linear_probe={method: mean, alpha: auto}", "training.phases=[]"],
]
TOGETHER = [(0, 4, 5, 6), (1, 2, 3), (7, 8)]
"""Choices that one training can make at the same time."""


def trains(capsys, *overrides):
    assert train(*overrides, "--json", "--quiet") == 0
    assert np.isfinite(json_from(capsys)["validation"]["macro_f1"])


@pytest.mark.parametrize("numbers", TOGETHER)
def test_every_choice_trains(workplace, capsys, numbers):
    trains(capsys, *(override for number in numbers for override in CHOICES[number]))


def test_no_choice_is_left_out():
    assert sorted(sum(TOGETHER, ())) == list(range(len(CHOICES)))


@pytest.mark.reliability
@pytest.mark.parametrize(
    "overrides", CHOICES, ids=lambda overrides: overrides[0].split("=")[0].rpartition(".")[2]
)
def test_every_choice_trains_alone(workplace, capsys, overrides):
    trains(capsys, *overrides)
