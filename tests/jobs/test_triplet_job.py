"""Metric learning through its command line, with a network small enough for tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names

from artstyle_tf.cli.main import main
from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.runs.gallery import load_gallery

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1,
       views: {num_views: 2, policy: flip}}
model:
  {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2, dimension: 8}
training:
  tensorboard: false
  batch: {classes: 3, images_per_class: 6}
  num_neighbors: 3
  phases: [{unfreeze_blocks: 1, epochs: 2, learning_rate: 1e-3, loss: semi_hard},
           {unfreeze_blocks: 2, epochs: 1, learning_rate: 1e-3, loss: batch_hard}]
  projection_init: {method: logistic, C: 4.0}
  loss: {margin: 0.2}
"""

STYLES = {"bold": 20, "fine": 20, "wide": 12}
SCORES = {
    "macro_f1",
    "accuracy",
    "macro_precision",
    "macro_recall",
    "prototype_macro_f1",
    "prototype_accuracy",
    "recall_at_1",
    "recall_at_5",
    "recall_at_10",
    "r_precision",
    "map_at_r",
}
CALIBRATION = {"expected_calibration_error", "brier_score", "log_loss"}


def train(*arguments, verb="train-triplet"):
    return main(["--config", "config.yaml", *arguments], verb=verb)


def evaluate(*arguments):
    return main(list(arguments), verb="evaluate")


def json_from(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def trained_once(first_workplace):
    """A workplace with a finished run."""
    with first_workplace(STYLES, {"config.yaml": CONFIG}) as folder:
        options = ["--run-name", "first", "--quiet", "training.tensorboard=auto"]
        assert train(*options) == 0
    return folder


@pytest.fixture
def trained(trained_once, enter_copy, tiny_network_by_name):
    """Return the JSON of a finished run, in a folder of this test."""
    enter_copy(trained_once)
    return json.loads(Path("outputs/models/first/metrics.json").read_text())


def test_the_json_contract(trained):
    for split in ("validation", "test"):
        assert set(trained["intervals"][split]) == SCORES | CALIBRATION
        assert set(trained[split]) == SCORES | CALIBRATION
        assert trained["baseline"][split]["verdict"]
        for name in SCORES:
            low, high = trained["intervals"][split][name]
            assert 0 <= low <= high <= 1
            assert low - 1e-9 <= trained[split][name] <= high + 1e-9
    assert undocumented_names(trained) == set()
    assert trained["alarms"] == []
    assert trained["trunk_cache"]["use"]


def test_the_run_directory_holds_what_is_needed(trained):
    run = Path(trained["run"])
    assert load_config(TripletExperiment, run / "config.yaml").model.dimension == 8
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["phase"].tolist() == ["projection", *["top 1 block"] * 2, "top 2 blocks"]
    columns = ["mean_distance", "active_triplets", "embedding_rank", "val_macro_f1", "macro_f1"]
    assert history[columns].notna().all(axis=None)
    assert trained["validation"]["macro_f1"] == pytest.approx(
        history["val_macro_f1"].max(), abs=1e-5
    )
    figures = Path(trained["figures"])
    names = {file.relative_to(figures).as_posix() for file in figures.rglob("*.png")}
    assert {"training_curves.png", "embedding_health.png"} <= names
    assert {f"validation/{name}.png" for name in ("distances", "neighbors", "gallery")} <= names
    assert not list(run.rglob("*.partial*"))


def test_the_gallery_holds_the_training_images_as_the_saved_model_sees_them(trained):
    gallery = load_gallery(Path(trained["gallery"]))
    images = pd.read_csv(Path(trained["run"]) / "images.csv", keep_default_na=False)
    train_rows = images[images["split"] == "train"]
    assert gallery.paths.tolist() == train_rows["path"].tolist()
    np.testing.assert_allclose(np.linalg.norm(gallery.embeddings, axis=1), 1, atol=1e-5)
    model = keras.models.load_model(Path(trained["run"]) / "model.keras", compile=False)
    store = ImageStore([Path("prepared") / path for path in gallery.paths], image_size_px=32)
    images = np.stack([store.load(number) for number in range(len(store))]).astype(np.float32)
    # Rows of the cache are float16 for training images.
    np.testing.assert_allclose(model.predict_on_batch(images), gallery.embeddings, atol=5e-3)


def test_evaluate_repeats_the_scores(trained, capsys):
    assert evaluate("--run", trained["run"], "--json", "--quiet") == 0
    result = json_from(capsys)
    assert result["metrics"] == pytest.approx(trained["test"], abs=1e-9)
    assert result["intervals"].keys() == SCORES | CALIBRATION
    figures = Path(result["figures"])
    assert (figures / "neighbors.png").is_file()


def test_evaluate_on_training_images_never_finds_an_image_itself(trained, capsys):
    assert evaluate("--run", trained["run"], "split=train", "--json", "--quiet") == 0
    result = json_from(capsys)
    assert result["num_images"] == len(load_gallery(Path(trained["gallery"])))


def test_evaluate_does_without_the_gallerys_images(trained, capsys, write_images):
    shutil.rmtree("prepared/train")
    folder = write_images(Path("others"), {"bold": 4, "wide": 3}, seed=5)
    assert evaluate("--run", trained["run"], "--images", str(folder), "--json", "--quiet") == 0
    result = json_from(capsys)
    assert result["num_images"] == 7
    assert not (Path(result["figures"]) / "neighbors.png").exists()


def test_a_damaged_gallery_is_one_message(trained, capsys):
    Path(trained["gallery"]).write_bytes(b"PK nothing")
    assert evaluate("--run", trained["run"], "--quiet") == 2
    assert "gallery" in capsys.readouterr().err


@pytest.mark.reliability  # as the next one, which is interrupted besides
def test_the_same_seed_gives_the_same_scores(trained, capsys):
    assert train("--run-name", "second", "--json", "--quiet") == 0
    again = json_from(capsys)
    assert (again["validation"], again["test"]) == (trained["validation"], trained["test"])


def test_an_interrupted_run_resumes_to_the_same_result(trained, capsys, monkeypatch):
    from artstyle_tf.training.callbacks.epoch_logs import HistoryLog

    on_epoch_end = HistoryLog.on_epoch_end

    def interrupt(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        on_epoch_end(self, epoch, logs)

    monkeypatch.setattr(HistoryLog, "on_epoch_end", interrupt)
    assert train("--run-name", "broken", "--quiet") == 130
    monkeypatch.setattr(HistoryLog, "on_epoch_end", on_epoch_end)
    assert train("--run-name", "broken", "--resume", "--json", "--quiet") == 0
    result = json_from(capsys)
    assert (result["validation"], result["test"]) == (trained["validation"], trained["test"])


def test_it_starts_from_a_direct_run(trained, capsys):
    direct = "training={phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-2}]}"
    Path("direct.yaml").write_text(
        "data: {images: images, prepared: prepared, preparation_workers: 1, views: null}\n"
        "model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled}\n"
    )
    options = ["--run-name", "direct", "--json", "--quiet"]
    assert main(["--config", "direct.yaml", direct, *options], verb="train-direct") == 0
    classifier = keras.models.load_model(json_from(capsys)["model"], compile=False)
    initial = "model.initial_run=outputs/models/direct"
    assert train(initial, "training.phases=[]", "--json", "--quiet") == 0
    embedding = keras.models.load_model(json_from(capsys)["model"], compile=False)
    kernels = [model.get_layer("block2b_conv").kernel for model in (classifier, embedding)]
    np.testing.assert_array_equal(*kernels)
    assert train(initial, "model.image_size_px=48", "--quiet") == 2
    assert "another backbone" in capsys.readouterr().err
    assert train("model.initial_run=outputs/models/none", "--quiet") == 2


def test_the_guard_reports_and_the_run_continues(trained, capsys):
    """Uses a learning rate with which every network diverges."""
    assert train("training.phases.0.learning_rate=30", "--json") == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert "Epoch 1 collapsed: " in captured.err
    assert len(result["alarms"]) >= 1
    history = pd.read_csv(Path(result["run"]) / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert result["validation"]["macro_f1"] == pytest.approx(
        history.loc[history["alarm"].isna(), "val_macro_f1"].max(), abs=1e-5
    )


def test_tensorboard_gets_the_health_of_the_embedding(trained):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = Path(trained["run"]) / "tensorboard"
    found = set()
    for events in folder.rglob("events.*"):
        accumulator = EventAccumulator(str(events))
        accumulator.Reload()
        found |= set(accumulator.Tags()["tensors"])
    assert {"epoch_loss", "epoch_mean_distance", "epoch_embedding_rank"} <= found
    assert {"epoch_active_triplets", "epoch_macro_f1"} <= found


CHOICES = [
    ["training.loss.margin=null"],
    ["training.loss={distance: cosine, margin: 0.3}"],
    ["training.phases.1.loss=supervised_contrastive"],
    ["training.phases.0.loss=batch_all", "training.trunk_cache.mode=never"],
    ["training.projection_init=null", "training.collapse_guard=null"],
    ["data.upsampling={policy: flip, jitter: 0}", "training.batch.separate_siblings=false"],
    ["training.phases=[{unfreeze_blocks: all, epochs: 1, learning_rate: 1e-3}]"],
    ["training.batch={classes: 2, images_per_class: 7}"],
    ["model.head=style", "model.style.width=4", "training.projection_init.method=ridge"],
]
TOGETHER = [(0, 6, 7, 8), (1, 2, 3, 4, 5)]
"""Choices that one training can make at the same time."""


def trains(capsys, *overrides):
    assert train(*overrides, "--json", "--quiet") == 0
    assert np.isfinite(json_from(capsys)["validation"]["macro_f1"])


@pytest.mark.parametrize("numbers", TOGETHER)
def test_every_choice_trains(trained, capsys, numbers):
    trains(capsys, *(override for number in numbers for override in CHOICES[number]))


def test_no_choice_is_left_out():
    assert sorted(sum(TOGETHER, ())) == list(range(len(CHOICES)))


@pytest.mark.reliability
@pytest.mark.parametrize(
    "overrides", CHOICES, ids=lambda overrides: overrides[0].split("=")[0].rpartition(".")[2]
)
def test_every_choice_trains_alone(trained, capsys, overrides):
    trains(capsys, *overrides)


def test_a_dry_run_names_the_losses(trained, capsys):
    assert train("--dry-run", "--json") == 0
    phases = json_from(capsys)["phases"]
    assert phases == ["top 1 block, 2 epochs, semi_hard", "top 2 blocks, 1 epochs, batch_hard"]


def test_guard_and_moving_average_exclude_each_other(trained, capsys):
    assert train("training.optimizer.ema_momentum=0.9") == 2
    assert "collapse_guard" in capsys.readouterr().err
