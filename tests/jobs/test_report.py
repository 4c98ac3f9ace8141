"""Reports, TensorBoard and MLflow, with networks small enough for tests."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names
from PIL import Image

from artstyle_tf.cli.main import main
from artstyle_tf.report import after_training, explained_images
from artstyle_tf.report.related_results import read_tuning
from artstyle_tf.report.run_facts import read_run_facts
from artstyle_tf.runs.gallery import load_gallery
from artstyle_tf.runs.optional_packages import has_mlflow
from artstyle_tf.runs.run_directory import open_run
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.system.progress import Reporter

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training: {phases: [], tensorboard: true}
"""
STYLES = {"bold": 16, "<script>": 16, "wide": 14}


def train(kind, *arguments):
    options = ["--config", "config.yaml", "--run-name", kind, "--json", "--quiet"]
    return main([*options, *arguments], verb=f"train-{kind}")


def report(*arguments):
    return main([*arguments, "--json", "--quiet"], verb="report")


def json_from(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def worked_once(first_workplace):
    """A workplace with a classifier and an embedding, each with its report."""
    with first_workplace(STYLES, {"config.yaml": CONFIG}) as folder:
        assert train("direct") == 0
        assert train("triplet", "model.dimension=4") == 0
    return folder


@pytest.fixture
def workplace(worked_once, enter_copy, tiny_network_by_name):
    return enter_copy(worked_once)


def page_of(run):
    return Path(f"outputs/models/{run}/report.html").read_text(encoding="utf-8")


def sections_of(run):
    return re.findall(r'<section id="(\w+)"', page_of(run))


def test_a_training_ends_with_a_page(workplace):
    assert {"summary", "evaluation", "atlas", "data", "training", "serving"} <= set(
        sections_of("direct")
    )
    assert "neighbors" in sections_of("triplet")
    score = json.loads(Path("outputs/models/direct/metrics.json").read_text())["test"]["macro_f1"]
    assert f"{score:.3f}" in page_of("direct")
    assert "<script>:" not in page_of("direct")
    assert "&lt;script&gt;" in page_of("direct")


def test_the_page_is_rewritten_with_later_results(workplace, capsys):
    before = sections_of("direct")
    tuned = Path("outputs/param-optim-direct/first")
    tuned.mkdir(parents=True)
    summary = {"trials": {"complete": 8, "pruned": 1}, "best": {"scores": {"macro_f1": 0.75}}}
    (tuned / "summary.json").write_text(json.dumps(summary))
    assert report("--runs", "outputs/models/direct") == 0
    result = json_from(capsys)
    assert undocumented_names({**result, "seconds": {}}) == set()
    assert result["reports"] == [str(workplace / "outputs/models/direct/report.html")]
    assert set(sections_of("direct")) - set(before) == {"tuning"}
    assert "9 trials; best macro-F1 0.750" in page_of("direct")


def test_the_map_uses_an_analysis_unless_it_is_of_an_earlier_run(workplace):
    facts = read_run_facts_of("direct")
    rows = facts.images
    table = pd.DataFrame(
        {
            "path": rows["source"],
            "label": rows["label"],
            "split": rows["split"],
            "umap_x": np.arange(len(rows)),
            "umap_y": 0.0,
        }
    )
    folder = Path("outputs/analyses/look")
    folder.mkdir(parents=True)
    table.to_csv(folder / "images.csv", index=False)
    found = {"run": "outputs/models/direct", "layer": "pooled", "num_suspected_label_errors": 2}
    (folder / "analysis.json").write_text(json.dumps(found))
    assert report("--runs", "outputs/models/direct", "grad_cam=false") == 0
    assert "(UMAP, from the analysis look)" in page_of("direct")
    assert page_of("direct").count("<use ") == len(rows)
    long_ago = time.time() - 1e6
    os.utime(folder / "analysis.json", (long_ago, long_ago))
    assert report("--runs", "outputs/models/direct", "grad_cam=false") == 0
    assert "by their predicted log probabilities" in page_of("direct")


def read_run_facts_of(run):
    return read_run_facts(open_run(Path("outputs/models") / run))


def test_neighbors_are_the_nearest_of_the_gallery(workplace):
    gallery = load_gallery(Path("outputs/models/triplet/gallery.npz"))
    evaluated = load_gallery(Path("outputs/models/triplet/test/embeddings.npz"))
    facts = read_run_facts_of("triplet")
    assert len(evaluated) == len(facts.evaluated)
    sources = dict(zip(facts.images["path"], facts.images["source"], strict=True))
    rows = re.findall(r'<div class="row">(.*?)</ul>', page_of("triplet"), re.S)
    assert len(rows) == 3
    for row in rows:
        query = re.search(r'title="([^"]+)"', row)[1].replace("&lt;", "<").replace("&gt;", ">")
        position = [sources[path] for path in evaluated.paths.tolist()].index(query)
        distances = np.linalg.norm(gallery.embeddings - evaluated.embeddings[position], axis=1)
        shown = [float(text) for text in re.findall(r'<span class="note">([\d.]+)</span>', row)]
        np.testing.assert_allclose(shown, np.sort(distances)[: len(shown)], atol=0.0051)
        assert len(shown) == 8


def test_several_runs_are_compared(workplace, capsys):
    runs = ["--runs", "outputs/models/direct", "outputs/models/triplet"]
    assert report(*runs, "grad_cam=false") == 0
    overview = Path(json_from(capsys)["overview"])
    assert overview == workplace / "outputs/reports/overview/report.html"
    page = overview.read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)"', page) == [
        "compared_runs",
        "styles_by_run",
        "disagreements",
        "recipes",
    ]
    for link in re.findall(r'href="([^"#]+report\.html)"', page):
        assert (overview.parent / link).is_file()
    assert "metric learning (triplet)" in page
    assert report(*runs, "--dry-run") == 0
    assert json_from(capsys)["would_write"][-1].endswith("reports/overview-2/report.html")
    assert report(*runs, "--run-name", "overview") == 2
    assert "exists already" in capsys.readouterr().err


def test_runs_without_shared_images_are_listed_without_verdicts(workplace, capsys):
    file = Path("outputs/models/triplet/test/predictions.csv")
    table = pd.read_csv(file)
    table["path"] = "other-" + table["path"]
    table.to_csv(file, index=False)
    for part in ("test", "validation"):
        Path(f"outputs/models/triplet/{part}/baseline_predictions.csv").unlink()
    shutil.rmtree("outputs/models/triplet/validation")
    runs = ["--runs", "outputs/models/direct", "outputs/models/triplet"]
    assert report(*runs, "grad_cam=false") == 0
    page = Path(json_from(capsys)["overview"]).read_text(encoding="utf-8")
    assert "not evaluated on the same images" in page
    assert "disagreements" not in re.findall(r'<section id="(\w+)"', page)


def test_without_the_images_there_is_still_a_page(workplace):
    shutil.rmtree("prepared")
    environment = Path("outputs/models/direct/environment.json")
    known = json.loads(environment.read_text())
    environment.write_text(json.dumps({**known, "prepared_images": str(workplace / "gone")}))
    assert report("--runs", "outputs/models/direct") == 0
    assert "no image" in page_of("direct")
    assert "data:image" not in page_of("direct")


def test_an_image_that_was_damaged_later_is_left_out(workplace):
    facts = read_run_facts_of("direct")
    evaluated = set(facts.evaluated.predictions["path"])
    rows = facts.images[facts.images["source"].isin(evaluated)]
    mistakes = set(facts.evaluated.mistakes()["path"])
    damaged = next(row for row in rows.itertuples() if row.source not in mistakes)
    (Path("prepared") / damaged.path).write_bytes(b"no image any more")
    assert report("--runs", "outputs/models/direct") == 0
    numbers = re.search(r'id="facts">(.*?)</script>', page_of("direct"), re.S)[1]
    images = {row[4]: row[3] for row in json.loads(numbers)["predictions"]}
    assert [path for path, number in images.items() if number is None] == [damaged.source]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Which runs should be reported?"),
        (["--runs", "outputs"], "is not a run"),
        (["--runs", "outputs/models/direct", "max_mistakes=0"], "max_mistakes=0"),
    ],
)
def test_bad_input_is_refused(workplace, capsys, arguments, message):
    assert report(*arguments) == 2
    assert message in capsys.readouterr().err


def test_an_unfinished_run_has_no_report(workplace, capsys):
    before = page_of("triplet")
    Path("outputs/models/direct/metrics.json").unlink()
    assert report("--runs", "outputs/models/triplet", "outputs/models/direct") == 2
    assert "is not finished" in capsys.readouterr().err
    assert page_of("triplet") == before  # nothing is written before all runs are known to be good


@pytest.mark.parametrize("kind", ["direct", "triplet"])
def test_explanations_of_the_training_are_not_computed_again(workplace, kind, monkeypatch):
    page = Path(f"outputs/models/{kind}/report.html")
    written = page.read_text()
    monkeypatch.setattr(explained_images, "load_served_run", None)
    assert report("--runs", f"outputs/models/{kind}") == 0
    assert page.read_text() == written
    if kind == "direct":
        assert len(re.findall("data:image/webp", written)) > 5


def test_explanations_of_another_model_are_not_used(workplace, monkeypatch):
    keras.utils.set_random_seed(3)
    file = Path("outputs/models/direct/model.keras")
    model = keras.models.load_model(file)
    model.layers[-1].set_weights([np.flip(w) for w in model.layers[-1].get_weights()])
    model.save(file)
    explained = []
    explain_images = explained_images.explain_images
    monkeypatch.setattr(
        explained_images,
        "explain_images",
        lambda run, images, *others, **named: (
            explained.extend(images) or explain_images(run, images, *others, **named)
        ),
    )
    assert report("--runs", "outputs/models/direct") == 0
    assert explained


def test_page_of_known_explanations_needs_no_tensorflow(workplace):
    script = (
        "import sys; from artstyle_tf.cli.main import main;"
        "code = main(sys.argv[1:], verb='report'); assert 'tensorflow' not in sys.modules;"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "--runs", "outputs/models/direct", "--quiet"]
    assert subprocess.run(command, check=False).returncode == 0


def test_failures_after_a_training_only_warn(workplace, monkeypatch):
    def fail(*arguments, **named):
        raise RuntimeError("the printer is on fire")

    monkeypatch.setattr(after_training, "write_run_report", fail)
    monkeypatch.setattr(after_training, "write_tensorboard_results", fail)
    run = open_run(Path("outputs/models/direct"))
    output = io.StringIO()
    assert after_training.publish_run(run, read_run_config(run), Reporter(output)) is None
    assert "Writing the report failed: RuntimeError: the printer is on fire" in output.getvalue()
    assert "Writing the TensorBoard results failed" in output.getvalue()


def test_tensorboard_has_the_confusion_matrix_as_an_image(workplace):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator("outputs/models/direct/tensorboard/results")
    accumulator.Reload()
    (event,) = accumulator.Tensors("confusion_matrix/test")
    width, height, drawn = event.tensor_proto.string_val
    assert int(width) > 200
    assert int(height) > 200
    assert drawn.startswith(b"\x89PNG")


def test_the_projector_finds_embeddings_names_and_images(workplace):
    from google.protobuf import text_format
    from tensorboard.plugins import projector

    folder = Path("outputs/models/triplet/tensorboard/results")
    text = (folder / "projector_config.pbtxt").read_text()
    (embedding,) = text_format.Parse(text, projector.ProjectorConfig()).embeddings
    run = Path("outputs/models/triplet")
    galleries = [load_gallery(run / "gallery.npz")]
    galleries += [load_gallery(run / part / "embeddings.npz") for part in ("validation", "test")]
    expected = np.concatenate([gallery.embeddings for gallery in galleries])
    tensors = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(tensors, expected, rtol=1e-5)
    assert list(embedding.tensor_shape) == list(expected.shape)
    metadata = pd.read_csv(folder / embedding.metadata_path, sep="\t", quoting=3)
    sizes = dict(zip(("train", "val", "test"), map(len, galleries), strict=True))
    assert metadata["split"].value_counts().to_dict() == sizes
    names = json.loads((run / "class_names.json").read_text())
    labels = np.concatenate([gallery.labels for gallery in galleries])
    assert metadata["style"].tolist() == [names[label] for label in labels]
    (side, other) = embedding.sprite.single_image_dim
    with Image.open(folder / embedding.sprite.image_path) as sheet:
        assert sheet.size == (7 * side, 7 * other)  # 46 images in a square of 49
        assert len(sheet.crop((0, 0, side, other)).getcolors(side * other)) > 1


def test_incomplete_tuning_results_are_read(tmp_path):
    assert read_tuning(tmp_path, "direct") == []
    study = tmp_path / "param-optim-direct" / "one"
    study.mkdir(parents=True)
    assert read_tuning(tmp_path, "direct") == []
    (study / "summary.json").write_text("damaged")
    (study / "trials.csv").write_text("trial,macro_f1\n0,0.5\n1,\n2,0.75\n")
    (found,) = read_tuning(tmp_path, "direct")
    assert (found["scores"], found["best_score"], found["num_trials"]) == ([0.5, 0.75], 0.75, 2)
    best = {
        "values": {"training.batch_size": 8},
        "scores": {"macro_f1": 0.75},
        "confirmed_macro_f1": 0.7,
    }
    summary = {"trials": {"complete": 2, "failed": 1}, "best": best, "verdicts": ["So.", "And so."]}
    (study / "summary.json").write_text(json.dumps(summary))
    (found,) = read_tuning(tmp_path, "direct")
    assert (found["num_trials"], found["best_score"], found["verdict"]) == (3, 0.7, "So. And so.")
    assert found["best_settings"] == {"training.batch_size": 8}


def test_mlflow_is_checked_before_anything_is_written(workplace, capsys, monkeypatch):
    from artstyle_tf.runs import optional_packages

    monkeypatch.setattr(optional_packages, "has_mlflow", lambda: False)
    assert train("direct", "--overwrite", "training.mlflow={}") == 2
    assert "artstyle-tf[mlflow]" in capsys.readouterr().err
    assert Path("outputs/models/direct/metrics.json").is_file()


@pytest.mark.skipif(not has_mlflow(), reason="MLflow is not installed")
@pytest.mark.filterwarnings("ignore")  # its own, of a dozen libraries
def test_mlflow_has_parameters_metrics_figures_and_the_model(workplace, capsys, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    store = f"sqlite:///{workplace / 'mlflow.db'}"
    wanted = f"training.mlflow={{tracking_uri: '{store}', experiment: tests}}"
    assert train("direct", "--overwrite", wanted) == 0
    captured = capsys.readouterr()
    assert "failed" not in captured.err
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    result = json.loads(captured.out)
    client = mlflow.MlflowClient(store)
    (logged,) = client.search_runs([client.get_experiment_by_name("tests").experiment_id])
    assert logged.data.params["model.backbone"] == "tiny"
    assert logged.data.metrics["test.macro_f1"] == pytest.approx(result["test"]["macro_f1"])
    assert logged.data.metrics["baseline.test.macro_f1"] >= 0
    files = {item.path for item in client.list_artifacts(logged.info.run_id)}
    assert {"config.yaml", "report.html", "figures", "model", "test"} <= files
