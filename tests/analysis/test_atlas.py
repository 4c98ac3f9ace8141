from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.analysis.atlas import Colouring, write_atlas_page
from artstyle_tf.plots.projection_map import category_look

pytest.importorskip("bokeh")


@pytest.fixture
def page(tmp_path):
    """The text of a page of four pictures, one of them with a name that looks like HTML."""
    table = pd.DataFrame(
        {
            "path": ["a/1.jpg", "a/2.jpg", "b/<b>3.jpg", "b/\u202egpj.4\x1b"],
            "label": ["a", "a", "b", "b"],
            "split": ["train"] * 4,
            "cluster": [1, 1, 2, 2],
            "prediction": ["a", "b", "b", "b"],
            "confidence": [0.9, 0.8, 0.7, 0.6],
            **{f"{name}_{axis}": np.arange(4.0) for name in ("pca", "umap") for axis in "xy"},
        }
    )
    looks = [category_look(number) for number in range(2)]
    colourings = {
        "style": Colouring(np.array([0, 0, 1, 1]), ["a", "<script>"], looks),
        "correctness": Colouring(np.array([0, 1, 0, 0]), ["right", "wrong"], looks),
    }
    file = tmp_path / "atlas.html"
    write_atlas_page(
        file,
        table,
        [f"data:image/jpeg;base64,AAA{number}" for number in range(4)],
        colourings,
        {"umap": "UMAP", "pca": "PCA"},
        title="run: atlas",
        note="out of fold",
    )
    return file.read_text(encoding="utf-8")


def documents(page):
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_page_needs_no_network(page):
    scripts = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?([^\"'> ]+)", page[:2000])
    assert [source for source in scripts if source.startswith("http")] == []
    assert "Bokeh" in page
    assert len(page) > 500_000  # the library itself is inside


def test_every_picture_has_thumbnail_and_looks_of_each_colouring(page):
    content = documents(page)
    for number in range(4):
        assert f"data:image/jpeg;base64,AAA{number}" in content
    models = json.dumps(json.loads(content.replace("&lt;", "<").replace("&quot;", '"')))
    for name in ("colour_of_style", "marker_of_correctness", "umap_x", "confidence"):
        assert name in models


def test_control_characters_are_visible(page):
    texts = re.findall(r'"(?:[^"\\]|\\.)*"', documents(page).replace("&quot;", '"'))
    found = [text for text in map(json.loads, texts) if "gpj" in text]
    assert found == [r"b/\u202egpj.4\x1b"]


def test_names_are_text_and_no_html(page):
    legend = documents(page)
    assert "<script> (2)" not in legend
    assert "&lt;script&gt; (2)" in legend.replace("&amp;", "&")
