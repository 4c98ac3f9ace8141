"""Names of styles, files and folders are data in every output, through the whole command line."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from markdown_it import MarkdownIt
from PIL import Image

from artstyle_tf.cli.main import main
from artstyle_tf.export import measured_differences
from artstyle_tf.export.saved_model import write_saved_model
from artstyle_tf.runs.run_directory import open_run
from artstyle_tf.runs.served_run import load_served_run
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.visible_text import has_controls
from artstyle_tf.trunk_cache.frozen_graph import freeze

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = """
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training: {phases: [], tensorboard: false, linear_probe: {method: logistic}}
"""
FORMULA, HTML, FORMULA_OF_TEX = '=HYPERLINK("x")', "<img src=x onerror=alert(1)>", r"$\frac{$"
MARKDOWN = "a|b *c* [d](javascript:e) `f` 'g' <i>h"
STYLES = {FORMULA: 14, HTML: 14, FORMULA_OF_TEX: 14, MARKDOWN: 14, "abstained": 14}
FILES = [
    "\x1b]0;owned\x07\x1b[31m.png",
    "1.png\nError: forged.png",
    "\u202egpj.exe.png",
    "\x9b2J=1+1.png",
    "\u2028<script>alert(1)<.png",
]
OUTPUTS = "out;touch pwned $(touch pwned) 'x"
RUN = f"{OUTPUTS}/models/plain"


def call(verb, *arguments):
    return main([str(argument) for argument in arguments], verb=verb)


def check_is_neutral(text):
    assert not has_controls(text, but_lines=True), ascii(text)
    assert "\nError: forged" not in text


def stdout_of(capsys, verb, *arguments):
    """Return the standard output of a verb that has to succeed."""
    capsys.readouterr()
    assert call(verb, *arguments) == 0
    said = capsys.readouterr()
    check_is_neutral(said.out)
    check_is_neutral(said.err)
    return said.out


def answer(capsys, verb, *arguments):
    """Return the JSON of a verb."""
    return json.loads(stdout_of(capsys, verb, *arguments, "--json"))


def cells_of(file):
    """Return the cells that a spreadsheet shows."""
    return [cell for row in csv.reader(io.StringIO(file.read_text(), newline="")) for cell in row]


def formulas_in(file):
    return [
        cell
        for cell in cells_of(file)
        if re.match(r"[=@\t\r\n]|[+-](?![0-9.]+(e[+-]?\d+)?$)", cell)
    ]


class _Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.events, self.images = [], []

    def handle_starttag(self, tag, attrs):
        self.events += [name for name, _ in attrs if name.startswith("on")]
        self.images += [value for name, value in attrs if tag == "img" and name == "src"]


@pytest.fixture(scope="module")
def trained(first_workplace):
    with first_workplace(STYLES, {"config.yaml": CONFIG}) as folder:
        pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8)
        for number, name in enumerate(FILES):
            Image.fromarray(np.roll(pixels, 8 * number, 1)).save(folder / "images" / FORMULA / name)
            (folder / "images" / HTML / name).write_bytes(b"\x89PNG\r\n\x1a\n broken")
            (folder / "images" / name).write_bytes(b"beside the styles")
        options = ["--config", "config.yaml", "--run-name", "plain", "--outputs", OUTPUTS]
        assert call("train-direct", *options, "--quiet") == 0
    return folder


@pytest.fixture
def workplace(trained, enter_copy, tiny_network_by_name):
    return enter_copy(trained)


def test_statements_about_images_are_escaped(workplace, capsys):
    stdout_of(capsys, "prepare-data", "--config", "config.yaml", "data.prepared=again")
    stdout_of(capsys, "inspect-data", "data.images=images", "--outputs", OUTPUTS)
    for file in Path().rglob("*.csv"):
        assert not formulas_in(file), file


def test_predictions_are_escaped_and_distinct_from_abstention(workplace, capsys):
    images = sorted(str(path) for path in Path("images").rglob("*.png"))
    asked = [*images, "--run", RUN, "--outputs", OUTPUTS]
    shown = stdout_of(capsys, "predict", *asked, "--threshold", "0.99999")
    assert re.search(r"Predictions: .*not accepted \d", shown)
    all_given = answer(capsys, "predict", *asked, "--threshold", "0")
    assert set(all_given["predictions"]) <= set(STYLES)
    output = Path(all_given["output"])
    assert output.is_file()
    assert not formulas_in(output)
    assert not formulas_in(output.with_name(f"{output.stem}.left_out.csv"))


def test_an_evaluation_is_neutral_and_its_tables_come_back(workplace, capsys):
    stdout_of(capsys, "evaluate", "--run", RUN, "--images", "images")
    tables = list(Path(OUTPUTS).rglob("*.csv"))
    assert {"predictions.csv", "confusion_matrix.csv", "known_images.csv", "split.csv"} <= {
        table.name for table in tables
    }
    for table in tables:
        assert not formulas_in(table), table
    assert f"'{FORMULA}" in cells_of(Path(RUN, "split.csv"))
    # Read again: evaluated, reported, and the source of another split.
    split = Path(RUN, "split.csv").resolve()
    again = answer(
        capsys, "train-direct", "--config", "config.yaml", f"data.split_file={split}", "--dry-run"
    )
    assert again["dry_run"]


def test_a_report_is_neutral(workplace, capsys):
    stdout_of(capsys, "report", "--runs", RUN)
    page = Path(RUN, "report.html").read_text(encoding="utf-8")
    check_is_neutral(page)
    elements = _Elements()
    elements.feed(page)
    assert not elements.events
    assert not [source for source in elements.images if not source.startswith("data:")]
    assert "alert(1)" in page
    commands = re.findall(r"<code>(python [^<]*)</code>", page)
    assert len(commands) >= 4
    for command in commands:
        words = shlex.split(
            command.replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")
        )
        assert [word for word in words if word.startswith(RUN)], command


def _missing(*_, **__):
    raise ArtstyleError("The images are gone")


def test_an_export_is_neutral(workplace, capsys, monkeypatch):
    monkeypatch.setattr(measured_differences, "read_own_images", _missing)  # has no names
    exported = answer(capsys, "export-model", "--run", RUN)
    card = Path(exported["model_card"]).read_text(encoding="utf-8")
    _, header, text = card.split("---\n", 2)
    assert yaml.safe_load(header)["model-index"][0]["name"] == "plain"
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = [token for block in markdown.parse(text) for token in (block, *(block.children or ()))]
    assert not {"html_inline", "html_block", "link_open", "image", "em_open"} & {
        token.type for token in tokens
    }
    names = [token.content for token in tokens if token.type == "text"]
    cells = ["".join(c.content for c in t.children) for t in tokens if t.type == "inline"]
    assert set(STYLES) <= set(cells), names
    # One line a class, and the same names from the model itself.
    labels = Path(exported["saved_model"], "assets", "labels.txt").read_text(encoding="utf-8")
    assert labels.splitlines() == sorted(STYLES)
    model = tf.saved_model.load(exported["saved_model"])
    said = model.signatures["from_pixels"](pixels=tf.zeros([1, 32, 32, 3]))
    assert said["classes"].numpy().ravel().tolist() == [name.encode() for name in sorted(STYLES)]


def test_a_run_of_before_whose_style_has_two_lines_has_one_label_a_class(workplace):
    run = load_served_run(open_run(Path(RUN)))
    names = tuple(f"two\nlines \x1b{number}" for number in range(len(STYLES)))
    older = dataclasses.replace(run, class_names=names)
    frozen = freeze(run.network, run.output_names)
    version = write_saved_model(older, frozen, Path("older"), max_pixels=10_000)
    labels = (version / "assets" / "labels.txt").read_text(encoding="utf-8").splitlines()
    assert labels == [rf"two\nlines \x1b{number}" for number in range(len(STYLES))]


@pytest.mark.parametrize("letter", ["\n", "\x1b", "\x9b", "\u202e", "\u2028", "\t"])
def test_a_style_with_a_line_break_is_refused(workplace, capsys, letter):
    Path("images", "abstained").rename(Path("images", f"Cubism{letter}Error: forged"))
    for verb in ("train-direct", "prepare-data", "inspect-data"):
        config = [] if verb == "inspect-data" else ["--config", "config.yaml"]
        assert call(verb, *config, "data.images=images", "data.prepared=new") == 2
        said = capsys.readouterr()
        check_is_neutral(said.err)
        assert "control characters in the name" in said.err
        assert said.err.count("Error: A style folder has") == 1
        assert "\nError: forged" not in said.err


def test_a_run_name_has_no_control_characters(workplace, capsys):
    assert call("train-direct", "--config", "config.yaml", "--run-name", "a\x1b[2J") == 2
    check_is_neutral(capsys.readouterr().err)
