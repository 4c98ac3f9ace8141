"""Styles of one or two images, folders of one style, and fewer images than neighbors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from documented_names import undocumented_names

from artstyle_tf.cli.main import main

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training: {phases: [], tensorboard: false}
"""
QUICK = [
    "projection.methods=[pca]",
    "clustering.max_clusters=3",
    "classifiers.names=[knn]",
    "classifiers.num_candidates=1",
    "classifiers.num_folds=2",
    "folds.num_folds=3",
    "--json",
]


@pytest.fixture(scope="module")
def worked_once(first_workplace):
    """A workplace with a classifier, and an embedding with more neighbors than images."""
    with first_workplace({"bold": 10, "fine": 10}, {"config.yaml": CONFIG}) as folder:
        more = {"direct": [], "triplet": ["model.dimension=4", "training.num_neighbors=40"]}
        for kind, options in more.items():
            arguments = ["--config", "config.yaml", "--run-name", kind, *options, "--quiet"]
            assert main(arguments, verb=f"train-{kind}") == 0
    return folder


@pytest.fixture
def workplace(worked_once, enter_copy, tiny_network_by_name):
    return enter_copy(worked_once)


def bare_analysis(capsys, *options):
    arguments = ["--backbone", "tiny", "weights=null", "image_size_px=32", "--images", "images"]
    kept = ["data.prepared=looked_at", "data.near_duplicates=ignore", "--outputs", "outputs"]
    code = main([*arguments, *kept, *options, *QUICK], verb="analyze-features")
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def keep(folder, count):
    for file in sorted(Path(folder).iterdir())[count:]:
        file.unlink()


def add_style(name, count):
    shutil.copytree("images/bold", f"images/{name}")
    keep(f"images/{name}", count)
    for number, file in enumerate(sorted(Path(f"images/{name}").iterdir())):
        # Other bytes, or it would be a copy of the first style's.
        file.write_bytes(file.read_bytes() + bytes([number]))


def test_styles_of_one_and_two_images_are_left_out_of_what_needs_folds(workplace, capsys):
    for name, count in (("one", 1), ("two", 2)):
        add_style(name, count)
    code, found, said = bare_analysis(capsys)
    assert code == 0
    assert undocumented_names(found) == set()
    assert found["styles_left_out"] == ["one", "two"]
    assert "Too small to be split, and therefore whole among the training images: one, two" in said
    assert "one with 1 image in 1 group" in said
    assert 0 <= found["out_of_fold"]["macro_f1"] <= 1
    assert set(found["classifiers"]) == {"knn"}
    table = pd.read_csv(Path(found["results"]) / "images.csv", keep_default_na=False)
    is_tiny = table["label"].isin(["one", "two"])
    assert is_tiny.sum() == 3
    assert (table.loc[is_tiny, ["prediction", "confidence"]] == "").all(axis=None)
    assert (table.loc[~is_tiny, "prediction"] != "").all()
    assert table[["cluster", "pca_x"]].notna().all(axis=None)


def test_of_a_single_style_maps_and_clusters_are_made(workplace, capsys):
    shutil.rmtree("images/fine")
    code, found, said = bare_analysis(capsys)
    assert code == 0
    assert found["num_suspected_label_errors"] is None
    assert (found["out_of_fold"], found["classifiers"]) == (None, {})
    assert found["projections"] == ["pca"]
    assert "It takes two styles that 3 folds can divide" in said


def test_of_three_images_what_can_be_made_is(workplace, capsys):
    keep("images/bold", 2)
    keep("images/fine", 1)
    code, found, said = bare_analysis(capsys)
    assert code == 0
    assert found["projections"] == []
    assert found["out_of_fold"] is None
    assert "3 images are too few" in said


def test_a_run_can_be_analyzed_on_a_folder_with_a_tiny_style(workplace, capsys):
    keep("images/fine", 2)
    options = ["--run", "outputs/models/direct", "--images", "images", *QUICK]
    assert main(options, verb="analyze-features") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["styles_left_out"] == ["bold", "fine"]
    assert found["clusters"]["num_clusters"] >= 1


@pytest.mark.parametrize("kind", ["direct", "triplet"])
def test_a_folder_of_one_style_is_evaluated(workplace, capsys, kind):
    shutil.rmtree("images/fine")
    options = ["--run", f"outputs/models/{kind}", "--images", "images", "--json"]
    assert main(options, verb="evaluate") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["num_images"] == 10
    assert found["metrics"]["macro_recall"] == found["metrics"]["accuracy"]
    assert any("All 10 images are of one style, bold" in text for text in found["warnings"])
    assert [row["support"] for row in found["per_class"]] == [10, 0]
    for name, (low, high) in found["intervals"].items():
        assert low < high, name
    assert main([*options, "--dry-run"], verb="evaluate") == 0


def test_fewer_neighbors_than_configured_are_reported_and_recorded(workplace, capsys):
    trained = json.loads(Path("outputs/models/triplet/metrics.json").read_text())
    num_images = trained["num_images"]["train"]
    assert trained["num_neighbors"] == num_images < 40
    options = ["--run", "outputs/models/triplet", "--run-name", "again", "--json"]
    assert main(options, verb="evaluate") == 0
    captured = capsys.readouterr()
    assert f"training.num_neighbors=40 is more than the {num_images} training" in captured.err
    assert json.loads(captured.out)["num_neighbors"] == num_images
    written = json.loads(Path("outputs/models/triplet/evaluations/again/metrics.json").read_text())
    assert written["num_neighbors"] == num_images


def test_few_validation_images_make_no_threshold_and_no_verdict(workplace):
    found = json.loads(Path("outputs/models/direct/metrics.json").read_text())
    assert found["calibration"]["threshold"] is None
    assert "are too few to claim" in found["calibration"]["reason"]
    baseline = found["baseline"]["test"]
    assert baseline["outcome"] == "same"
    assert "there are too few images for a verdict" in baseline["verdict"]
    low, high = baseline["trained_against_baseline"]["interval"]
    assert low < high
