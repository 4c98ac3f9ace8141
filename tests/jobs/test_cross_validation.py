"""Cross-validation through its command line, with a network small enough for tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names

from artstyle_tf.cli.main import main
from artstyle_tf.evaluation import fold_training
from artstyle_tf.training import job
from artstyle_tf.trunk_cache.activation_cache import ActivationCache

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
kind: direct
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: {num_views: 2, policy: flip}}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  tensorboard: false
  batch_size: 8
  linear_probe: {method: logistic, C: 4.0}
  label_smoothing: 0.0
  phases: []
cross_validation: {num_folds: 2, validation_fraction: 0.2}
"""
TRIPLET = """
kind: triplet
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null}
model:
  {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2, dimension: 8}
training:
  batch: {classes: 2, images_per_class: 3}
  num_neighbors: 3
  phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3, loss: semi_hard}]
  projection_init: {method: logistic, C: 4.0}
  loss: {margin: 0.2}
cross_validation: {num_folds: 2, validation_fraction: 0.2}
"""
STYLES = {"bold": 18, "fine": 18, "wide": 12}
SCORES = {
    "macro_f1",
    "accuracy",
    "macro_precision",
    "macro_recall",
    "expected_calibration_error",
    "brier_score",
    "log_loss",
    "macro_f1_interval",
    "repeats",
    "folds",
    "baseline",
    "selective_prediction",
}


def cross_validate(*arguments):
    return main(["--config", "config.yaml", *arguments], verb="cross-validate")


@pytest.fixture(scope="module")
def validated_once(first_workplace):
    with first_workplace(STYLES, {"config.yaml": CONFIG}) as folder:
        for style in Path("images").iterdir():
            for number, file in enumerate(sorted(style.iterdir())):
                file.rename(file.with_name(f"{style.name}-{number // 3}_{number}.png"))
        options = ["--group-pattern", "^([^_]+)_", "--run-name", "first", "--quiet"]
        assert cross_validate(*options, "--repeats", "2") == 0
    return folder


@pytest.fixture
def validated(validated_once, enter_copy, tiny_network_by_name):
    """Return the JSON of a finished cross-validation, in a folder of this test."""
    enter_copy(validated_once)
    return json.loads(Path("outputs/cross_validation/first/metrics.json").read_text())


def test_the_json_contract(validated):
    assert validated["num_images"] == sum(STYLES.values())
    for scheme in ("random", "group"):
        scores = validated[scheme]
        assert set(scores) == SCORES
        assert len(scores["folds"]["macro_f1"]) == 4
        assert scores["folds"]["mean"] == pytest.approx(np.mean(scores["folds"]["macro_f1"]))
        assert scores["macro_f1"] == pytest.approx(np.mean(scores["repeats"]))
        low, high = scores["macro_f1_interval"]
        assert low <= scores["macro_f1"] <= high
        difference = scores["macro_f1"] - scores["baseline"]["macro_f1"]
        against = scores["baseline"]["trained_against_baseline"]
        assert against["difference"] == pytest.approx(difference)
    assert undocumented_names(validated) == set()
    gap = validated["gap"]
    assert gap["difference"] == pytest.approx(
        validated["random"]["macro_f1"] - validated["group"]["macro_f1"]
    )


def test_every_image_is_predicted_once_and_groups_stay_together(validated):
    folds = pd.read_csv("outputs/cross_validation/first/folds.csv")
    assert len(folds) == sum(STYLES.values())
    assert set(folds.columns) == {
        "path", "label", "group", "random_1", "random_2", "group_1", "group_2",
    }  # fmt: skip
    for column in ("group_1", "group_2"):
        assert folds.groupby("group")[column].nunique().max() == 1
        assert set(folds[column]) == {1, 2}
    assert folds.groupby("group")["random_1"].nunique().max() > 1
    assert (folds["random_1"] != folds["random_2"]).any()


def test_pooled_predictions_are_those_of_the_folds(validated):
    run = Path(validated["run"])
    for scheme in ("random", "group"):
        predictions = pd.read_csv(run / scheme / "predictions.csv")
        folds = pd.read_csv(run / "folds.csv")
        assert predictions["path"].tolist() == folds["path"].tolist()
        columns = [f"probability_{style}" for style in sorted(STYLES)]
        for number in (1, 2):
            result = np.load(run / "folds" / f"{scheme}-1-fold-{number}.npz")
            of_fold = (folds[f"{scheme}_1"] == number).to_numpy()
            assert np.flatnonzero(of_fold).tolist() == result["positions"].tolist()
            np.testing.assert_allclose(
                predictions.loc[of_fold, columns], result["probabilities"], atol=1e-6
            )
        accuracy = (predictions["label"] == predictions["prediction"]).mean()
        per_repeat = json.loads((run / scheme / "metrics.json").read_text())
        assert per_repeat["accuracy"] == pytest.approx(accuracy)


def test_figures_are_there(validated):
    figures = Path(validated["figures"])
    names = {file.relative_to(figures).as_posix() for file in figures.rglob("*.png")}
    assert "fold_scores.png" in names
    for scheme in ("random", "group"):
        assert {f"{scheme}/confusion_matrix.png", f"{scheme}/calibration.png"} <= names


def test_an_interrupted_cross_validation_continues_after_its_last_fold(
    validated, monkeypatch, capsys
):
    """A second cross-validation does not recompute any activation: folds share the cache."""

    assert list(Path("outputs/trunk_cache").rglob("*.npy"))

    def refuse(*_, **__):
        raise AssertionError("the cache is filled already")

    monkeypatch.setattr(ActivationCache, "_fill", refuse)
    options = ["--group-pattern", "^([^_]+)_", "--run-name", "broken"]
    train_fold, trained = fold_training.train_fold, []

    def interrupted(config, fold, *arguments):
        if len(trained) == 1:
            raise KeyboardInterrupt
        trained.append(fold.name)
        return train_fold(config, fold, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("artstyle_tf.evaluation.cross_validate.train_fold", interrupted)
        assert cross_validate(*options) == 130
    assert "--resume" in capsys.readouterr().err
    finished = Path("outputs/cross_validation/broken/folds/random-1-fold-1.npz")
    written = finished.stat().st_mtime_ns
    assert cross_validate(*options, "--resume", "--json") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert finished.stat().st_mtime_ns == written
    for scheme in ("random", "group"):  # the first of the two repeats
        of_folds = validated[scheme]["folds"]["macro_f1"][:2]
        assert resumed[scheme]["folds"]["macro_f1"] == of_folds
        assert resumed[scheme]["repeats"] == validated[scheme]["repeats"][:1]
        for number in (1, 2):
            once, again = (
                np.load(f"outputs/cross_validation/{run}/folds/{scheme}-1-fold-{number}.npz")
                for run in ("first", "broken")
            )
            np.testing.assert_array_equal(once["probabilities"], again["probabilities"])


def test_the_table_shows_both_schemes_and_the_gap(validated, capsys):
    from artstyle_tf.evaluation.cross_validate import summarize

    text = summarize(validated)
    assert "random folds" in text
    assert "folds without a common group" in text
    assert "baseline, pooled" in text
    assert validated["gap"]["verdict"][1:] in text


def test_copies_follow_their_parent_into_training_only(validated, monkeypatch):
    seen = []
    read_splits = job.read_splits

    def spy(prepared, *arguments, **options):
        seen.append(prepared.manifest)
        return read_splits(prepared, *arguments, **options)

    monkeypatch.setattr(job, "read_splits", spy)
    options = ["data.upsampling={policy: flip, target_ratio: 1.5}", "data.prepared=with_copies"]
    # The other cross-validations here, all but that of an embedding, have heads in closed form.
    options.append("training.phases=[{unfreeze_blocks: 1, epochs: 1, learning_rate: 1e-3}]")
    options += ["training.select_epoch_on=validation", "training.batch_size=32"]
    assert cross_validate("--run-name", "copies", "--quiet", "--folds", "2", *options) == 0
    assert len(seen) == 2
    for manifest in seen:
        copies = manifest[manifest["parent"] != ""]
        assert len(copies)
        split_of = manifest.set_index("path")["split"]
        assert set(copies["split"]) == set(split_of[copies["parent"]]) == {"train"}
        assert (manifest["parent"] == "").sum() == sum(STYLES.values())


def test_images_of_the_test_split_can_be_left_alone(validated, capsys):
    options = ["--group-pattern", "^([^_]+)_", "--dry-run", "--json"]
    assert cross_validate("cross_validation.with_test_split=false", *options) == 0
    planned = json.loads(capsys.readouterr().out)
    splits = pd.read_csv("prepared/manifest.csv")["split"]
    assert planned["num_images"] == (splits != "test").sum() < sum(STYLES.values())
    assert planned["trainings"] == 4
    assert planned["schemes"] == ["random", "group"]
    assert not list(Path("outputs/cross_validation").glob("direct-*"))


def test_names_that_look_like_groups_are_pointed_out(validated, capsys):
    assert cross_validate("--dry-run") == 0
    assert "try data.group_pattern='^([^_]+)_'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cross_validation.schemes=[group]"], "There are no groups to make folds of"),
        (["--folds", "13"], "wide with 12 images"),
        (["--folds", "1"], "cross_validation.num_folds"),
        (["--group-pattern", "^([a-z]+)"], "in 1 group ("),
        (["--run-name", "first"], "exists already"),
        (["kind=other"], "kind: direct or triplet"),
    ],
)
def test_invalid_cross_validations_are_refused_before_anything_is_written(
    validated, capsys, arguments, message
):
    before = sorted(Path("outputs").rglob("*"))
    assert cross_validate(*arguments) == 2
    assert message in capsys.readouterr().err
    assert sorted(Path("outputs").rglob("*")) == before


def test_an_embedding_is_evaluated_by_its_neighbors(validated, capsys):
    Path("triplet.yaml").write_text(TRIPLET)
    arguments = ["--config", "triplet.yaml", "--run-name", "embedding", "--json", "--quiet"]
    assert main(arguments, verb="cross-validate") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["kind"] == "triplet"
    assert result["gap"] is None
    # Votes of three neighbors.
    probabilities = np.load(Path(result["run"]) / "folds" / "random-1-fold-1.npz")["probabilities"]
    assert probabilities.shape[1] == 3
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
