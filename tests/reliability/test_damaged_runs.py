"""Runs with impossible content: one message, and nothing is written.

One small run of each kind is trained once; each case damages a copy of its small files and calls a
verb in this process. The networks are those of the first run, shared by links. The short suite has
one case for each way in which a file is read; the others are marked `reliability`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from artstyle_tf.cli.main import main
from artstyle_tf.runs.run_files import Metrics, read_checked

pytestmark = pytest.mark.usefixtures("without_graphs", "_blank_figures")

DATA = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null}
"""
CONFIGS = {
    "direct": f"""{DATA}
model: {{backbone: tiny, weights: null, image_size_px: 32, head: pooled}}
training: {{phases: [], tensorboard: false, linear_probe: {{method: logistic}}}}
""",
    "triplet": f"""{DATA}
model: {{backbone: tiny, weights: null, image_size_px: 32, head: pooled, dimension: 4}}
training:
  tensorboard: false
  num_neighbors: 3
  batch: {{classes: 2, images_per_class: 3}}
  phases: [{{unfreeze_blocks: 0, epochs: 1, learning_rate: 1e-3, loss: semi_hard}}]
""",
}
STYLES = {"bold": 14, "fine": 14}


def call(verb, *arguments):
    return main([*map(str, arguments), "--quiet"], verb=verb)


@pytest.fixture(scope="module")
def _blank_figures(figures_without_pixels):
    with figures_without_pixels():
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory, write_images, name_tiny_network):
    folder = tmp_path_factory.mktemp("damaged runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        name_tiny_network(patch)
        write_images(Path("images"), STYLES, size_px=24)
        for kind, config in CONFIGS.items():
            Path(f"{kind}.yaml").write_text(config)
            assert call(f"train-{kind}", "--config", f"{kind}.yaml", "--run-name", kind) == 0
    return folder


@pytest.fixture
def workplace(trained, tmp_path, monkeypatch, tiny_network_by_name):
    """Copy the runs; large files that no test damages are links."""

    monkeypatch.chdir(tmp_path)

    def copy(source, target):
        (os.link if Path(source).suffix == ".keras" else shutil.copyfile)(source, target)

    shutil.copytree(trained / "outputs/models", "outputs/models", copy_function=copy)
    for name in ("images", "prepared"):
        Path(name).symlink_to(trained / name)
    return tmp_path


def run(kind="direct"):
    return Path("outputs/models", kind)


def in_json(name: str, change: Callable, kind: str = "direct"):
    """Damage a JSON file: `change` gets its content and returns another."""

    def damage():
        file = run(kind) / name
        # With NaN, as others' programs write it.
        file.write_text(json.dumps(change(json.loads(file.read_text()))))

    return kind, damage


def with_value(name: str, keys: str, value, kind: str = "direct"):
    def change(content):
        *parents, last = keys.split(".")
        inner = content
        for key in parents:
            inner = inner[key]
        inner[last] = value
        return content

    return in_json(name, change, kind)


def without(name: str, key: str):
    return in_json(name, lambda content: {k: v for k, v in content.items() if k != key})


def in_table(name: str, column: str, value: str, kind: str = "direct"):
    """Change a value in the last row of a table."""

    def damage():
        file = run(kind) / name
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.loc[len(table) - 1, column] = value
        table.to_csv(file, index=False)

    return kind, damage


def as_text(name: str, text: str | bytes, kind: str = "direct"):
    content = text if isinstance(text, bytes) else text.encode()
    return kind, lambda: (run(kind) / name).write_bytes(content)


def in_arrays(name: str, kind: str = "triplet", **changes):
    def damage():
        file = run(kind) / name
        with np.load(file) as found:
            arrays = dict(found)
        np.savez(file, **arrays | {key: change(arrays[key]) for key, change in changes.items()})

    return kind, damage


def last(value):
    """Change the last value of an array."""

    def change(array):
        changed = array.astype(f"<U{len(str(value)) + 80}") if array.dtype.kind == "U" else array
        changed = changed.copy()
        changed[-1] = value
        return changed

    return change


ANSWERING = ("predict", "evaluate", "export-model")
REPORTING = ("report", "export-model")
NAN, INFINITE = float("nan"), float("inf")

# Name of the case -> (kind of run, damage), verbs that need the file, the message.
CASES = {
    **{
        f"temperature {value}": (
            with_value("calibration.json", "temperature", value),
            ANSWERING,
            "calibration.json",
        )
        for value in (-1, 0, NAN, INFINITE, "warm", None, [1.0], True)
    },
    **{
        f"threshold {value}": (
            with_value("calibration.json", "threshold", value, kind),
            ANSWERING,
            "threshold",
        )
        for kind, value in (("direct", NAN), ("triplet", NAN), ("direct", 2), ("direct", "0.5"))
    },
    "no temperature": (without("calibration.json", "temperature"), ANSWERING, "temperature"),
    "calibration is a list": (as_text("calibration.json", "[]"), ANSWERING, "calibration.json"),
    "calibration is cut": (as_text("calibration.json", '{"temp'), ANSWERING, "calibration.json"),
    "calibration is no text": (as_text("calibration.json", b"\xff"), ANSWERING, "calibration"),
    "calibration too deep": (as_text("calibration.json", "[" * 100_000), ANSWERING, "calibration"),
    **{
        f"class names {text[:20]}": (
            as_text("class_names.json", text, kind),
            ANSWERING,
            "class_names.json",
        )
        for kind, text in (
            ("direct", '["bold"]'),
            ("direct", '["bold", "fine", "wide"]'),
            ("direct", '["bold", "bold"]'),
            ("triplet", '["bold", "bold", ""]'),
            ("direct", "{}"),
            ("direct", '"ab"'),
            ("direct", '{"bold": 0, "fine": 1}'),
            ("direct", "[1, 2]"),
            ("direct", "null"),
            ("direct", '["bold", ""]'),
            ("triplet", '["bold"]'),
        )
    },
    "kind of no run": (with_value("environment.json", "kind", "tree"), ANSWERING, "kind"),
    "kind of the other": (
        with_value("environment.json", "kind", "triplet"),
        ANSWERING,
        "config.yaml",
    ),
    "environment is a list": (as_text("environment.json", "[]"), ANSWERING, "environment.json"),
    "versions are numbers": (
        with_value("environment.json", "packages", {"keras": 3}),
        REPORTING,
        "packages.keras",
    ),
    "prepared is a number": (
        with_value("environment.json", "prepared_images", 3),
        ("evaluate",),
        "prepared_images",
    ),
    "config of another size": (
        as_text("config.yaml", CONFIGS["direct"].replace("px: 32", "px: 48")),
        ANSWERING,
        "model.keras",
    ),
    "config is no text": (as_text("config.yaml", b"\xff\xfe\x00"), ANSWERING, "config.yaml"),
    **{
        f"metrics {keys} {value}": (
            with_value("metrics.json", keys, value),
            verbs,
            keys.split(".")[0],
        )
        for keys, value, verbs in (
            ("validation", None, REPORTING),
            ("validation", [], REPORTING),
            ("validation.macro_f1", "high", REPORTING),
            ("validation.macro_f1", NAN, REPORTING),
            ("validation.brier_score", "low", REPORTING),
            ("test", None, REPORTING),
            ("test.macro_f1", 3, REPORTING),
            ("intervals", [0, 1], REPORTING),
            ("intervals.test.macro_f1", [0.5], REPORTING),
            ("intervals.test.macro_f1", "wide", REPORTING),
            ("baseline", {"test": 0.5}, REPORTING),
            ("baseline.test.trained_against_baseline", None, REPORTING),
            ("calibration", {"threshold": "x"}, REPORTING),
            ("seconds", 3, (*REPORTING, "compare")),
            ("seconds.total", "long", (*REPORTING, "compare")),
            ("unreadable", 5, REPORTING),
            ("unreadable", [{"path": 1}], REPORTING),
            ("leaks", {"group_across_splits": "many"}, REPORTING),
            ("best_epoch", "first", REPORTING),
            ("refitted", "yes", (*REPORTING, "compare")),
            ("alarms", 3, REPORTING),
            ("trunk_cache", "on", REPORTING),
        )
    },
    "metrics are a list": (as_text("metrics.json", "[]"), (*REPORTING, "compare"), "metrics.json"),
    "a score too many": (
        with_value("metrics.json", "test.novel", 0.5),
        REPORTING,
        "the same scores",
    ),
    "state is a number": (with_value("run.json", "state", 3), ("report",), "run.json"),
    "no time": (with_value("run.json", "changed", "yesterday"), ("report",), "changed"),
    **{
        f"images {column} {value[:30]}": (
            in_table("images.csv", column, value),
            ("evaluate", "report", "export-model"),
            f"column {column}",
        )
        for column, value in (
            ("path", "../../../secret.png"),
            ("path", "/etc/hostname"),
            ("path", "train/../../secret.png"),
            ("path", ""),
            ("source", "../secret.png"),
            ("source", "/etc/hostname"),
            ("parent", "../secret.png"),
            ("label", "unknown"),
            ("split", "training"),
            ("digest", "0"),
            ("source_digest", "x" * 64),
            ("perceptual_hash", "x"),
        )
    },
    "images are binary": (
        as_text("images.csv", b"\xff\x00"),
        ("evaluate", "report"),
        "images.csv",
    ),
    "images without rows": (
        as_text("images.csv", "path,label,split,source,source_digest,parent,digest\n"),
        ("evaluate", "report"),
        "images.csv",
    ),
    **{
        f"predictions {column} {value}": (
            in_table("test/predictions.csv", column, value),
            ("report",),
            f"column {column}",
        )
        for column, value in (
            ("label", "unknown"),
            ("prediction", "unknown"),
            ("confidence", "sure"),
            ("confidence", "nan"),
            ("confidence", "7"),
            ("probability_bold", ""),
        )
    },
    "a prediction twice": (
        as_text("test/predictions.csv", "path,label,prediction\n" + "a,bold,bold\n" * 2),
        ("report", "compare"),
        "predictions.csv",
    ),
    "no predictions": (
        as_text("test/predictions.csv", "a,b\n1,2\n"),
        ("report", "compare"),
        "no column path",
    ),
    "scores of a class": (in_table("test/per_class.csv", "f1", "x"), ("report",), "column f1"),
    "an unknown class": (in_table("test/per_class.csv", "class", "x"), ("report",), "column class"),
    "a curve of words": (
        in_table("test/reliability.csv", "confidence", "x"),
        ("report",),
        "reliability.csv",
    ),
    "coverage of two": (
        in_table("test/risk_coverage.csv", "coverage", "2"),
        ("report",),
        "risk_coverage.csv",
    ),
    "history of words": (in_table("history.csv", "val_macro_f1", "x"), ("report",), "history.csv"),
    "half an epoch": (in_table("history.csv", "epoch", "0.5"), ("report",), "column epoch"),
    "leaks without a kind": (as_text("leaks.csv", "a\n"), ("report",), "leaks.csv"),
    **{
        f"gallery: {name}": (in_arrays("gallery.npz", **changes), ANSWERING, "gallery.npz")
        for name, changes in {
            "label too high": {"labels": last(2)},
            "label below zero": {"labels": last(-1)},
            "labels are floats": {"labels": lambda labels: labels.astype(float)},
            "a label is missing": {"labels": lambda labels: labels[1:]},
            "other dimension": {"embeddings": lambda rows: np.eye(len(rows), 3, dtype="f4")},
            "one dimension": {"embeddings": lambda rows: rows[:, 0]},
            "not a number": {"embeddings": last(np.nan)},
            "long rows": {"embeddings": lambda rows: 3 * rows},
            "no rows": dict.fromkeys(
                ("embeddings", "labels", "ids", "paths"), lambda array: array[:0]
            ),
            "a path outside": {"paths": last("../../secret.png")},
            "numbers for paths": {"paths": lambda paths: np.arange(len(paths))},
        }.items()
    },
    "gallery is no archive": (as_text("gallery.npz", "x", "triplet"), ANSWERING, "gallery.npz"),
    "head of another network": (
        in_arrays("head_before_refit.npz", "direct", kernel=lambda kernel: kernel[1:]),
        ("evaluate-val",),
        "head_before_refit.npz",
    ),
    "head that is not a number": (
        in_arrays("head_before_refit.npz", "direct", bias=last(np.nan)),
        ("evaluate-val",),
        "head_before_refit.npz",
    ),
}  # fmt: skip


SHORT = {
    "temperature nan",
    "calibration is cut",
    'class names ["bold", "bold"]',
    "kind of the other",
    "versions are numbers",
    "prepared is a number",
    "config of another size",
    "metrics validation.macro_f1 nan",
    "metrics are a list",
    "a score too many",
    "state is a number",
    "images path ../../../secret.png",
    "predictions confidence 7",
    "a prediction twice",
    "scores of a class",
    "a curve of words",
    "history of words",
    "leaks without a kind",
    "gallery: not a number",
    "gallery is no archive",
    "head that is not a number",
}
"""Cases of the short suite: one for each file and kind of check."""


def arguments(verb, kind):
    return {
        "predict": ["--run", run(kind), "images/bold", "--output", "answers.csv"],
        "evaluate": ["--run", run(kind), "run_name=again"],
        "evaluate-val": ["--run", run(kind), "run_name=again", "split=val"],
        "export-model": ["--run", run(kind), "formats=[]"],
        "report": ["--runs", run(kind), "grad_cam=false"],
        "compare": ["--runs", run("direct"), run("triplet"), "--dry-run"],
    }[verb]


def written():
    return {path for path in Path().rglob("*") if path.is_file() and ".lock" not in path.name}


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        pytest.param(name, verb, marks=() if name in SHORT else pytest.mark.reliability)
        for name, (_, verbs, _) in CASES.items()
        for verb in verbs
    ],
)
def test_impossible_values_are_one_message(name, verb, workplace, capsys):
    (kind, damage), _, said = CASES[name]
    damage()
    before = written()
    capsys.readouterr()
    assert call(verb.partition("-val")[0], *arguments(verb, kind)) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    last_line = message.strip().splitlines()[-1]
    assert last_line.startswith("Error: ")
    assert said in last_line
    assert str(run(kind)) in last_line
    assert len(last_line) < 1200  # most of it the path of the folder
    assert written() == before
    assert not any(".partial" in str(path) for path in Path().rglob("*"))


def test_enough_cases_are_tested():
    assert len(CASES) >= 40
    assert set(CASES) > SHORT


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("verb", ["predict", "evaluate", "report", "compare"])
def test_the_same_undamaged_runs_work(kind, verb, workplace):
    assert call(verb, *arguments(verb, kind)) == 0


def test_a_run_of_an_earlier_version_is_read(workplace):
    """Values that later versions have added are missing, as in the first runs."""
    for name, keys in {
        "metrics.json": ("intervals", "baseline", "calibration", "refitted", "leaks", "alarms"),
        "environment.json": ("kind", "prepared_images", "packages", "artstyle_tf", "seed"),
    }.items():
        file = run() / name
        content = json.loads(file.read_text())
        file.write_text(json.dumps({k: v for k, v in content.items() if k not in keys}))
    for name in ("calibration.json", "leaks.csv", "run.json", "head_before_refit.npz"):
        (run() / name).unlink()
    for name in ("reliability.csv", "risk_coverage.csv"):
        (run() / "test" / name).unlink()
    table = pd.read_csv(run() / "images.csv", dtype=str, keep_default_na=False)
    table.drop(columns="perceptual_hash").to_csv(run() / "images.csv", index=False)
    for verb in ("predict", "evaluate", "report", "export-model"):
        assert call(verb, *arguments(verb, "direct")) == 0
    assert read_checked(run() / "metrics.json", Metrics).seconds["total"] > 0


@pytest.mark.parametrize("kind", CONFIGS)
def test_nothing_but_the_images_of_the_run_goes_into_a_page(kind, workplace, trained):
    """Another image is at the path of the run's image: its digest differs."""
    rows = pd.read_csv(run(kind) / "images.csv", dtype=str, keep_default_na=False)
    victim = Path("prepared", rows["path"][rows["split"] == "test"].iloc[0])
    Path("prepared").unlink()
    shutil.copytree(trained / "prepared", "prepared")
    assert call("report", *arguments("report", kind)) == 0
    page = (run(kind) / "report.html").read_text()
    content = io.BytesIO()
    Image.new("RGB", (24, 24), "magenta").save(content, "PNG")
    victim.write_bytes(content.getvalue())
    assert call("report", *arguments("report", kind)) == 0
    changed = (run(kind) / "report.html").read_text()
    assert changed.count("data:image") < page.count("data:image")


def test_a_table_may_name_images_anywhere_below(workplace):
    """Dots in names do not lead out of the folder."""
    _, damage = in_table("images.csv", "source", "bold/..hidden/a..b/...png")
    damage()
    assert call("evaluate", *arguments("evaluate", "direct")) == 0
