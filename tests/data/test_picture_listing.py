from __future__ import annotations

from pathlib import Path

import pytest

from artstyle_tf.data.picture_listing import list_pictures
from artstyle_tf.errors import ArtstyleError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.PNG", "notes.txt", "deep/c.webp", "deep/.hidden.jpg", ".git/d.jpg"):
        file = Path("pictures") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    Path("no suffix").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["pictures"], ["pictures/a.PNG", "pictures/b.jpg", "pictures/deep/c.webp"]),
        (["pictures/notes.txt"], ["pictures/notes.txt"]),  # who names a file means it
        (["pictures/*.jpg"], ["pictures/b.jpg"]),
        (["**/c.*", "pictures/deep"], ["pictures/deep/c.webp"]),
        (["no suffix", "pictures/b.jpg", "pictures/b.jpg"], ["no suffix", "pictures/b.jpg"]),
    ],
)
def test_names_become_files(folder, names, expected):
    assert [path.as_posix() for path in list_pictures(names)] == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nowhere"], "There is no such picture.*nowhere"),
        (["pictures/*.tif"], "There is no such picture"),
        (["https://example.org/a.jpg"], "not fetched from the network.*--url"),
        (["pictures/.git"], None),
        ([], "no pictures to look at"),
    ],
)
def test_what_leads_nowhere_is_told(folder, names, message):
    if message is None:  # a hidden folder that is named is meant
        assert list_pictures(names) == [Path("pictures/.git/d.jpg")]
        return
    with pytest.raises(ArtstyleError, match=message):
        list_pictures(names)
