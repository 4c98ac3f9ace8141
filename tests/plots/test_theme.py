from __future__ import annotations

import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pytest
from PIL import Image

from artstyle_tf.plots import theme
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import class_labels, house_style, new_figure
from artstyle_tf.system.errors import ArtstyleError


def test_every_figure_is_made_without_pyplot():
    program = """
import sys, tempfile
from pathlib import Path
import numpy as np, pandas as pd
from artstyle_tf.plots.bars import plot_class_distribution
from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
from artstyle_tf.plots.distance_histogram import plot_distance_histogram
from artstyle_tf.plots.embedding_health import plot_embedding_health
from artstyle_tf.plots.neighbor_sheet import plot_neighbor_sheet
from artstyle_tf.plots.per_class_scores import plot_per_class_scores
from artstyle_tf.plots.image_rows import plot_image_rows
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.training_curves import plot_training_curves
names = ["a", "b"]
report = pd.DataFrame({"class": names, "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 3})
history = pd.DataFrame({"epoch": [1], "phase": ["head"], "loss": [1.0], "val_macro_f1": [0.5]})
image = np.zeros((8, 8, 3), np.uint8)
captions = [[("a 0.5", True)]]
figures = [
    plot_confusion_matrix(np.eye(2, dtype=int), names, normalized=True, title="t"),
    plot_per_class_scores(report),
    plot_class_distribution(pd.DataFrame({"train": [1, 2]}, index=names)),
    plot_training_curves(history),
    plot_distance_histogram(np.ones(3), np.ones(4), margin=0.2, title="t"),
    plot_embedding_health(history, margin=0.2),
    plot_image_rows([[image]], captions, ["a"], title="t"),
    plot_neighbor_sheet([image], [[image]], captions, ["a"], title="t"),
]
for number, figure in enumerate(figures):
    save_figure(figure, Path(tempfile.mkdtemp()) / f"{number}.pdf")
assert "matplotlib.pyplot" not in sys.modules
assert "tensorflow" not in sys.modules
"""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr


def test_the_style_ends_with_the_drawing():
    before = dict(matplotlib.rcParams)
    new_figure(2, 2)
    with house_style():
        assert matplotlib.rcParams["text.parse_math"] is False
    assert dict(matplotlib.rcParams) == before


def test_ordinary_names_stay_as_they_are():
    names = ["ArtDeco", "Ölbild", "Экспрессионизм", "$x^{", "a_b"]
    assert class_labels(names) == names


def test_letters_without_a_font_are_replaced_by_the_class_number(monkeypatch):
    monkeypatch.setattr(theme, "_drawable_letters", lambda: frozenset(range(128)))
    names = ["plain", "浮世絵", "絵 Ukiyo-e", "", "a\nb"]
    assert class_labels(names) == ["plain", "class 2", "class 3 Ukiyo-e", "class 4", "a b"]


def test_long_names_keep_both_ends_and_stay_different():
    names = [f"Northern Renaissance and Mannerism {number}" for number in ("I", "II")]
    labels = class_labels(names)
    assert all(len(label) <= 28 and label.startswith("Northern Ren") for label in labels)
    assert [label.rsplit(" ", 1)[1] for label in labels] == ["I", "II"]
    same = class_labels([f"{'x' * 30}{middle}{'x' * 30}" for middle in "ab"] + ["c"])
    assert len(set(same)) == 3
    assert same[0].endswith("(1)")
    assert same[2] == "c"


def test_saving_leaves_one_file_of_the_right_size(tmp_path):
    figure, (axes,) = new_figure(4, 3)
    axes.set_title("絵")  # no class name, so that it is drawn as it is
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for suffix in ("png", "pdf", "svg"):
            save_figure(figure, tmp_path / "new" / f"figure.{suffix}", dpi=100)
    files = sorted(file.name for file in (tmp_path / "new").iterdir())
    assert files == ["figure.pdf", "figure.png", "figure.svg"]
    with Image.open(tmp_path / "new" / "figure.png") as image:
        assert np.allclose(image.size, (400, 300), atol=40)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    figure, _ = new_figure(2, 2)
    with pytest.raises(ArtstyleError, match="Cannot write"):
        save_figure(figure, tmp_path / "file" / "figure.png")
