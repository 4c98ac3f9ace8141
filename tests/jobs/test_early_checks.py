"""Errors that need neither TensorFlow nor pandas are reported before they are imported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from artstyle_tf.api import early_checks
from artstyle_tf.api.jobs import JOBS
from artstyle_tf.cli.main import main
from artstyle_tf.cli.verbs import VERBS
from artstyle_tf.config.loading import load_config
from artstyle_tf.models import backbone_registry
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import check_can_write

ROOT = Path(__file__).parents[2]
# numpy and Pillow are quick; these take a second and more.
HEAVY = {"tensorflow", "keras", "pandas", "matplotlib", "sklearn", "scipy", "optuna", "cv2"}

# Verb, arguments -> a part of the message.
MISTAKES = {
    "prepare-data": [
        (["data.images=nowhere"], "nowhere, which does not exist"),
        (["data.images=note.txt"], "note.txt, which is a file"),
        (["data.images=hollow"], "the empty folder hollow"),
        (["data.images=images", "data.split_file=no.csv"], "The split file cannot be read"),
        (["data.images=images", "data.group_file=no.csv"], "The group file cannot be read"),
        (["data.images=images", "data.prepared=images/p"], "lies among the images"),
        (["data.images=images", "data.prepared=note.txt/p"], "Cannot write note.txt/p"),
    ],
    "inspect-data": [
        (["--images", "nowhere"], "nowhere, which does not exist"),
        (["--images", "images", "--split-file", "no.csv"], "The split file cannot be read"),
        (["--images", "images", "--outputs", "note.txt/o"], "Cannot write"),
    ],
    "train-direct": [
        (["data.images=nowhere"], "nowhere, which does not exist"),
        (["data.images=images", "model.backbone=resnet"], "The backbone is not known"),
        (["data.images=images", "model.weights=no.h5"], "The weights file does not exist"),
        (["--resume", "--run-name", "no"], "There is no run outputs/models/no"),
        (["--run-name", "old"], "exists already"),
        (["--outputs", "note.txt/o"], "Cannot write"),
        (["--config", "no.yaml"], "Cannot read the config file no.yaml"),
    ],
    "train-triplet": [
        (["data.images=nowhere"], "nowhere, which does not exist"),
        (["data.images=images", "model.initial_run=nix"], "nix is not a run"),
    ],
    "cross-validate": [(["data.images=nowhere"], "nowhere, which does not exist")],
    "tune": [
        (["data.images=nowhere"], "nowhere, which does not exist"),
        (["tuning.space.seed={type: int, low: 1, high: 2}"], "seed cannot be searched"),
    ],
    "compare-backbones": [
        (["--images", "nowhere"], "nowhere, which does not exist"),
        (["--images", "images", "candidates=[]"], "candidates: should name the networks"),
        (
            ["--images", "images", "candidates=[{}, {backbone: efficientnet_b0}]"],
            "number 2 is the same as number 1, efficientnet_b0 with 320 px",
        ),
        (["--images", "images", "candidates=[{backbone: resnet}]"], "The backbone is not known"),
        (
            ["--images", "images", "candidates=[{weights: null}, {weights: no.h5}]"],
            "The weights file does not exist",
        ),
        (["training.phases=[]"], "unknown key 'training.phases' (leave it out: backbones are"),
        (["model.head=pooled"], "unknown key 'model' (give its keys for each of the candidates)"),
        (["--resume", "--run-name", "no"], "There is no run outputs/backbones/no"),
        (["--outputs", "note.txt/o"], "Cannot write"),
    ],
    "evaluate": [
        ([], "Which run should be evaluated?"),
        (["--run", "no"], "no is not a run"),
        (["--run", "outputs/models/old", "--images", "nowhere"], "nowhere, which does not exist"),
    ],
    "export-model": [
        (["--run", "no"], "no is not a run"),
        (["--run", "outputs/models/old"], "is not finished"),
        (["--run", "no", "--formats", "pdf"], "formats.0='pdf'"),
    ],
    "predict": [
        (["--run", "no"], "No images are given"),
        (["no.jpg", "--run", "outputs/models/old"], "There is no such image"),
        (["images", "--run", "no"], "no is not a run"),
        (["images", "--url", "x"], "This is not a valid server URL"),
        (["images", "--run", "no", "--url", "http://h"], "Both a run and a server are given"),
    ],
    "analyze-features": [
        (["--run", "no"], "no is not a run"),
        (["--backbone", "resnet"], "The backbone is not known"),
        (["--run", "outputs/models/old", "--images", "nowhere"], "nowhere, which does not exist"),
    ],
    "compare": [
        ([], "Which runs should be compared?"),
        (["--runs", "no"], "no is not a run"),
        (["--runs", "outputs/models/old"], "has no results yet"),
    ],
    "report": [
        ([], "Which runs should be reported?"),
        (["--runs", "outputs/models/old"], "is not finished"),
    ],
}

# Asks for all of them in one process, because each would take half a second.
PROGRAM = """
import io, json, sys
from contextlib import redirect_stderr
from artstyle_tf.cli.main import main
answers = {}
for verb, cases in json.loads(sys.argv[1]).items():
    for arguments, _ in cases:
        with redirect_stderr(io.StringIO()) as message:
            code = main(arguments, verb=verb)
        answers[" ".join([verb, *arguments])] = [code, message.getvalue()]
print(json.dumps([answers, sorted({name.split(".")[0] for name in sys.modules})]))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory, write_images):
    """Return the message for every mistake, and the packages imported for it."""
    folder = tmp_path_factory.mktemp("mistakes")
    write_images(folder / "images", {"bold": 1, "fine": 1})
    (folder / "hollow").mkdir()
    (folder / "note.txt").touch()
    old = folder / "outputs" / "models" / "old"
    old.mkdir(parents=True)
    shutil.copy(ROOT / "configs" / "direct.yaml", old / "config.yaml")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(MISTAKES)],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    left = {path.name for path in folder.iterdir()}
    assert left == {"images", "hollow", "note.txt", "outputs"}
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("verb", "arguments", "expected"),
    [(verb, *case) for verb, cases in MISTAKES.items() for case in cases],
)
def test_mistakes_are_reported_early(answers, verb, arguments, expected):
    code, message = answers[0][" ".join([verb, *arguments])]
    assert expected in message
    assert code == 2
    assert "Traceback" not in message


def test_nothing_that_takes_seconds_is_imported_for_that(answers):
    assert not HEAVY.intersection(answers[1])


def test_every_verb_that_reads_anything_has_an_early_check():
    assert set(VERBS) == set(JOBS)
    for name, job in JOBS.items():
        if name != "trunk-cache":  # which needs nothing
            assert name in MISTAKES
            assert callable(getattr(early_checks, str(job.early_check)))


def test_valid_values_pass(tmp_path, monkeypatch, write_images):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "images", {"bold": 1, "fine": 1})
    assert main(["data.images=images", "--print-config"], verb="train-direct") == 0
    verb = VERBS["train-direct"]
    overrides = ["data.images=images", "model.backbone=compact", "model.weights=null"]
    config = load_config(verb.schema, ROOT / "configs" / verb.config_file, overrides)
    early_checks.check_training(config, early_checks.Invocation())


def test_the_demo_set_need_not_be_there_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(VERBS["inspect-data"].schema, ROOT / "configs" / "demo_inspect.yaml")
    early_checks.check_inspection(config, early_checks.Invocation())


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_v2_b0"])
def test_the_imagenet_file_is_where_keras_puts_it(name, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    model = build_backbone(name, image_size_px=32, weights=None).model
    file = backbone_registry.imagenet_file(name)
    assert file == tmp_path / "models" / f"{model.name}_notop.h5"


def test_what_can_be_written_is_not_created(tmp_path):
    check_can_write(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    check_can_write(tmp_path / "file")  # may be replaced
    with pytest.raises(ArtstyleError, match="Not a directory"):
        check_can_write(tmp_path / "file" / "b")


def test_a_read_only_file_system_is_not_a_permission_error(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ArtstyleError, match="Permission denied"):
        check_can_write(tmp_path)
    monkeypatch.setattr("os.statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(ArtstyleError, match="Read-only file system"):
        check_can_write(tmp_path)
