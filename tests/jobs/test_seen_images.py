"""Images that a run has seen, evaluated as if they were new."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from documented_names import undocumented_names
from PIL import Image, ImageOps

from artstyle_tf.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1] / "images"))
from test_near_duplicates import scenery

pytestmark = pytest.mark.usefixtures("without_graphs")

DATA = """
report: false
data: {images: images, prepared: prepared, split_file: split.csv, preparation_workers: 1,
       views: null}
"""
DIRECT = f"""{DATA}
model: {{backbone: tiny, weights: null, image_size_px: 32, head: pooled}}
training: {{phases: [], tensorboard: false, linear_probe: {{method: logistic}}}}
"""
# Hashes are kept also where near duplicates are to be ignored.
TRIPLET = f"""{DATA.replace("split_file", "near_duplicates: ignore, split_file")}
model: {{backbone: tiny, weights: null, image_size_px: 32, head: pooled, dimension: 8}}
training:
  tensorboard: false
  num_neighbors: 3
  batch: {{classes: 2, images_per_class: 3}}
  phases: [{{unfreeze_blocks: 0, epochs: 1, learning_rate: 1e-3, loss: semi_hard}}]
  projection_init: {{method: logistic}}
  loss: {{margin: 0.2}}
"""
RUNS = {"direct": DIRECT, "triplet": TRIPLET}
SPLITS = ["train"] * 8 + ["val"] * 3 + ["test"] * 3


def call(verb, *arguments):
    return main([*map(str, arguments), "--quiet"], verb=verb)


def answer(capsys, verb, *arguments):
    capsys.readouterr()
    assert call(verb, *arguments, "--json") == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


@pytest.fixture(scope="module")
def trained(first_workplace):
    configs = {f"{kind}.yaml": config for kind, config in RUNS.items()}
    with first_workplace({}, configs) as folder:
        rows = []
        for style, first in (("bold", 0), ("fine", 50)):
            Path("images", style).mkdir(parents=True)
            for number, split in enumerate(SPLITS):
                name = f"{style}/{number:02}.png"
                scenery(first + number, 96, 72).save(Path("images", name))
                rows.append((name, style, split))
        # A mirrored copy of a training image in the test split.
        ImageOps.mirror(scenery(0, 96, 72)).save("images/bold/13.png")
        pd.DataFrame(rows, columns=["path", "label", "split"]).to_csv("split.csv", index=False)
        for kind in RUNS:
            assert call(f"train-{kind}", "--config", f"{kind}.yaml", "--run-name", kind) == 0
    return folder


@pytest.fixture
def workplace(trained, enter_copy, tiny_network_by_name):
    return enter_copy(trained)


def of_training(style, number):
    return Image.open(f"images/{style}/{number:02}.png")


@pytest.fixture
def mixed(workplace):
    return write_mixed()


def write_mixed():
    """Write copies of training, validation and test images, and new ones."""
    for style, seed in (("bold", 500), ("fine", 600)):
        folder = Path("mixed", style)
        folder.mkdir(parents=True)
        shutil.copy(f"images/{style}/00.png", folder / "exact.png")
        of_training(style, 1).save(folder / "jpeg.jpg", quality=60)
        of_training(style, 2).save(folder / "webp.webp", quality=60)
        of_training(style, 3).resize((48, 36)).save(folder / "half.png")
        ImageOps.mirror(of_training(style, 4)).save(folder / "mirrored.jpg", quality=60)
        of_training(style, 8).save(folder / "validation.jpg", quality=60)
        of_training(style, 11).save(folder / "test.jpg", quality=60)
        scenery(seed, 96, 72).save(folder / "new.png")
    return Path("mixed")


KINDS = {
    "exact.png": ("same file", "00.png", "train"),
    "jpeg.jpg": ("same look", "01.png", "train"),
    "webp.webp": ("same look", "02.png", "train"),
    "half.png": ("same look", "03.png", "train"),
    "mirrored.jpg": ("mirrored", "04.png", "train"),
    "validation.jpg": ("same look", "08.png", "val"),
}


SAID = {
    "direct": "was trained on 12 of these 16 images (2 same file, 8 same look, 2 mirrored)",
    "triplet": "was trained on 10 and has chosen its epoch, temperature or threshold on 2 of",
}


@pytest.fixture(scope="module")
def evaluated_once(trained, tmp_path_factory, name_tiny_network):
    """Evaluate both runs on `mixed`; what is printed is in files."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        name_tiny_network(patch)
        write_mixed()
        for kind in RUNS:
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                options = ["--run", f"outputs/models/{kind}", "--images", "mixed", "--json"]
                assert call("evaluate", *options) == 0
            Path(f"{kind}.json").write_text(out.getvalue())
            Path(f"{kind}.txt").write_text(err.getvalue())
    return folder


@pytest.fixture
def evaluated(evaluated_once, enter_copy, tiny_network_by_name):
    """Function (kind) -> result and messages of its evaluation on `mixed`."""
    enter_copy(evaluated_once)
    return lambda kind: (
        json.loads(Path(f"{kind}.json").read_text()),
        Path(f"{kind}.txt").read_text(),
    )


@pytest.mark.parametrize(
    ("kind", "use_of_validation"), [("direct", "learned"), ("triplet", "selection")]
)
def test_copies_of_what_the_run_has_seen_are_counted_and_named(evaluated, kind, use_of_validation):
    result, messages = evaluated(kind)
    table = pd.read_csv(result["known_images"]["table"]).set_index("path")
    expected = {
        f"{style}/{name}": (how, f"{style}/{known}", split)
        for style in ("bold", "fine")
        for name, (how, known, split) in KINDS.items()
    }
    found = table[["kind", "known_image", "known_split"]].apply(tuple, axis=1).to_dict()
    assert found == expected
    uses = table["use"].groupby(table["known_split"]).unique().map(list).to_dict()
    assert uses == {"train": ["learned"], "val": [use_of_validation]}
    known = result["known_images"]
    assert (known["num_images"], known["num_new"]) == (12, 4)
    assert known["kinds"] == {"same_file": 2, "same_look": 8, "mirrored": 2, "turned": 0}
    assert known["splits"] == {"train": 10, "val": 2}
    assert known["num_seen"] == known["num_compared"] == 22
    assert SAID[kind] in messages
    assert result["without_known_images"]["num_images"] == 4
    kept = json.loads(Path(result["results"], "metrics.json").read_text())
    assert kept["without_known_images"] == result["without_known_images"]
    assert kept["known_images"] == known
    del result["per_class"], result["without_known_images"]["per_class"]  # columns of a table
    assert undocumented_names(result) == set()


@pytest.mark.parametrize("kind", ["direct", pytest.param("triplet", marks=pytest.mark.reliability)])
def test_scores_without_them_are_those_of_the_rest_alone(evaluated, kind, capsys):
    result, _ = evaluated(kind)
    for style in ("bold", "fine"):
        for name in KINDS:
            Path("mixed", style, name).unlink()
    options = ["--run", f"outputs/models/{kind}", "--images", "mixed"]
    alone, messages = answer(capsys, "evaluate", *options)
    assert "Warning" not in messages
    assert alone["known_images"]["num_images"] == 0
    assert alone["known_images"]["table"] is None
    assert alone["without_known_images"] is None
    without = result["without_known_images"]
    assert without["metrics"] == pytest.approx(alone["metrics"], rel=1e-5)
    assert without["per_class"] == alone["per_class"]


def test_the_folder_it_was_trained_on_leaves_nothing(workplace, capsys):
    shutil.rmtree("prepared")  # the images may be elsewhere by now
    for name in ("bold/11", "bold/12", "fine/11", "fine/12", "fine/13"):
        Path(f"images/{name}.png").unlink()
    shutil.move("images", "elsewhere")
    options = ["--run", "outputs/models/direct", "--images", "elsewhere"]
    result, messages = answer(capsys, "evaluate", *options)
    assert result["known_images"]["num_new"] == 0
    assert result["without_known_images"] is None
    assert "no image is left to evaluate the run on" in messages
    assert call("evaluate", *options) == 0
    assert "no image is left" in capsys.readouterr().err


def without_hashes(run):
    file = Path(run, "images.csv")
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table.drop(columns="perceptual_hash").to_csv(file, index=False)


def test_an_earlier_run_reads_the_images_that_exist(mixed, capsys):
    without_hashes("outputs/models/direct")
    options = ["--run", "outputs/models/direct", "--images", mixed]
    shutil.rmtree("prepared")  # the originals are left
    result, messages = answer(capsys, "evaluate", *options)
    assert result["known_images"]["num_images"] == 12
    assert "perceptual hashes" not in messages
    shutil.rmtree("images")
    environment = Path("outputs/models/direct/environment.json")
    lost = {**json.loads(environment.read_text()), "prepared_images": "gone"}
    environment.write_text(json.dumps(lost))
    result, messages = answer(capsys, "evaluate", *options)
    assert result["known_images"]["num_images"] == 2  # the same files
    assert "among none of the 22 images that the run has seen" in messages


def test_a_test_split_with_copies_is_scored_without_them_too(workplace, capsys):
    leaks = json.loads(Path("outputs/models/direct/metrics.json").read_text())["leaks"]
    assert leaks["mirrored_across_splits"] == 1
    result, messages = answer(capsys, "evaluate", "--run", "outputs/models/direct")
    assert result["evaluated"] == "test"
    assert result["num_images"] == 6
    assert result["without_known_images"]["num_images"] == 5
    assert pd.read_csv(result["known_images"]["table"])["path"].tolist() == ["bold/13.png"]
    assert "was trained on 1 of these 6" in messages


@pytest.mark.parametrize(
    ("split", "said"), [("train", "was trained on"), ("val", "were used to select the run's epoch")]
)
def test_its_own_training_images_are_called_that(workplace, split, said, capsys):
    _, messages = answer(capsys, "evaluate", "--run", "outputs/models/direct", f"split={split}")
    assert said in messages


def test_an_embedding_initialized_with_a_run_has_seen_its_images(mixed, capsys):
    options = ["--config", "triplet.yaml", "model.initial_run=outputs/models/direct"]
    # The second run sees other images than the first.
    table = pd.read_csv("split.csv")
    table = table[~table["path"].str.contains("/0[0-4]")]
    table.to_csv("split.csv", index=False)
    for style in ("bold", "fine"):
        for number in range(5):
            Path(f"images/{style}/{number:02}.png").unlink()
    options += ["data.prepared=prepared-2", "--run-name", "second"]
    assert call("train-triplet", *options) == 0
    evaluate = ["--run", "outputs/models/second", "--images", mixed]
    result, _ = answer(capsys, "evaluate", *evaluate)
    assert result["known_images"]["splits"] == {"train": 10, "val": 2}
    shutil.rmtree("outputs/models/direct")
    result, messages = answer(capsys, "evaluate", *evaluate)
    assert result["known_images"]["num_images"] == 2
    assert "initialized with the network of outputs/models/direct, which is missing" in messages


def test_folds_and_comparisons_report_what_they_cannot_separate(workplace, capsys):
    assert call("compare", "--runs", "outputs/models/direct", "outputs/models/triplet") == 0
    messages = capsys.readouterr().err
    assert "Some of the 6 compared test images" in messages
    assert "(direct) 1" in messages
    folds = ["--config", "direct.yaml", "cross_validation.num_folds=2"]
    assert call("cross-validate", *folds, "--dry-run") == 0


def test_an_inspection_finds_the_mirrored_copy(workplace, capsys):
    options = ["data.images=images", "data.split_file=split.csv", "--run-name", "look"]
    assert call("inspect-data", *options, "--fail-on", "mirrored_across_splits") == 1
    summary = json.loads(Path("outputs/inspections/look/summary.json").read_text())
    findings = {found["code"]: found for found in summary["findings"]}
    assert findings["mirrored_across_splits"]["count"] == 1
    assert "bold/00.png; bold/13.png" in findings["mirrored_across_splits"]["examples"]


def test_an_analysis_of_training_images_warns(mixed, capsys):
    options = ["--run", "outputs/models/direct", "--images", mixed, "--dry-run"]
    assert call("analyze-features", *options) == 0
    assert SAID["direct"] in capsys.readouterr().err
