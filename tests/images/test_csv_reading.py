"""A CSV file keeps every character, and another kind of file gets a message that names it."""

from __future__ import annotations

import pytest

from artstyle_tf.images.index.csv_reading import read_csv_rows
from artstyle_tf.system.errors import ArtstyleError

COLUMNS = ("path", "label", "split")


def read(tmp_path, content):
    file = tmp_path / "table.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv_rows(file, columns=COLUMNS, what="split file")


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("path,label,split\na.jpg,x,val\n", ["a.jpg", "x", "val"]),
        ("\ufeffpath,label,split\na.jpg,x,val", ["a.jpg", "x", "val"]),
        ("path,label,split\r\n a.jpg , x,val\r\n", [" a.jpg ", " x", "val"]),
        ("path,label,split\ra.jpg,x,val\r", ["a.jpg", "x", "val"]),
        ('"path","label","split"\n"a, ""b""\n\r c",NA,val\n', ['a, "b"\n\r c', "NA", "val"]),
        ("\n\npath , label,split\n\n001,1.0,val\n,,\n\n", ["001", "1.0", "val"]),
        ("path,label,split\na;b;c,x,val\n", ["a;b;c", "x", "val"]),
        ("path,label,split\na.jpg,x,val,,\n", ["a.jpg", "x", "val"]),
        ("path,label,split\na.jpg,x\n", ["a.jpg", "x", ""]),
    ],
)
def test_cells_are_exact(tmp_path, content, row):
    names, rows = read(tmp_path, content)
    assert names == list(COLUMNS)
    assert rows == [row]


ORDINARY = "path,label,split\né.jpg,x,val\n"


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (ORDINARY.replace(",", ";"), ["separated by semicolons", "path;label;split", "commas"]),
        (ORDINARY.replace(",", "\t"), ["separated by tabs", r"path\tlabel\tsplit"]),
        (ORDINARY.replace(",", "|"), ["separated by vertical bars"]),
        ("Path;Label;Split\n1;2;3\n", ["separated by semicolons"]),
        ('"path";"label";"split"\n', ["separated by semicolons"]),
        ("path; label; split, if known\n", ["separated by semicolons"]),
        ("sep=;\npath;label;split\n", ["separated by semicolons"]),
        ("a.jpg;x;val\nb.jpg;x;val\n", ["separated by semicolons"]),
        ("path,label,split\na.jpg;x;val\n", ["Line 2", "separated by semicolons", "a.jpg;x;val"]),
        (ORDINARY.encode("utf-16"), ["UTF-16", "CSV UTF-8"]),
        (ORDINARY.encode("utf-16-be"), ["UTF-16"]),
        (ORDINARY.replace(",", ";").encode("utf-16"), ["UTF-16"]),
        (ORDINARY.encode("utf-32"), ["UTF-32"]),
        (ORDINARY.encode("cp1252"), ["line 2", "0xe9", "Windows-1252", "CSV UTF-8"]),
        (b"PK\x03\x04" + bytes(30), ["a ZIP archive, as Office files are"]),
        (b"\x89PNG\r\n\x1a\n\0\0", ["which is PNG"]),
        (b"path,label,split\na\0,b,c\n", ["no text"]),
        (b"", ["not a CSV file in UTF-8", "empty"]),
        (" \n\n", ["empty"]),
        ("x" * 200_000, ["line 1", "field limit"]),
        ("\ufeff\n", ["lacks the column path, label, split"]),
        ("a.jpg,x,val\nb.jpg,x,val\n", ["begin the file with the line path,label,split"]),
        ("PATH,Label,split\na,b,val\n", ["write the names in lower case"]),
        ("sep=,\npath,label,split\n", ["remove the first line"]),
        ('"path,label,split"\n"a.jpg,x,val"\n', ["quotes around whole lines"]),
        ("path,path,label,split\n", ["has the column path twice"]),
        ("path,label,split\na.jpg,x,val\nParis, 1912.jpg,x,val\n", ["Line 3", "4 cells", "quotes"]),
        ('path,label,split\n"a.jpg,x,val\n', ["line 2", "unexpected end of data"]),
        ('path,label,split\n"a"b.jpg,x,val\n', ["line 2", "double those inside"]),
    ],
)
def test_other_files_are_named(tmp_path, content, messages):
    with pytest.raises(ArtstyleError) as caught:
        read(tmp_path, content)
    said = str(caught.value)
    for message in ("split file", "table.csv", *messages):
        assert message in said
    assert len(said.splitlines()) == 1


def test_a_folder_and_a_missing_file(tmp_path):
    for place in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(ArtstyleError, match=r"The split file cannot be read\. Received: "):
            read_csv_rows(place, columns=COLUMNS, what="split file")
