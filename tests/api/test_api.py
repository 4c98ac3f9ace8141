"""Test the public names as a notebook uses them, on a tiny network."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import artstyle_tf as art

pytestmark = pytest.mark.usefixtures("without_graphs")

STYLES = {"narrow": 12, "medium": 12, "wide": 12}
CONFIGS = Path(__file__).parents[2] / "configs"
PATTERN = r"^(.*)_image"
PNG = b"\x89PNG"
FEW = {"Cubism": 4, "photo": 3}
TINY = {
    "backbone": "tiny",
    "weights": None,
    "image_size_px": 32,
    "head": "pooled",
    "views": None,
    "batch_size": 8,
    "group_pattern": PATTERN,
    "split": {"train": 0.5, "val": 0.25, "test": 0.25},
}
TINY_TRIPLET = {
    **{key: value for key, value in TINY.items() if key != "batch_size"},
    "classes": 3,
    "images_per_class": 2,
    "dimension": 4,
    "phases": [],
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, write_images, name_tiny_network):
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        name_tiny_network(patch)
        write_images(folder / "images", STYLES)
        yield folder


@pytest.fixture(scope="module")
def run(workplace, without_graphs):
    return art.train_direct("images", run_name="first", quiet=True, **TINY)


@pytest.fixture(scope="module")
def triplet(workplace, without_graphs, figures_without_pixels):
    with figures_without_pixels():
        return art.train_triplet("images", run_name="triplet", quiet=True, **TINY_TRIPLET)


@pytest.fixture
def blank_figures(figures_without_pixels):
    """Write blank figures in tests that do not check them."""
    with figures_without_pixels():
        yield


@pytest.fixture
def files(workplace):
    return sorted((workplace / "images").rglob("*.png"))[:3]


def test_importing_is_light_and_every_name_is_there():
    program = (
        "import sys, artstyle_tf as art; art.ImageFolder; art.train_direct; art.load_run\n"
        "print([m for m in ('tensorflow', 'keras', 'pandas', 'sklearn', 'matplotlib', 'cv2')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    for name in dir(art):
        assert getattr(art, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        art.nothing  # noqa: B018


def test_a_folder_has_its_images_and_their_split(workplace):
    images = art.ImageFolder("images", group_pattern=PATTERN, split=TINY["split"])
    assert len(images) == 36
    assert images.styles == sorted(STYLES)
    assert {"path", "label", "group"} <= set(images.table)
    split = images.split()
    assert set(split["split"]) == {"train", "val", "test"}
    assert (split.groupby(["label", "group"])["split"].nunique() == 1).all()


def test_a_folder_is_inspected(workplace, blank_figures):
    found = art.ImageFolder("images").inspect(quiet=True, run_name="look")
    assert found["num_images"] == 36
    assert found.folder.name == "look"
    assert "<pre>" in found._repr_html_()
    assert isinstance(found.figure(found.figure_names[0]), Figure)


def test_a_run_has_its_scores(run, workplace):
    assert run.path == workplace / "outputs/models/first"
    assert run.metrics == json.loads((run.path / "metrics.json").read_text())
    assert set(run.class_names) == set(STYLES)
    assert run.report is not None
    assert "validation macro-F1" in repr(run)
    counts = run.confusion_matrix()
    assert counts.to_numpy().sum() == len(run.predictions())
    accuracy = np.trace(counts.to_numpy()) / counts.to_numpy().sum()
    assert accuracy == pytest.approx(run.metrics["test"]["accuracy"])


def test_a_run_predicts_as_the_command_line_does(run, files, workplace):
    from artstyle_tf.cli.main import main

    table = run.predict(files)
    assert table["path"].tolist() == [str(file) for file in files]
    output = workplace / "predictions.csv"
    command = ["--run", str(run.path), "--quiet", *map(str, files), "--output", str(output)]
    assert main(command, verb="predict") == 0
    predicted = pd.read_csv(output)
    assert table["label"].tolist() == predicted["label"].tolist()
    np.testing.assert_allclose(table["confidence"], predicted["confidence"], atol=1e-5)


def test_a_file_that_is_no_image_is_a_row_with_the_reason(run, files, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    table = run.predict([files[0], broken])
    assert table["unreadable"].isna().tolist() == [True, False]
    with pytest.raises(art.ArtstyleError, match=r"broken\.png cannot be read"):
        run.embed([files[0], broken])


def test_embeddings_and_neighbors_of_both_kinds(run, triplet, files):
    for each in (run, triplet):
        embeddings = each.embed(files)
        assert embeddings.dtype == np.float32
        assert embeddings.shape[0] == 3
        nearest = each.nearest(files[0], k=4)
        assert list(nearest) == ["path", "label", "distance"]
        assert len(nearest) == 4
        assert nearest["distance"].is_monotonic_increasing


def test_a_training_image_is_its_own_nearest(run):
    rows = run.directory.read_images()
    source = rows[rows["split"] == "train"]["source"].iloc[0]
    nearest = run.nearest(f"images/{source}", k=1)
    assert nearest["distance"][0] == pytest.approx(0, abs=1e-4)


def test_figures_are_matplotlib_figures_that_a_notebook_shows(run):
    assert "test/confusion_matrix" in run.figure_names
    for name in ("training_curves", "confusion_matrix", "gallery"):
        figure = run.figure(name)
        assert isinstance(figure, Figure)
        assert figure._repr_png_()[:4] == PNG
        # What the inline backend shows, once pyplot is imported, has axes.
        assert figure.axes
    saved = imread(run.directory.figures / "test/gallery.png")[..., :3]
    shown = imread(io.BytesIO(run.figure("gallery")._repr_png_()))[..., :3]
    np.testing.assert_allclose(shown, saved, atol=2 / 255)
    with pytest.raises(art.ArtstyleError, match=r"no figure curves.*training_curves"):
        run.figure("curves")


def test_runs_are_compared_evaluated_exported_and_loaded(run, triplet, blank_figures):
    compared = art.compare([run, triplet], quiet=True)
    assert len(compared["models"]) >= 2
    evaluated = art.evaluate(run, split="val", quiet=True)
    assert evaluated["metrics"]["macro_f1"] == pytest.approx(run.metrics["validation"]["macro_f1"])
    exported = art.export(run, quiet=True)
    assert exported.folder is not None
    assert repr(art.load_run(run.path)) == repr(run)


def test_features_of_a_run_and_of_a_bare_backbone_are_analyzed(run, blank_figures):
    little = {"classifiers": None, "methods": ["pca"], "depths": False, "quiet": True}
    of_run = art.analyze(run, run_name="of-run", **little)
    images = art.ImageFolder("images", group_pattern=PATTERN)
    settings = {"weights": None, "image_size_px": 32, "run_name": "bare", **little}
    of_backbone = art.analyze(images=images, backbone="tiny", **settings)
    assert of_run.folder.name == "of-run"
    assert of_backbone.folder.name == "bare"
    assert any("pca" in name for name in of_backbone.figure_names)
    with pytest.raises(art.ArtstyleError, match="both"):
        art.analyze(run, backbone="tiny")


def test_settings_that_are_refused_leave_nothing_behind(workplace):
    with pytest.raises(art.ArtstyleError, match="did you mean backbone"):
        art.train_direct("images", run_name="none", **{**TINY, "bakbone": "x"})
    with pytest.raises(art.ArtstyleError, match="exists already"):
        art.train_direct("images", run_name="first", quiet=True, **TINY)
    with pytest.raises(art.ArtstyleError, match="does not exist"):
        art.ImageFolder("nowhere")
    assert not (workplace / "outputs/models/none").exists()


class TestFoldersThatAreNoRuns:
    def test_any_folder(self, tmp_path):
        with pytest.raises(art.ArtstyleError, match="is not a run"):
            art.load_run(tmp_path)

    def test_a_damaged_run(self, run, tmp_path):
        shutil.copytree(run.path, tmp_path / "models/damaged")
        (tmp_path / "models/damaged/metrics.json").write_text("{")
        with pytest.raises(art.ArtstyleError, match=r"metrics\.json"):
            art.load_run(tmp_path / "models/damaged")

    def test_one_of_a_newer_version(self, run, tmp_path):
        shutil.copytree(run.path, tmp_path / "models/newer")
        file = tmp_path / "models/newer/environment.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "artstyle_tf": "99.0"}))
        with pytest.raises(art.ArtstyleError, match=r"newer version.*artstyle_tf 99\.0"):
            art.load_run(tmp_path / "models/newer")

    def test_one_that_is_not_finished(self, run, tmp_path):
        shutil.copytree(run.path, tmp_path / "models/half")
        (tmp_path / "models/half/metrics.json").unlink()
        with pytest.raises(art.ArtstyleError, match="not finished"):
            art.load_run(tmp_path / "models/half")


def test_folds_are_trained(workplace, blank_figures):
    found = art.cross_validate("images", folds=2, quiet=True, run_name="folds", **TINY)
    assert found["random"]["macro_f1"] <= 1
    assert "macro-F1" in found.summary


def test_backbones_are_compared(workplace, blank_figures, this_one_without_graphs):
    sizes = [{"backbone": "tiny", "weights": None, "head": "pooled", "image_size_px": 32}]
    settings = {key: TINY[key] for key in ("batch_size", "group_pattern", "split")}
    found = art.compare_backbones(
        "images", sizes, folds=2, schemes=["random"], timed_images=2, quiet=True, **settings
    )
    assert found["recommended"] == "tiny-32px"
    assert (
        found.table("backbones")["random_macro_f1"][0]
        == (found["candidates"][0]["random"]["macro_f1"])
    )
    assert "model.backbone=tiny" in found.summary
    assert isinstance(found.figure("score_against_time"), Figure)
    with pytest.raises(art.ArtstyleError, match="The backbone is not known"):
        art.compare_backbones("images", ["resnet"], quiet=True)


@pytest.fixture(scope="module")
def images(workplace):
    return art.demo_images("demo", images_per_style=FEW, quiet=True)


class TestDemoImages:
    def test_they_are_drawn_once(self, images, workplace):
        assert images.table["label"].value_counts().to_dict() == FEW
        before = {file: file.stat().st_mtime_ns for file in (workplace / "demo").rglob("*.jpg")}
        again = art.demo_images("demo", images_per_style=FEW, group_pattern=None)
        assert {file: file.stat().st_mtime_ns for file in before} == before
        assert set(again.table["group"]) == set(again.table["path"])
        artists = {path.split("/")[1].split("_")[0] for path in images.table["path"]}
        assert {group.split("/")[-1] for group in images.table["group"]} == artists

    def test_one_number_is_for_every_style(self, workplace, monkeypatch):
        from artstyle_tf.demo import demo_set

        counts = {}
        monkeypatch.setattr(demo_set, "write_demo_set", lambda folder, **each: counts.update(each))
        art.demo_images("images", images_per_style=2)
        assert set(counts["images_per_style"].values()) == {2}
        assert len(counts["images_per_style"]) == 8

    def test_other_images_are_not_overwritten(self, workplace):
        with pytest.raises(art.ArtstyleError, match="in the way of the demo set"):
            art.demo_images("images")

    def test_what_a_policy_makes_of_them_is_shown(self, images):
        assert images.augmentation_preview("strong", image_size_px=32)._repr_png_()[:4] == PNG
        with pytest.raises(art.ArtstyleError, match="no such augmentation policy"):
            images.augmentation_preview("wild")

    def test_any_images_are_shown_in_rows(self, images, tmp_path):
        files = [images.path / path for path in images.table["path"]]
        assert art.image_grid({"some": files[:2], "more": files[2:3]})._repr_png_()[:4] == PNG
        captions = {"some": ["first", "second"]}
        (axes,) = art.image_grid({"some": files[:2]}, captions=captions).axes
        texts = {text.get_text() for text in axes.texts}
        assert {"some", "first", "second"} <= texts
        (tmp_path / "none.jpg").write_text("no image")
        with pytest.raises(art.ArtstyleError, match="no image to show"):
            art.image_grid({"some": [tmp_path / "none.jpg"]})


@pytest.mark.parametrize(("kind", "file"), [("direct", "demo"), ("triplet", "demo_triplet")])
def test_demo_settings_are_those_of_the_command_line(kind, file, workplace):
    from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS
    from artstyle_tf.config.loading import different_keys, load_config

    schema = TRAINING_EXPERIMENTS[kind]
    shipped = load_config(schema, CONFIGS / f"{file}.yaml")
    config = art.ImageFolder("images").config(schema, art.demo_settings(kind))
    places = {"data.images", "data.prepared", "data.demo_set"}
    assert different_keys(shipped, config, ignore=places) == []
    shorter = art.ImageFolder("images").config(
        schema, art.demo_settings(kind, epochs=3, image_size_px=64)
    )
    assert (shorter.training.phases[1].epochs, shorter.model.image_size_px) == (3, 64)


def test_prepared_images_and_tables_of_a_result(workplace):
    images = art.ImageFolder("images", group_pattern=PATTERN)
    prepared = images.prepare(
        prepared="up_sampled", upsampling={"policy": "flip", "target_ratio": 2}, quiet=True
    )
    assert "manifest" in prepared.table_names
    manifest = prepared.table("manifest")
    copies = manifest[manifest["parent"].notna()]
    assert len(copies) > 0
    assert set(copies["split"]) == {"train"}
    assert all((prepared.folder / path).is_file() for path in manifest["path"])
    with pytest.raises(art.ArtstyleError, match=r"no table manifests.*manifest"):
        prepared.table("manifests")
