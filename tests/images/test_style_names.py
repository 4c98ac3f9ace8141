"""Folders that may be one style in several spellings are found; different names are not."""

from __future__ import annotations

import io
import unicodedata

import pytest

from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.index.style_folders import (
    describe_near_equal,
    distinct_names,
    near_equal_styles,
    nearest_style,
)
from artstyle_tf.system.progress import Reporter

NFC, NFD = (unicodedata.normalize(form, "Déco") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "names",
    [
        ("Cubism", "cubism"),
        ("Cubism", "Cubism "),
        (NFC, NFD),
        (NFC, "Deco"),
        ("Art Nouveau", "Art_Nouveau", "ArtNouveau", "art-nouveau", "Art  Nouveau", "art–nouveau"),
        ("Op Art", "Op Art."),
        ("Op Art", "'Op Art'"),
        ("Ｃｕｂｉｓｍ", "Cubism"),
        ("Cubism\u200b", "Cubism"),
        ("STRASSE", "straße"),
        ("1900-1910", "1900_1910"),
    ],
)
def test_one_style_in_several_spellings(names):
    assert near_equal_styles(["other", *names]) == [sorted(names)]


@pytest.mark.parametrize(
    "names",
    [("Cubism", "Cubist"), ("period 1-1", "period 11"), ("ハ", "バ"), ("---", "..."), ("1", "01")],
)
def test_different_styles(names):
    assert near_equal_styles(names) == []


def test_names_that_look_the_same_are_distinguished():
    assert distinct_names([NFC, NFD]) == [f"'{NFC}' in NFC", f"'{NFD}' in NFD"]
    counts = {"Cubism": 5, "Cubism ": 1}
    assert describe_near_equal(["Cubism", "Cubism "], counts) == (
        "'Cubism' (5 images), 'Cubism ' (1 images)"
    )


def test_the_nearest_style():
    assert nearest_style(NFD, [NFC, "Cubism"]) == NFC
    assert nearest_style("cubism ", ["Cubism", "Cubism."]) is None
    assert nearest_style("Fauvism", ["Cubism"]) is None


def test_warnings_are_printed_even_when_quiet(tmp_path):
    for style in ("Cubism", "cubism", "Fauvism"):
        (tmp_path / style).mkdir()
        (tmp_path / style / "1.jpg").write_bytes(style.encode())
    stream = io.StringIO()
    index = index_images(tmp_path, reporter=Reporter(stream, quiet=True))
    assert index.class_names == ("Cubism", "Fauvism", "cubism")
    assert "'Cubism' (1 images), 'cubism' (1 images)" in stream.getvalue()
    assert "put their images into one folder" in stream.getvalue()
