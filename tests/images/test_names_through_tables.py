"""Every name that a Linux file system allows is read back unchanged from every table."""

from __future__ import annotations

import csv
import re
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from artstyle_tf.images.index.image_index import ImageIndex, index_images
from artstyle_tf.images.index.image_tables import csv_text, read_csv_table
from artstyle_tf.images.preparation.manifest import read_prepared, write_tables
from artstyle_tf.images.splits.splitting import read_split, write_split
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.visible_text import has_controls

NUMBER = re.compile(r"[+-][0-9.]+(e[+-]?[0-9]+)?", re.IGNORECASE)
_ODD = [
    "=HYPERLINK(1)",
    "'=x",
    "''=x",
    "@a",
    "-1",
    "'-1",
    "-ism",
    "+a",
    "＝1",
    " lead",
    "trail ",
    "NA",
    "nan",
    "null",
    "001",
    "1.0",
    "true",
    "=1+1",
    "a,b",
    'say "hi"',
]
_ODD += [
    "line\nbreak",
    "\rreturn",
    "tab\t",
    "back\\slash",
    "'",
    '"',
    ";",
    "#",
    "De\u0301co",
    "Déco",
]
_NAMES = st.one_of(
    st.sampled_from(_ODD),
    st.text(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
    ),
    # Names of the characters that matter to CSV.
    st.text(st.sampled_from(" ,;\t\r\n\"'\\aé"), min_size=1, max_size=6),
).filter(lambda name: not name.startswith(".") and len(name.encode()) <= 80)
_STYLES = _NAMES.filter(lambda name: not has_controls(name))


def _write(root: Path, styles, names) -> ImageIndex:
    for style in styles:
        (root / style).mkdir(parents=True)
        for name in names:
            (root / style / f"{name}.jpg").write_bytes(f"{style}/{name}".encode())
    return index_images(root)


@given(
    styles=st.lists(_STYLES, min_size=2, max_size=4, unique=True),
    names=st.lists(_NAMES, min_size=2, max_size=4, unique=True),
)
@example(styles=["Cubism", "cubism", "Cubism ", "Déco", "De\u0301co"], names=["é", "e\u0301"])
@example(styles=[name for name in _ODD if not has_controls(name)], names=["1", " 1"])
@example(styles=["a", "b"], names=_ODD)
@settings(max_examples=60, deadline=None)
def test_a_written_split_is_read_as_it_was(styles, names):
    with tempfile.TemporaryDirectory() as folder:
        index = _write(Path(folder, "images"), styles, names)
        assert set(index.class_names) == set(styles)
        splits = ["train", "val"] * len(index.images)
        images = index.images.assign(split=splits[: len(index.images)])
        write_split(images, Path(folder, "split.csv"))
        pd.testing.assert_frame_equal(read_split(Path(folder, "split.csv"), index), images)


@given(names=st.lists(_NAMES, min_size=2, max_size=5, unique=True))
@example(names=_ODD)
@settings(max_examples=60, deadline=None)
def test_tables_of_a_run_come_back(names):
    digests = {"source_digest": "0" * 64, "digest": "0" * 64}
    row = {"split": "train", **digests, "parent": "", "policy": ""}
    row |= {"width_px": 1, "height_px": 1, "seed": None, "size_bytes": 0, "recipe": "r"}
    rows = [
        {**row, "path": f"train/{name}/{name}.png", "label": name, "group": name, "source": name}
        for name in sorted(names)
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for each in rows:
            (root / each["path"]).parent.mkdir(parents=True, exist_ok=True)
            (root / each["path"]).touch()
        written = write_tables(root, rows, dict.fromkeys(names, "broken"))
        again = read_prepared(root)
        pd.testing.assert_frame_equal(again.manifest, written.manifest)
        pd.testing.assert_frame_equal(again.rejected, written.rejected)
        run = RunDirectory(root, root)
        run.write_class_names(sorted(names))
        run.write_table(run.images_file, written.manifest)
        assert run.read_images()["label"].tolist() == written.manifest["label"].tolist()


@given(names=st.lists(_NAMES, min_size=1, max_size=5, unique=True))
@example(names=_ODD)
@settings(max_examples=60, deadline=None)
def test_tables_with_styles_as_index_come_back(names):
    table = pd.DataFrame({"number": range(len(names))}, index=names)
    text = csv_text(table, index_label="label")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "t.csv")
        file.write_text(text, encoding="utf-8", newline="")
        read = read_csv_table(file, dtype=str, keep_default_na=False)
        assert read["label"].tolist() == names
        with file.open(encoding="utf-8", newline="") as opened:
            cells = [row["label"] for row in csv.DictReader(opened)]
        assert not [cell for cell in cells if cell[0] in "=@\t\r\n"]
        assert all(NUMBER.fullmatch(cell) for cell in cells if cell[0] in "+-")


def test_blanks_and_accents_are_normalized(tmp_path):
    index = _write(tmp_path / "images", ["De\u0301co", "bold"], ["1", "2"])
    (tmp_path / "s.csv").write_text(
        "path,label,split,group\nDéco/1.jpg ,Déco,train, monet\n"
        "De\u0301co/2.jpg, De\u0301co ,val,monet \n"
        "bold/1.jpg,bold, train,Céz\nbold/2.jpg,bold,val,Ce\u0301z\n"
    )
    split = read_split(tmp_path / "s.csv", index)
    assert split["split"].tolist() == ["train", "val", "train", "val"]
    assert split["group"].tolist() == [" monet", " monet", "Céz", "Céz"]


def test_a_label_that_is_another_style_is_no_spelling_of_this_one(tmp_path):
    index = _write(tmp_path / "images", ["Cubism", "Cubism "], ["1", "2"])
    (tmp_path / "s.csv").write_text(
        "path,label,split\nCubism/1.jpg,Cubism,train\nCubism /2.jpg,Cubism,val\n"
    )
    with pytest.raises(Exception, match="contradicts the folders"):
        read_split(tmp_path / "s.csv", index)


def test_one_artist_in_two_spellings_is_one_group(tmp_path):
    root = tmp_path / "images"
    _write(root, ["a", "b"], ["Ce\u0301zanne_1", "Cézanne_2", "Cézanne _3"])
    assert index_images(root, group_pattern="^([^_]+)_").images["group"].nunique() == 1
