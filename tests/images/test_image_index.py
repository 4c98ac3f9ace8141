"""The index lists all files, independent of the order on disk, and explains problems."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.index.style_folders import how_to_add_images
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter


def _write(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(f"content of {path}".encode())
    return root


def _ignored(index) -> dict[str, str]:
    return dict(zip(index.ignored["path"], index.ignored["reason"], strict=True))


def test_lists_images_of_all_depths_sorted(tmp_path):
    paths = ["b/x.JPG", "a/deep/er/y.png", "a/z.webp", "Ä ö/é è.tiff", "a/deep.gif"]
    index = index_images(_write(tmp_path, *paths))

    assert list(index.images.columns) == ["path", "label", "group", "digest", "size_bytes"]
    assert list(index.images["path"]) == sorted(paths)
    assert index.class_names == ("a", "b", "Ä ö")
    row = index.images.set_index("path").loc["a/deep/er/y.png"]
    content = (tmp_path / "a/deep/er/y.png").read_bytes()
    assert row["label"] == "a"
    assert row["group"] == "a/deep/er/y.png"
    assert row["digest"] == hashlib.sha256(content).hexdigest()
    assert row["size_bytes"] == len(content)
    assert len(index.ignored) == 0


def test_does_not_depend_on_the_order_on_disk(tmp_path):
    paths = [f"{style}/{number}.png" for style in "cab" for number in range(7)]
    first = index_images(_write(tmp_path / "1", *paths))
    second = index_images(_write(tmp_path / "2", *reversed(paths)))
    assert first.images.equals(second.images)


def test_what_is_no_image_is_listed_with_a_reason(tmp_path):
    root = _write(
        tmp_path,
        *("a/1.jpg", "b/1.jpg", "b/notes.txt", "b/README", "a/.hidden.jpg", ".git/x.jpg"),
        *("Thumbs.db", "lost.png", "c/d/only.txt"),
    )
    (root / "empty").mkdir()
    index = index_images(root)
    assert _ignored(index) == {
        ".git": "hidden",
        "Thumbs.db": "not an image (.db)",
        "a/.hidden.jpg": "hidden",
        "b/README": "not an image (no suffix)",
        "b/notes.txt": "not an image (.txt)",
        "c": "a folder without images",
        "c/d/only.txt": "not an image (.txt)",
        "empty": "a folder without images",
        "lost.png": "lies beside the style folders, not in one",
    }
    assert index.class_names == ("a", "b")


def test_ignored_files_are_reported_but_hidden_ones_are_not(tmp_path):
    stream = io.StringIO()
    root = _write(tmp_path, "a/1.jpg", "b/1.jpg", "b/notes.txt", "a/.DS_Store")
    index_images(root, reporter=Reporter(stream))
    assert "not an image (.txt): b/notes.txt" in stream.getvalue()
    assert ".DS_Store" not in stream.getvalue()


def test_links_are_followed_once_and_loops_end(tmp_path):
    root = _write(tmp_path / "root", "a/1.jpg", "b/1.jpg")
    _write(tmp_path / "elsewhere", "2.jpg", "deep/3.jpg")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    (root / "0-again").symlink_to(root / "b")
    (root / "a" / "broken.jpg").symlink_to(root / "nothing")

    index = index_images(root)
    assert list(index.images["path"]) == ["a/1.jpg", "b/1.jpg", "c/2.jpg", "c/deep/3.jpg"]
    assert _ignored(index)["0-again"] == "leads to the folder b again"
    assert _ignored(index)["a/broken.jpg"] == "a broken link"
    assert {"a/up", "a/self", "c/back"} <= set(_ignored(index))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_does_not_hang(tmp_path):
    root = _write(tmp_path, "a/1.jpg", "b/1.jpg")
    os.mkfifo(root / "a" / "pipe.jpg")
    assert _ignored(index_images(root)) == {"a/pipe.jpg": "not a regular file"}


def test_names_that_are_not_utf_8_are_ignored(tmp_path):
    root = _write(tmp_path, "a/1.jpg", "b/1.jpg")
    try:
        (root / "a" / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    assert list(_ignored(index_images(root)).values()) == ["its name is not valid UTF-8"]


NAMES = ["a/monet_1.jpg", "b/monet_2.jpg", "a/deep/gris_1.jpg", "a/unknown.jpg"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^([^_]+)_", ["gris", "monet", "a/unknown.jpg", "monet"]),
        (r"^[^_]+(?=_)", ["gris", "monet", "a/unknown.jpg", "monet"]),
        (r"(_)?(?P<group>\d)", ["1", "1", "a/unknown.jpg", "2"]),
        (r"^(monet)?", ["a/deep/gris_1.jpg", "monet", "a/unknown.jpg", "monet"]),
        (None, sorted(NAMES)),
    ],
)
def test_group_patterns(tmp_path, pattern, expected):
    index = index_images(_write(tmp_path, *NAMES), group_pattern=pattern)
    assert list(index.images["group"]) == expected


@pytest.mark.parametrize("place", ["root", "outside"])
def test_group_file(tmp_path, place):
    root = _write(tmp_path / "images", *NAMES)
    file = (root if place == "root" else tmp_path) / "groups.csv"
    prefix = "" if place == "root" else "images/"
    rows = f"{prefix}a/monet_1.jpg,claude\n{prefix}b/monet_2.jpg,claude\n{prefix}b/gone.jpg,x\n"
    file.write_text(f"path,group\n{rows}{prefix}a/unknown.jpg,\n")
    stream = io.StringIO()
    index = index_images(root, group_file=file, reporter=Reporter(stream, quiet=True))
    assert list(index.images["group"]) == [
        *("a/deep/gris_1.jpg", "claude", "a/unknown.jpg", "claude")
    ]
    assert f"images that are not there: {prefix}b/gone.jpg." in stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,artist\na/monet_1.jpg,x\n", "lacks the column group"),
        ("path,group\nnone.jpg,x\n", "names none of the images"),
        ("", "not a CSV file"),
        ("path,group\n", "names no images"),
    ],
)
def test_wrong_group_files(tmp_path, content, message):
    file = tmp_path / "groups.csv"
    file.write_text(content)
    with pytest.raises(ArtstyleError, match=message):
        index_images(_write(tmp_path / "images", *NAMES), group_file=file)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("([", "not a regular expression"), ("^zzz", "matches no file name"), ("x*", "matches no")],
)
def test_wrong_group_patterns(tmp_path, pattern, message):
    with pytest.raises(ArtstyleError, match=message) as caught:
        index_images(_write(tmp_path, *NAMES), group_pattern=pattern)
    assert "data.group_pattern" in str(caught.value)


def test_pattern_and_file_together_are_refused(tmp_path):
    with pytest.raises(ArtstyleError, match="not by both"):
        index_images(tmp_path, group_pattern="x", group_file=tmp_path / "groups.csv")


@pytest.mark.parametrize(
    ("paths", "received"),
    [
        ((), "the empty folder"),
        (("1.jpg", "2.jpg"), "2 images lying in .* itself, and no folders"),
        (("a/x.txt", "b/x.txt"), "2 folders without images in .*: a, b"),
        ((".hidden/1.jpg",), "the empty folder"),
    ],
)
def test_no_images(tmp_path, paths, received):
    with pytest.raises(ArtstyleError, match=received) as caught:
        index_images(_write(tmp_path, *paths))
    assert caught.value.happened == "There are no images"
    assert caught.value.fix == how_to_add_images(tmp_path)


def test_missing_folder_and_file_instead_of_folder(tmp_path):
    with pytest.raises(ArtstyleError, match="nothing, which does not exist"):
        index_images(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(ArtstyleError, match="file, which is a file"):
        index_images(tmp_path / "file")


def test_advice_offers_the_demo():
    assert how_to_add_images(Path("data/images")) == (
        "put images into data/images/<style>/, one folder per style, or try --demo"
    )


def test_one_style_only(tmp_path):
    with pytest.raises(ArtstyleError, match="only one style"):
        index_images(_write(tmp_path, "a/1.jpg", "a/2.jpg", "b/notes.txt"))


def test_one_style_is_enough_to_look_at(tmp_path):
    index = index_images(_write(tmp_path, "a/1.jpg", "b/notes.txt"), fewest_styles=1)
    assert index.class_names == ("a",)
    (tmp_path / "a/1.jpg").unlink()
    with pytest.raises(ArtstyleError, match="no images"):
        index_images(tmp_path, fewest_styles=1)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_are_ignored(tmp_path):
    root = _write(tmp_path, "a/1.jpg", "b/1.jpg", "b/2.jpg")
    (root / "b/2.jpg").chmod(0)
    assert _ignored(index_images(root)) == {"b/2.jpg": "cannot be opened: Permission denied"}
