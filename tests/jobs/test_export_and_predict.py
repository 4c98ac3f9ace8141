"""From a finished run to a SavedModel, other formats and predictions, through the command line."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from PIL import Image

from artstyle_tf.cli.main import main
from artstyle_tf.export import measured_differences
from artstyle_tf.export.formats.registry import FORMATS, FormatEntry, missing_packages
from artstyle_tf.prediction import predict as predict_job
from artstyle_tf.prediction import prediction_runtime, run_graph
from artstyle_tf.system.errors import ArtstyleError

pytestmark = pytest.mark.usefixtures("without_graphs")

DATA = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1, max_side_px: 60,
       views: null}
"""
DIRECT = f"""{DATA}
model: {{backbone: tiny, weights: null, image_size_px: 32, head: style, style: {{width: 4}}}}
training: {{phases: [], tensorboard: false, linear_probe: {{method: logistic}}}}
"""
TRIPLET = f"""{DATA}
model: {{backbone: tiny, weights: null, image_size_px: 32, head: pooled, dimension: 8}}
training:
  tensorboard: false
  num_neighbors: 3
  batch: {{classes: 3, images_per_class: 3}}
  phases: [{{unfreeze_blocks: 0, epochs: 1, learning_rate: 1e-3, loss: semi_hard}}]
  projection_init: {{method: logistic}}
  loss: {{margin: 0.2}}
"""
STYLES = {"bold": 20, "fine": 20, "wide": 12}
RUNS = {"direct": DIRECT, "triplet": TRIPLET}


def call(verb, *arguments):
    return main([*map(str, arguments), "--quiet"], verb=verb)


def answer(capsys, verb, *arguments):
    """Return the JSON of a verb that has to succeed."""
    capsys.readouterr()
    assert call(verb, *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def trained(first_workplace):
    configs = {f"{kind}.yaml": config for kind, config in RUNS.items()}
    with first_workplace(STYLES, configs) as folder:
        write_mixed()
        for kind in RUNS:
            assert call(f"train-{kind}", "--config", f"{kind}.yaml", "--run-name", kind) == 0
            evaluate = ["evaluate", "--run", run_folder(kind), "--images", "mixed"]
            assert call(*evaluate, "run_name=mixed") == 0
    return folder


@pytest.fixture
def workplace(trained, enter_copy):
    """Enter a folder of this test with finished runs, and other images evaluated by them."""
    return enter_copy(trained)


INSTALLED = [name for name in FORMATS if not missing_packages(name)]
EXPORTS = {
    "direct": [
        f"formats=[{','.join(INSTALLED)}]",
        *("num_timing_rounds=1", "max_macro_f1_drop=1", "license=cc-by-4.0", "max_pixels=10000"),
    ],
    "triplet": [],
}
"""What several tests read -> its options."""


def _missing(*_, **__):
    raise ArtstyleError("The images are gone")


@pytest.fixture(scope="module")
def exported_once(trained, tmp_path_factory):
    """Export both runs, the classifier to every format whose packages are installed.

    The images of the embedding are not found, so that no differences are measured.
    """
    folder = tmp_path_factory.mktemp("exported")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind, options in EXPORTS.items():
            if kind == "triplet":
                patch.setattr(measured_differences, "read_own_images", _missing)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                assert call("export-model", "--run", run_folder(kind), *options, "--json") == 0
            Path(f"{kind}.json").write_text(printed.getvalue())
    return folder


@pytest.fixture
def exported(exported_once, enter_copy):
    """Return the JSON of each export, in a folder of this test."""
    enter_copy(exported_once)
    return {kind: json.loads(Path(f"{kind}.json").read_text()) for kind in EXPORTS}


@pytest.fixture
def mixed(workplace):
    """Return a folder with images of all kinds in one style folder, like a user's collection."""
    return Path("mixed")


def write_mixed():
    # None that was learned from: evaluate.py lets no image vote for itself.
    source = Image.open(sorted(Path("images/bold").iterdir())[0]).convert("RGB").rotate(7)
    alpha = source.copy()
    alpha.putalpha(source.convert("L"))
    turned = Image.Exif()
    turned[0x0112] = 6
    folder = Path("mixed/bold")
    folder.mkdir(parents=True)
    source.save(folder / "plain.jpg", quality=90)
    source.save(folder / "turned.jpg", exif=turned)
    source.convert("L").save(folder / "gray.jpg")
    source.convert("CMYK").save(folder / "print.jpg")
    source.save(folder / "plain.png")
    source.convert("L").save(folder / "gray.png")
    source.quantize(32).save(folder / "palette.png")
    alpha.save(folder / "alpha.png")
    source.save(folder / "lossy.webp", quality=90)
    alpha.save(folder / "lossless.webp", lossless=True)
    source.save(folder / "scan.tif")
    source.resize((100, 70)).save(folder / "large.png")
    Path("mixed/fine").mkdir()
    source.save("mixed/fine/other.gif")


def run_folder(kind):
    return Path("outputs/models") / kind


def read_csv(path):
    return pd.read_csv(path, keep_default_na=False)


def evaluated(kind):
    """Return the predictions of evaluate.py for the folder `mixed`, by path."""
    table = read_csv(run_folder(kind) / "evaluations/mixed/predictions.csv")
    return table.assign(path="mixed/" + table["path"]).set_index("path")


@pytest.mark.parametrize("kind", RUNS)
def test_predictions_are_those_of_evaluate(mixed, kind, capsys):
    expected = evaluated(kind)
    options = ["--run", run_folder(kind), mixed, "--output", "out.jsonl", "--top-k", 3]
    result = answer(capsys, "predict", *options)
    assert result["num_images"] == len(expected) == 13
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    for row in rows:
        known = expected.loc[row["path"]]
        assert row["label"] == known["prediction"]
        assert row["accepted"] == (known["accepted"] in (True, "True"))
        assert row["prediction"] == (row["label"] if row["accepted"] else "abstained")
        for name, confidence in row["top"]:
            assert confidence == pytest.approx(known[f"probability_{name}"], abs=1e-5)
        assert [confidence for _, confidence in row["top"]] == sorted(
            (confidence for _, confidence in row["top"]), reverse=True
        )


@pytest.mark.parametrize("kind", RUNS)
def test_a_saved_model_predicts_as_evaluate_does(exported, kind):
    result = exported[kind]
    signatures = tf.saved_model.load(result["saved_model"]).signatures
    expected = evaluated(kind)
    # TIFF is not for TensorFlow; other JPEGs than plain ones and lossy WebP are re-encoded when
    # they are prepared, and a large image is reduced first: the same label must come out.
    nearly = {"turned.jpg", "gray.jpg", "print.jpg", "lossy.webp", "large.png"}
    for path, known in expected.iterrows():
        if path.endswith(".tif"):
            continue
        content = Path(path).read_bytes()
        said = signatures["serving_default"](image_bytes=tf.constant([content]))
        assert said["label"].numpy()[0].decode() == known["prediction"], said["status"]
        probabilities = [known[f"probability_{name}"] for name in sorted(STYLES)]
        largest = np.abs(said["probabilities"].numpy()[0] - probabilities).max()
        if Path(path).name in nearly:
            assert largest <= 0.05, path
        else:
            assert largest <= 1e-5, path
            assert bool(said["accepted"].numpy()[0]) == (known["accepted"] in (True, "True"))
    labels = Path(result["saved_model"], "assets/labels.txt").read_text().splitlines()
    assert labels == sorted(STYLES)


def test_an_export_measures_where_the_graph_differs_from_preparation(exported):
    result = exported["direct"]
    rows = {row["file"]: row for row in result["differences"]}
    assert all(
        row["predicted"] == row["images"] > 1 for row in rows.values() if "120" not in row["file"]
    )
    for file in ("JPEG", "PNG", "BMP", "GIF, transparent", "PNG turned by EXIF"):
        assert rows[file]["largest_difference"] <= 1e-6, file
    # Profiles are not followed: it is worth something only if that is seen.
    of_profile, of_plain = rows["PNG in Adobe RGB"], rows["PNG"]
    assert of_profile["largest_difference"] > of_plain["largest_difference"]
    assert rows["PNG of 120 x 120 pixels"]["predicted"] == 0  # 14,400 pixels
    readme = Path(result["serving"], "README.md").read_text()
    assert "more than 10000 pixels" in readme
    assert all(f"| {file} |" in readme for file in rows)
    limits = json.loads(Path(result["saved_model"], "assets.extra/limits.json").read_text())
    assert limits["max_pixels"] == 10_000


@pytest.fixture
def without_measuring(monkeypatch):
    """An export finds no images to measure differences on."""
    monkeypatch.setattr(measured_differences, "read_own_images", _missing)


def test_without_its_images_an_export_reports_no_measurement(exported):
    result = exported["triplet"]
    assert result["differences"] == "The images are gone."
    readme = Path(result["serving"], "README.md").read_text()
    assert "The effect was not measured: The images are gone." in readme


def test_an_embedding_is_served_with_its_neighbors(exported, capsys):
    result = exported["triplet"]
    signature = tf.saved_model.load(result["saved_model"]).signatures["serving_default"]
    images = sorted(Path("images").rglob("*.png"))[::7]
    said = signature(image_bytes=tf.constant([path.read_bytes() for path in images]))
    names = [str(path) for path in images]
    options = ["--run", run_folder("triplet"), *names, "--output", "out.jsonl"]
    answer(capsys, "predict", *options)
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    for position, row in enumerate(rows):
        ids = [name.decode() for name in said["neighbor_ids"].numpy()[position]]
        assert [each["id"] for each in row["neighbors"]] == ids
        np.testing.assert_allclose(
            [each["distance"] for each in row["neighbors"]],
            said["neighbor_distances"].numpy()[position],
            atol=2e-3,  # near 0 the root enlarges what is lost in float32
        )
        assert (Path("prepared") / ids[0]).is_file()
    lengths = np.linalg.norm(said["embedding"].numpy(), axis=1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-5)


def test_each_export_is_a_version_of_its_own(exported, capsys, without_measuring):
    folder = run_folder("triplet") / "export/saved_model"
    assert exported["triplet"]["saved_model"].endswith(str(folder / "1"))
    again = answer(capsys, "export-model", "--run", run_folder("triplet"))
    assert again["saved_model"] == str(Path(folder / "2").resolve())
    beside = {entry.name for entry in folder.parent.iterdir()}
    assert beside == {"README.md", "saved_model", "serving"}


def test_the_card_contains_the_measurements(exported):
    result = exported["direct"]
    card = Path(result["model_card"]).read_text(encoding="utf-8")
    _, header, body = card.split("---\n", 2)
    header = yaml.safe_load(header)
    metrics = json.loads((run_folder("direct") / "metrics.json").read_text())
    (score, _) = header["model-index"][0]["results"][0]["metrics"]
    assert score["value"] == round(metrics["test"]["macro_f1"], 4)
    assert header["license"] == "cc-by-4.0"
    for style, count in STYLES.items():
        rows = [line for line in body.splitlines() if line.startswith(f"| {style} |")]
        assert sum(int(cell) for cell in rows[0].split("|")[2:-1]) == count
    assert metrics["baseline"]["test"]["verdict"] in body
    assert "was not measured" in body  # no cross-validation was given


def test_the_card_takes_the_gap_from_a_cross_validation(workplace, capsys, without_measuring):
    folds = {
        "kind": "direct",
        "random": {"macro_f1": 0.84, "macro_f1_interval": [0.8, 0.87]},
        "group": {"macro_f1": 0.69, "macro_f1_interval": [0.61, 0.76]},
        "gap": {"verdict": "a random split hides 15 points"},
    }
    Path("folds").mkdir()
    Path("folds/metrics.json").write_text(json.dumps(folds))
    options = ["--run", run_folder("direct"), "--cross-validation", "folds"]
    options += ["--outputs", "elsewhere"]
    exported = answer(capsys, "export-model", *options)
    assert exported["saved_model"] == "elsewhere/models/direct/export/saved_model/1"
    assert not (run_folder("direct") / "export").exists()
    card = Path(exported["model_card"]).read_text()
    assert "0.690 (0.610-0.760)" in card
    assert "a random split hides 15 points" in card
    Path("folds/metrics.json").write_text(json.dumps({**folds, "kind": "triplet"}))
    assert call("export-model", *options) == 2
    assert "of another kind" in capsys.readouterr().err


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_predicts_what_keras_predicts(exported, name):
    if name not in INSTALLED:
        pytest.skip(f"{', '.join(missing_packages(name))} not installed")
    result = exported["direct"]
    rows = {row["format"]: row for row in result["formats"]}
    assert set(rows) == {"keras", "saved_model", *INSTALLED}
    for other in ("keras", "saved_model", name):
        row = rows[other]
        if other == "litert_int8":
            assert row["largest_difference"] < 0.3
            continue
        assert row["largest_difference"] <= 1e-5
        assert row["labels_as_keras"] == 1.0
        assert row["images_per_second"] > 0
        assert row["size_mb"] >= 0
    assert list((run_folder("direct") / "export" / name).glob("model.*"))
    assert "| " + name in Path(result["model_card"]).read_text()


class Forgetful:
    """A format that predicts the same for every image."""

    num_images = 0

    def write(self, network, folder, training_images):
        Forgetful.num_images = len(list(training_images()))
        (folder / "model.any").write_text("nothing")
        return folder / "model.any"

    def open(self, file):
        return lambda images: [
            np.tile(np.float32([9, 0, 0]), (len(images), 1)),
            np.zeros((len(images), 12), np.float32),
        ]


def test_an_inaccurate_format_is_refused(workplace, monkeypatch, capsys, without_measuring):
    monkeypatch.setitem(FORMATS, "onnx", FormatEntry(f"{__name__}:Forgetful", ()))
    options = ["--run", run_folder("direct"), "--formats", "onnx", "num_calibration_images=5"]
    result = answer(capsys, "export-model", *options, "num_timing_rounds=1")
    row = result["formats"][-1]
    assert row["format"] == "onnx"
    assert "falls from" in row["rejected"]
    assert row["images_per_second"] is None
    assert Forgetful.num_images == 5
    assert not (run_folder("direct") / "export" / "onnx").exists()
    assert result["rejected"] == ["onnx"]


def test_a_missing_package_is_reported_before_anything_is_written(workplace, monkeypatch, capsys):
    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(packages=("no_such_package",)))
    assert call("export-model", "--run", run_folder("direct"), "--formats", "all") == 2
    assert "pip install 'artstyle-tf[formats]'" in capsys.readouterr().err
    assert not (run_folder("direct") / "export").exists()


def test_unreadable_files_are_reported_and_the_rest_is_answered(mixed, capsys):
    (mixed / "bold/broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (mixed / "bold/empty.png").touch()
    options = ["--run", run_folder("direct"), mixed, "--output", "out.csv"]
    result = answer(capsys, "predict", *options, "batch_size=4")
    assert [Path(row["path"]).name for row in result["unreadable"]] == ["broken.jpg", "empty.png"]
    assert result["num_images"] == 13 == len(read_csv("out.csv"))


def test_an_interrupted_program_continues(mixed, monkeypatch, capsys):
    options = ["--run", run_folder("direct"), mixed, "batch_size=4"]
    whole = answer(capsys, "predict", *options, "--output", "whole.csv")
    answered = []

    def stopping(self, paths, loaded):
        if len(answered) == 2:
            raise KeyboardInterrupt
        answered.append(len(loaded))
        return original(self, paths, loaded)

    original = predict_job.RunPredictor.predict
    with monkeypatch.context() as patch:
        patch.setattr(predict_job.RunPredictor, "predict", stopping)
        assert call("predict", *options) == 130
    assert not list(Path("outputs/predictions").glob("*.csv"))
    answered.clear()
    monkeypatch.setattr(predict_job.RunPredictor, "predict", stopping)
    again = answer(capsys, "predict", *options)
    assert sum(answered) == 13 - 8
    assert Path(again["output"]).read_bytes() == Path("whole.csv").read_bytes()
    assert again["predictions"] == whole["predictions"]
    # The same command once more is a new question.
    answered.clear()
    assert answer(capsys, "predict", *options[:2], "mixed/bold/plain.jpg")["num_images"] == 1


def test_a_threshold_makes_it_abstain(mixed, capsys):
    options = ["--run", run_folder("direct"), mixed]
    sure = answer(capsys, "predict", *options, "--threshold", 0)
    assert "abstained" not in sure["predictions"]
    confidences = read_csv(sure["output"])["confidence"]
    middle = (confidences.min() + confidences.max()) / 2
    unsure = answer(capsys, "predict", *options, "--threshold", middle)
    assert unsure["predictions"]["abstained"] == (confidences < middle).sum() > 0


def test_names_come_from_stdin(mixed, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("mixed/bold/plain.jpg\n\nmixed/bold/*.webp\n"))
    result = answer(capsys, "predict", "--run", run_folder("direct"), "-")
    assert result["num_images"] == 3


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(mixed, capsys):
    shutil.copy(mixed / "bold/plain.jpg", "top_k=1.jpg")
    options = ["--run", run_folder("direct"), "top_k=1.jpg", "top_k=2"]
    result = answer(capsys, "predict", *options)
    assert [row["path"] for row in result["first"]] == ["top_k=1.jpg"]
    assert len(result["first"][0]["top"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "outputs/models/direct"], "No images are given"),
        (["images"], "Which run should be used for prediction"),
        (["--run", "outputs/models/direct", "nowhere.jpg"], "no such image"),
        (["--run", "outputs/models/direct", "--url", "http://x", "images"], "Both a run"),
        (["--run", "outputs/models/none", "images"], "is not a run"),
        (["--run", "outputs/models/direct", "images", "--output", "o.txt"], r".csv or .jsonl"),
    ],
)
def test_problems_are_reported(workplace, arguments, message, capsys):
    assert call("predict", *arguments) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert not Path("outputs/predictions").exists()


def test_the_fastest_runtime_is_chosen_once(mixed, monkeypatch, capsys):
    pytest.importorskip("openvino")
    monkeypatch.setattr(prediction_runtime, "_FEWEST_IMAGES", 5)
    monkeypatch.setattr(prediction_runtime, "RUNTIMES", ("openvino", "wrong"))
    monkeypatch.setitem(FORMATS, "wrong", FormatEntry(f"{__name__}:Forgetful", ()))
    speeds = {"tensorflow": 1.0, "openvino": 2.0}
    asked = []

    def measure(candidates, images, *, num_rounds):
        asked.append(set(candidates))
        return speeds

    monkeypatch.setattr(prediction_runtime, "images_per_second", measure)
    options = ["--run", run_folder("direct"), mixed]
    first = answer(capsys, "predict", *options)
    assert asked == [{"tensorflow", "openvino"}]  # one with other predictions is not timed
    assert first["predicted_by"]["runtime"] == "openvino"
    again = answer(capsys, "predict", *options)
    assert again["predicted_by"]["runtime"] == "openvino"
    assert len(asked) == 1
    by_tensorflow = answer(capsys, "predict", *options, "runtime=tensorflow")
    assert by_tensorflow["predictions"] == again["predictions"]
    known = json.loads((run_folder("direct") / "runtimes/choice.json").read_text())
    assert known["images_per_second"] == speeds


def test_few_images_are_not_worth_a_choice(mixed, capsys):
    result = answer(capsys, "predict", "--run", run_folder("direct"), mixed)
    assert result["predicted_by"]["runtime"] == "tensorflow"
    assert not (run_folder("direct") / "runtimes/choice.json").exists()


def test_the_second_prediction_builds_no_network(mixed, monkeypatch, capsys):
    options = ["--run", run_folder("direct"), mixed, "runtime=tensorflow"]
    first = answer(capsys, "predict", *options)
    monkeypatch.setattr(run_graph, "freeze", None)
    assert answer(capsys, "predict", *options)["first"] == first["first"]


def test_the_graph_of_a_model_that_was_replaced_is_made_again(mixed, capsys):
    options = ["--run", run_folder("direct"), mixed / "bold/plain.jpg", "runtime=tensorflow"]
    first = answer(capsys, "predict", *options)["first"]
    file = run_folder("direct") / "model.keras"
    model = keras.models.load_model(file)
    model.layers[-1].kernel.assign(-model.layers[-1].kernel)
    model.save(file)
    again = answer(capsys, "predict", *options)["first"]
    assert again[0]["top"] != first[0]["top"]


def test_the_text_table_has_files_and_predictions(mixed, capsys):
    assert call("predict", "--run", run_folder("direct"), mixed, "--output", "out.csv") == 0
    said = capsys.readouterr().out
    assert "bold/plain.jpg" in said
    assert "Written: out.csv" in said
    assert len(read_csv("out.csv")) == 13


@pytest.mark.parametrize("kind", RUNS)
def test_overlays_show_where_it_looks(mixed, kind, capsys):
    shutil.copy(mixed / "bold/plain.jpg", mixed / "fine/plain.jpg")  # the same name once more
    options = ["--run", run_folder(kind), mixed / "bold/plain.jpg", mixed / "fine/plain.jpg"]
    answer(capsys, "predict", *options, "--grad-cam", "looks")
    written = sorted(Path("looks").iterdir())
    assert [file.name.rsplit("-", 1)[0] for file in written] == ["plain", "plain"]
    for file in written:
        with Image.open(file) as image:
            assert image.size == (64, 32)


def test_every_file_of_a_folder_is_accounted_for(workplace, capsys):
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'artstyle-tf[heif]'")
    folder = Path("visit")
    folder.mkdir()
    source = Image.open(sorted(Path("images/bold").iterdir())[0]).convert("RGB")
    source.save(folder / "1.jpg")
    pillow_heif.from_pillow(source).save(folder / "2.HEIC", quality=95)
    source.save(folder / "3.jp2")
    (folder / "4.jpg").write_bytes(b"")
    (folder / "5.txt").write_text("notes")
    (folder / ".6.jpg").write_bytes(b"")
    (folder / "more").symlink_to(Path("images/fine").resolve())
    result = answer(capsys, "predict", "--run", run_folder("direct"), folder, "--output", "v.csv")
    assert result["num_found"] == 26
    assert result["num_images"] == 22 == len(read_csv("v.csv"))
    assert [row["path"] for row in result["unreadable"]] == ["visit/4.jpg"]
    assert {row["path"]: row["reason"] for row in result["ignored"]} == {
        "visit/.6.jpg": "hidden",
        "visit/3.jp2": "JPEG 2000, not read here; convert it to PNG, TIFF or JPEG",
        "visit/5.txt": "not an image (.txt)",
    }
    assert len(read_csv(result["left_out"])) == 4
    rows = read_csv("v.csv").set_index("path")
    assert rows.loc["visit/2.HEIC", "label"] == rows.loc["visit/1.jpg", "label"]
    # The warning is there even when quiet, and the summary names the table.
    assert call("predict", "--run", run_folder("direct"), folder, "--output", "w.csv") == 0
    said = capsys.readouterr()
    assert "Warning: 1 ignored: JPEG 2000" in said.err
    assert "Left out: 1 unreadable and 3 ignored of 26 found; see w.left_out.csv" in said.out


def test_a_dry_run_counts_what_would_be_ignored(workplace, capsys):
    Path("images/fine/notes.txt").write_text("notes")
    options = ["--run", run_folder("direct"), "images", "--dry-run"]
    planned = answer(capsys, "predict", *options)
    assert (planned["num_images"], planned["ignored"]) == (52, 1)


def test_a_style_in_another_spelling_is_explained(workplace, capsys):
    Path("other").mkdir()
    for style, name in (("bold", "Bold "), ("fine", "fine")):
        shutil.copytree(Path("images") / style, Path("other") / name)
    assert call("evaluate", "--run", run_folder("direct"), "--images", "other") == 2
    assert "rename 'Bold ' to 'bold'" in capsys.readouterr().err
