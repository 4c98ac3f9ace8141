"""Analysis and comparison through their command lines, with a network small enough for tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names
from PIL import Image

from artstyle_tf.analysis.classifiers import load_classifier
from artstyle_tf.cli.main import main
from artstyle_tf.metrics.classification import classification_summary

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null, upsampling: {policy: flip, target_ratio: 1.0, jitter: 0.0}}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training: {phases: [], tensorboard: false}
"""
DEPTHS = ["block1a", "block2b", "top"]
STYLES = {"bold": 20, "fine": 20, "wide": 14}
QUICK = [
    "projection.methods=[pca]",
    "clustering.max_clusters=4",
    "classifiers.names=[knn,gradient_boosting]",
    "classifiers.num_candidates=1",
    "classifiers.num_folds=2",
    "folds.num_folds=3",
    "--json",
    "--quiet",
]


def analyze(*arguments):
    return main([*arguments, *QUICK], verb="analyze-features")


def compare(*arguments):
    return main([*arguments, "--json", "--quiet"], verb="compare")


def json_from(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def worked_once(first_workplace):
    """A workplace with a classifier, an embedding and an analysis."""
    with first_workplace(STYLES, {"config.yaml": CONFIG}) as folder:
        style_head = ["model.dimension=4", "model.head=style", "model.style.width=4"]
        for kind, more in (("direct", []), ("triplet", style_head)):
            options = ["--config", "config.yaml", "--run-name", kind, *more, "--quiet"]
            assert main(options, verb=f"train-{kind}") == 0
        assert analyze("--run", "outputs/models/direct") == 0
    return folder


@pytest.fixture
def workplace(worked_once, enter_copy, tiny_network_by_name):
    return enter_copy(worked_once)


@pytest.fixture
def analysis(workplace):
    return json.loads(Path("outputs/analyses/direct-pooled/analysis.json").read_text())


def test_the_json_contract_of_an_analysis(analysis):
    assert undocumented_names(analysis) == set()
    assert analysis["dimension"] == 12
    assert sum(analysis["num_images"].values()) == sum(STYLES.values())
    assert set(analysis["classifiers"]) == {"knn", "gradient_boosting"}
    assert analysis["clusters"]["chosen_by"] == "silhouette"
    for part in ("fitted", "held_out"):
        assert -1 <= analysis["clusters"][part]["adjusted_rand_index"] <= 1


def test_features_are_stored_with_paths_and_parents(analysis):
    (file,) = Path(analysis["features"]).glob("*.npz")
    with np.load(file, allow_pickle=False) as shard:
        manifest = pd.read_csv("outputs/models/direct/images.csv", keep_default_na=False)
        assert shard["path"].tolist() == manifest["path"].tolist()
        assert shard["parent"].tolist() == manifest["parent"].tolist()
        assert (shard["parent"] != "").any()
        assert shard["features"].shape == (len(manifest), 12)
        image = np.asarray(Image.open(Path("prepared") / shard["path"][3]).convert("RGB"))
        first = shard["features"][3]
    from artstyle_tf.images.reading.decoding import resize_image
    from artstyle_tf.runs.run_directory import open_run

    resized = np.asarray(resize_image(image, image_size_px=32, aspect="squash"))
    model = open_run(Path("outputs/models/direct")).load_model()
    layers = {layer.name: layer for layer in model.layers}
    import keras

    pooled = keras.Model(model.input, layers["pooling"].output)
    expected = pooled.predict_on_batch(resized[None].astype(np.float32))[0]
    np.testing.assert_allclose(first, expected, rtol=1e-3, atol=1e-5)


def test_classifiers_are_chosen_on_training_images_and_scores_match_predictions(analysis):
    folder = Path(analysis["results"])
    names = json.loads(Path("outputs/models/direct/class_names.json").read_text())
    for name, entry in analysis["classifiers"].items():
        for part in ("validation", "test"):
            table = pd.read_csv(folder / "classifiers" / name / part / "predictions.csv")
            labels, predicted = (
                table[column].map(names.index).to_numpy() for column in ("label", "prediction")
            )
            scores = classification_summary(labels, predicted, num_classes=3)
            assert entry[part] == pytest.approx(scores)
            assert len(table) == analysis["num_images"]["val" if part[0] == "v" else "test"]


def test_a_saved_classifier_repeats_its_predictions(analysis):
    folder = Path(analysis["results"]) / "classifiers" / "gradient_boosting"
    (file,) = Path(analysis["features"]).glob("*.npz")
    with np.load(file, allow_pickle=False) as shard:
        chosen = shard["features"][shard["split"] == "val"]
        sources = shard["source"][shard["split"] == "val"].tolist()
    names = json.loads((folder / "classifier.json").read_text())["class_names"]
    found = np.array(names)[load_classifier(folder / "classifier.skops").predict(chosen)]
    table = pd.read_csv(folder / "validation" / "predictions.csv")
    assert dict(zip(sources, found.tolist(), strict=True)) == dict(
        zip(table["path"], table["prediction"], strict=True)
    )


def test_every_image_has_a_row_and_suspected_label_errors_are_listed(analysis):
    folder = Path(analysis["results"])
    table = pd.read_csv(folder / "images.csv")
    assert len(table) == sum(STYLES.values())
    suspected = table["suspected_label_error"]
    assert suspected.sum() == analysis["num_suspected_label_errors"]
    errors = pd.read_csv(folder / "label_errors.csv")
    assert set(errors["path"]) == set(table.loc[suspected, "path"])
    assert (errors["suggested"] != errors["label"]).all()
    right = (table["label"] == table["prediction"]).mean()
    assert right == pytest.approx(analysis["out_of_fold"]["accuracy"])


def test_figures_are_there(analysis):
    names = {file.name for file in Path(analysis["figures"]).glob("*.png")}
    assert "depths.png" not in names  # its head reads the top alone
    assert analysis["depths"] is None
    assert {"pca_by_style.png", "pca_by_cluster.png", "pca_by_correctness.png"} <= names
    assert {"contingency.png", "silhouettes.png", "clusters.png", "classifiers.png"} <= names
    assert {"typical.png", "ambiguous.png"} <= names


def test_a_second_analysis_finds_the_features_and_has_a_name_of_its_own(workplace, capsys):
    shard = next(Path("outputs/features").glob("pooled-*/*.npz"))
    before = shard.stat().st_mtime_ns
    options = ["classifiers=null", "clustering.num_clusters=3"]
    assert (
        main(
            ["--run", "outputs/models/direct", *options, "projection.methods=[]", *QUICK[-3:]],
            verb="analyze-features",
        )
        == 0
    )
    result = json_from(capsys)
    assert Path(result["results"]).name == "direct-pooled-2"
    assert (result["clusters"]["num_clusters"], result["clusters"]["chosen_by"]) == (3, "user")
    assert shard.stat().st_mtime_ns == before


def test_depths_of_a_style_head_are_left_out_in_turn(workplace, capsys):
    quick = ["classifiers=null", "clustering.num_clusters=2", "folds.num_folds=3"]
    options = ["--run", "outputs/models/triplet", "--layer", "head", "projection.methods=[]"]
    assert main([*options, *quick, "--quiet"], verb="analyze-features") == 0
    printed = capsys.readouterr().out
    folder = Path("outputs/analyses/triplet-head")
    result = json.loads((folder / "analysis.json").read_text())
    assert undocumented_names(result) == set()
    depths = result["depths"]
    assert [entry["depth"] for entry in depths["left_out"]] == DEPTHS
    most = max(depths["left_out"], key=lambda entry: entry["difference"])
    assert depths["most_missed"] == most["depth"]
    assert f"the head without {most['depth']}" in depths["verdict"]
    assert depths["verdict"] in printed
    table = pd.read_csv(folder / "depths.csv", keep_default_na=False)
    assert len(table) == (1 + 2 * len(DEPTHS)) * (1 + len(STYLES))
    macro = table[table["style"] == ""].set_index(["features", "depth"])
    without = depths["macro_f1"] - macro.loc[("without", most["depth"]), "f1"]
    assert without == pytest.approx(most["difference"], abs=1e-4)
    assert (Path(result["figures"]) / "depths.png").is_file()
    unasked = [*options, *quick, "depths=false", "--json", "--quiet"]
    assert main(unasked, verb="analyze-features") == 0
    result = json_from(capsys)
    assert result["depths"] is None
    assert not (Path(result["figures"]) / "depths.png").exists()


def test_an_interrupted_analysis_is_completed_by_the_same_command(workplace, capsys, monkeypatch):
    from artstyle_tf.analysis import image_analysis as image_analysis

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    named = ["--run", "outputs/models/direct", "--run-name", "mine", "classifiers=null"]
    named += ["projection.methods=[]", "clustering.num_clusters=2", *QUICK[-3:]]
    with monkeypatch.context() as patch:
        patch.setattr(image_analysis, "write_clusters", interrupt)
        assert main(named, verb="analyze-features") == 130
    assert not Path("outputs/analyses/mine/analysis.json").exists()
    capsys.readouterr()
    assert main(named, verb="analyze-features") == 0
    assert Path("outputs/analyses/mine/analysis.json").is_file()
    assert main(named, verb="analyze-features") == 2
    assert "exists already" in capsys.readouterr().err


def test_other_images_and_a_bare_backbone_can_be_analyzed(workplace, capsys, write_images):
    write_images(Path("others"), {"bold": 8, "fine": 8, "wide": 8}, seed=5)
    options = ["classifiers=null", "clustering.num_clusters=2", *QUICK[-3:]]
    named = ["--images", "others", "projection.methods=[]", *options]
    arguments = ["--run", "outputs/models/direct", "--layer", "output", *named]
    assert main(arguments, verb="analyze-features") == 0
    result = json_from(capsys)
    assert (result["dimension"], result["num_images"]) == (3, {"test": 24})
    assert result["clusters"]["held_out"] is None
    bare = ["--backbone", "tiny", "weights=null", "image_size_px=32", "data.prepared=bare"]
    assert main([*bare, *named], verb="analyze-features") == 0
    result = json_from(capsys)
    assert (result["dimension"], sum(result["num_images"].values())) == (12, 24)


def test_errors_are_reported_before_anything_is_written(workplace, capsys):
    before = sorted(Path("outputs").rglob("*"))
    assert main(["--run", "outputs/models/none"], verb="analyze-features") == 2
    assert main([], verb="analyze-features") == 2
    assert "direct, triplet" in capsys.readouterr().err
    options = ["--run", "outputs/models/direct", "--layer", "block9z"]
    assert main([*options, "--dry-run"], verb="analyze-features") == 2
    assert "no such layer" in capsys.readouterr().err
    assert main(["--run", "outputs/models/direct", "--dry-run"], verb="analyze-features") == 0
    assert main(["--run", "outputs/models/direct", "atlas=true"], verb="analyze-features") == 2
    said = capsys.readouterr().err
    assert "unknown key 'atlas' (leave it out: the report of the run, which report.py" in said
    assert sorted(Path("outputs").rglob("*")) == before


def test_compare_evaluates_all_approaches_on_the_same_images(workplace, capsys):
    runs = ["outputs/models/direct", "outputs/models/triplet", "outputs/analyses/direct-pooled"]
    assert compare("--runs", *runs, "timed_images=4") == 0
    result = json_from(capsys)
    assert undocumented_names(result) == set()
    models = {model["name"]: model for model in result["models"]}
    assert set(models) == {
        "direct classifier (direct)",
        "metric learning (triplet)",
        "gradient boosting (direct, pooled)",
        "baseline (32 px)",
        "baseline (32 px, refitted)",
    }
    for part in ("validation", "test"):
        trained = json.loads(Path("outputs/models/direct/metrics.json").read_text())
        direct, baseline = (
            models["direct classifier (direct)"],
            models["baseline (32 px, refitted)"],
        )
        for score in ("macro_f1", "accuracy", "macro_precision", "macro_recall"):
            assert direct[part][score] == pytest.approx(trained[part][score])
            assert baseline[part][score] == pytest.approx(trained["baseline"][part][score])
        assert len(result["verdicts"][part]) == 10
        pair = next(
            entry
            for entry in result["verdicts"][part]
            if entry["pair"] == ["direct classifier (direct)", "baseline (32 px, refitted)"]
        )
        comparison = trained["baseline"][part]["trained_against_baseline"]
        assert pair["difference"] == pytest.approx(comparison["difference"])
        assert pair["adjusted_p_value"] >= pair["p_value"]
    for model in models.values():
        assert model["milliseconds_per_image"] > 0
        assert model["size_bytes"] > 1000
    folder = Path(result["results"])
    table = pd.read_csv(folder / "comparison.csv")
    assert len(table) == 10
    assert "| metric learning (triplet) |" in (folder / "comparison.md").read_text()
    assert r"\begin{tabular}" in (folder / "comparison_test.tex").read_text()
    assert (Path(result["figures"]) / "comparison_validation.png").is_file()


def test_only_shared_images_are_compared(workplace, capsys):
    file = Path("outputs/models/triplet/test/predictions.csv")
    table = pd.read_csv(file)
    table.iloc[2:].to_csv(file, index=False)
    runs = ["outputs/models/direct", "outputs/models/triplet"]
    assert compare("timed_images=2", "--runs", *runs) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["num_images"]["test"] == len(table) - 2
    assert "Only the" in captured.err
    shutil.rmtree("outputs/models/triplet/validation")
    table.assign(path="elsewhere/" + table["path"]).to_csv(file, index=False)
    assert compare("timed_images=2", "--runs", *runs) == 2
    assert "not evaluated on the same images" in capsys.readouterr().err
    table.assign(label=table["label"].iloc[::-1].to_numpy()).to_csv(file, index=False)
    assert compare("timed_images=2", "--runs", *runs) == 2
    assert "different labels for the same images" in capsys.readouterr().err


def test_a_dry_comparison_times_and_writes_nothing(workplace, capsys):
    before = sorted(Path("outputs").rglob("*"))
    assert compare("--runs", "outputs/models/direct", "outputs/models/triplet", "--dry-run") == 0
    planned = json_from(capsys)
    assert planned["num_images"] == {"validation": 8, "test": 8}
    assert "baseline (32 px)" in planned["models"]
    assert sorted(Path("outputs").rglob("*")) == before


def test_compare_needs_runs(workplace, capsys):
    assert compare() == 2
    assert "direct, triplet" in capsys.readouterr().err
    assert compare("--runs", "outputs/models/none") == 2
    assert "is not a run" in capsys.readouterr().err
