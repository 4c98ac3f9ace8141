"""Names on a command line become files, and every file in a folder is listed or ignored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artstyle_tf.images.index.file_arguments import list_named_images
from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.system.errors import ArtstyleError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.PNG", "notes.txt", "deep/c.webp", "deep/.hidden.jpg", ".git/d.jpg"):
        file = Path("images") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    Path("no suffix").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["images"], ["images/a.PNG", "images/b.jpg", "images/deep/c.webp"]),
        (["images/notes.txt"], ["images/notes.txt"]),  # who names a file means it
        (["images/*.jpg"], ["images/b.jpg"]),
        (["**/c.*", "images/deep"], ["images/deep/c.webp"]),
        (["no suffix", "images/b.jpg", "images/b.jpg"], ["no suffix", "images/b.jpg"]),
    ],
)
def test_names_become_files(folder, names, expected):
    assert [path.as_posix() for path in list_named_images(names).files] == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nowhere"], "There is no such image.*nowhere"),
        (["images/*.tif"], "There is no such image"),
        (["https://example.org/a.jpg"], "not fetched from the network.*--url"),
        (["images/.git"], None),
        ([], "no images to predict"),
    ],
)
def test_missing_names_are_reported(folder, names, message):
    if message is None:  # a hidden folder that is named is meant
        assert list_named_images(names).files == [Path("images/.git/d.jpg")]
        return
    with pytest.raises(ArtstyleError, match=message):
        list_named_images(names)


def _reasons(named):
    return {path: why.reason for path, why in named.ignored.items()}


def test_links_are_followed_and_everything_is_accounted_for(folder):
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    for number in range(12):
        (elsewhere / f"{number}.jpg").touch()
    (elsewhere / "back").symlink_to(folder / "images")
    Path("images/linked").symlink_to(folder / "elsewhere")
    Path("images/broken.jpg").symlink_to("nothing")
    Path("images/p.jp2").write_bytes(b"\xff\x4f\xff\x51")
    Path("images/p.xyz").write_bytes(b"\xff\xd8\xff")
    named = list_named_images(["images"])
    assert [path for path in named.files if "linked" in path.parts] == sorted(
        Path("images/linked") / f"{number}.jpg" for number in range(12)
    )
    assert _reasons(named) == {
        "images/.git": "hidden",
        "images/deep/.hidden.jpg": "hidden",
        "images/notes.txt": "not an image (.txt)",
        "images/broken.jpg": "a broken link",
        "images/linked/back": "leads to the folder . again",
        "images/p.jp2": "JPEG 2000, not read here; convert it to PNG, TIFF or JPEG",
        "images/p.xyz": "not an image (.xyz), but its content is JPEG: rename it",
    }
    assert [path for path, why in named.ignored.items() if why.needs_attention] == [
        "images/p.jp2",
        "images/p.xyz",
        "images/broken.jpg",
    ]


def test_a_style_folder_holds_for_predicting_what_it_holds_for_training(folder):
    for name in ("a/1.jpg", "a/2.HEIC", "a/3.txt", "b/deep/4.tif", "b/5.psd", "b/.6.png"):
        file = Path("styles") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"8BPS\0\x01" if name.endswith("psd") else b"x")
    Path("more").mkdir()
    Path("more/7.png").write_bytes(b"7")
    Path("styles/b/link").symlink_to(folder / "more")
    index, named = index_images(Path("styles")), list_named_images(["styles"])
    assert {path.relative_to("styles").as_posix() for path in named.files} == set(
        index.images["path"]
    )
    assert {f"styles/{path}" for path in index.ignored["path"]} == set(named.ignored)


def test_a_broken_link_does_not_spoil_a_pattern(folder):
    Path("images/broken.jpg").symlink_to("nothing")
    named = list_named_images(["images/*.jpg"])
    assert named.files == [Path("images/b.jpg")]
    assert _reasons(named) == {"images/broken.jpg": "a broken link"}


def test_a_file_that_is_named_itself_is_not_ignored(folder):
    named = list_named_images(["images", "images/notes.txt"])
    assert Path("images/notes.txt") in named.files
    assert "images/notes.txt" not in named.ignored


def test_without_images_the_ignored_files_are_reported(folder):
    for name in ("1.jxl", "2.jxl", "3.txt"):
        Path("unread").mkdir(exist_ok=True)
        (Path("unread") / name).write_bytes(b"\xff\x0a" if name.endswith("jxl") else b"")
    with pytest.raises(ArtstyleError, match=r"3 files that are ignored: 2 x JPEG XL, .*convert it"):
        list_named_images(["unread"])


def test_names_that_are_not_utf_8_can_be_predicted(folder):
    try:
        Path("images", os.fsdecode(b"\xff.jpg")).touch()
    except OSError:
        pytest.skip("this file system has no such names")
    assert b"images/\xff.jpg" in [os.fsencode(path) for path in list_named_images(["images"]).files]
