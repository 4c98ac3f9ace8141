"""Splits are stratified, keep groups together, and follow a given file exactly."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from artstyle_tf.images.index.image_index import ImageIndex, index_images
from artstyle_tf.images.splits.splitting import SPLITS, read_split, split_images, write_split
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}


def _images(class_sizes: dict[str, int], groups: list[str] | None = None) -> pd.DataFrame:
    rows = [
        (f"{label}/{number:04}.jpg", label)
        for label, size in class_sizes.items()
        for number in range(size)
    ]
    images = pd.DataFrame(rows, columns=["path", "label"])
    return images.assign(group=images["path"] if groups is None else groups)


shares = st.sampled_from(
    [FRACTIONS, {"train": 0.5, "val": 0.5}, {"train": 0.8, "val": 0.1, "test": 0.1}]
)


@given(sizes=st.lists(st.integers(3, 400), min_size=1, max_size=6), fractions=shares)
@settings(deadline=None, max_examples=60)
def test_without_groups_every_class_is_divided_exactly(sizes, fractions):
    images = _images({f"class {number}": size for number, size in enumerate(sizes)})
    split = split_images(images, fractions=fractions, seed=0)
    counts = split.groupby(["label", "split"]).size()
    for (label, name), count in counts.items():
        size = (images["label"] == label).sum()
        assert count >= 1
        # A class of 3 gives one image to each split, which is not 70 %.
        assert abs(count - size * fractions[name]) < 1 or size < 10
    assert len(counts) == len(sizes) * len(fractions)


@given(data=st.data(), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=80)
def test_groups_are_never_divided_and_every_class_is_everywhere(data, seed):
    sizes = data.draw(st.lists(st.integers(3, 60), min_size=1, max_size=4))
    images = _images({f"class {number}": size for number, size in enumerate(sizes)})
    num_groups = data.draw(st.integers(3, 80))
    drawn = np.random.default_rng(seed).integers(0, num_groups, len(images))
    images["group"] = [f"artist {number}" for number in drawn]
    assume(images.groupby("label")["group"].nunique().min() >= 3)
    if images.groupby("group")["label"].nunique().max() > 1:
        # Where artists tie the classes together, three groups each may not be enough.
        with contextlib.suppress(ArtstyleError):
            _check_groups(split_images(images, fractions=FRACTIONS, seed=seed))
    else:
        _check_groups(split_images(images, fractions=FRACTIONS, seed=seed))


def _check_groups(split: pd.DataFrame) -> None:
    assert split.groupby("group")["split"].nunique().max() == 1
    assert (split.groupby("label")["split"].nunique() == 3).all()


@given(seed=st.integers(0, 2**32 - 1), order=st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_depends_on_the_seed_but_not_on_the_order_of_rows(seed, order):
    groups = [f"artist {number // 4}" for number in range(60)]
    images = _images({"a": 30, "b": 30}, groups)
    shuffled = images.sample(frac=1, random_state=order)
    first = split_images(images, fractions=FRACTIONS, seed=seed)
    second = split_images(shuffled, fractions=FRACTIONS, seed=seed)
    assert list(second["path"]) == list(shuffled["path"])
    assert second.sort_index().equals(first)


def test_seeds_differ_and_the_input_stays_as_it_was():
    images = _images({"a": 50, "b": 50})
    before = images.copy()
    results = {tuple(split_images(images, fractions=FRACTIONS, seed=s)["split"]) for s in range(5)}
    assert len(results) == 5
    assert images.equals(before)


def test_the_reference_numbers():
    # Cubism, Impressionism, Naturalism of the reference project and its 70/15/15.
    split = split_images(_images({"c": 365, "i": 240, "n": 218}), fractions=FRACTIONS, seed=42)
    counts = split.groupby(["label", "split"]).size().unstack()[list(SPLITS)]
    assert counts.loc["i"].tolist() == [168, 36, 36]
    assert counts.loc["n"].tolist() == [152, 33, 33]
    assert counts.loc["c"].sum() == 365


def test_groups_of_ordinary_sizes_keep_the_shares():
    generator = np.random.default_rng(5)
    groups = [f"artist {int(number)}" for number in generator.gamma(1.5, 25, 600)]
    images = _images({"a": 200, "b": 150, "c": 250}, groups)
    split = split_images(images, fractions=FRACTIONS, seed=1)
    achieved = pd.crosstab(split["label"], split["split"], normalize="index")
    for name, fraction in FRACTIONS.items():
        assert (achieved[name] - fraction).abs().max() < 0.06


def test_one_large_artist_does_not_become_the_validation_split():
    groups = ["large"] * 28 + ["second"] * 60 + [f"small {number}" for number in range(112)]
    split = split_images(_images({"a": 200}, groups), fractions=FRACTIONS, seed=0)
    assert set(split.loc[split["group"].isin(["large", "second"]), "split"]) == {"train"}


def test_files_with_the_same_bytes_stay_together():
    images = _images({"a": 30, "b": 30})
    for seed in range(20):
        digests = [str(number // 2) for number in range(60)]
        split = split_images(images.assign(digest=digests), fractions=FRACTIONS, seed=seed)
        assert split.groupby(np.array(digests))["split"].nunique().max() == 1


def test_copies_join_their_groups():
    groups = ["x"] * 3 + ["y"] * 3 + ["z"] * 3 + [f"g{number}" for number in range(21)]
    digests = [str(number) for number in range(30)]
    digests[2], digests[5] = digests[3], digests[6]  # x holds an image of y, and y one of z.
    images = _images({"a": 30}, groups).assign(digest=digests)
    for seed in range(10):
        split = split_images(images, fractions=FRACTIONS, seed=seed)
        assert split.loc[split["group"].isin(["x", "y", "z"]), "split"].nunique() == 1


def test_a_share_of_zero_gives_no_split():
    fractions = {"train": 0.8, "val": 0.2, "test": 0}
    split = split_images(_images({"a": 2, "b": 10}), fractions=fractions, seed=0)
    assert sorted(set(split["split"])) == ["train", "val"]
    assert split["split"].value_counts()["val"] == 3


def test_too_small_a_style_is_named():
    with pytest.raises(ArtstyleError) as caught:
        split_images(_images({"a": 10, "tiny": 2}), fractions=FRACTIONS, seed=0)
    assert "tiny with 2 images in 2 groups" in str(caught.value)
    assert "at least 3 images of different groups" in str(caught.value)


def test_too_few_groups_are_named():
    images = _images({"a": 10, "b": 9}, [f"g{n}" for n in range(10)] + ["p", "q", "q"] * 3)
    with pytest.raises(ArtstyleError, match="b with 9 images in 2 groups"):
        split_images(images, fractions=FRACTIONS, seed=0)


@pytest.mark.parametrize(
    "fractions", [{}, {"train": 0.5}, {"train": 1.2, "val": -0.2}, {"training": 1.0}]
)
def test_impossible_shares(fractions):
    with pytest.raises(ArtstyleError, match="shares of the splits are invalid"):
        split_images(_images({"a": 10}), fractions=fractions, seed=0)


@pytest.fixture
def index(tmp_path) -> ImageIndex:
    for style in ("a", "NA", "é, ü"):
        for number in range(6):
            path = tmp_path / "images" / style / f"{number // 2}_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{style} {number}")
    return index_images(tmp_path / "images", group_pattern=r"^(\d)_")


def test_written_splits_are_read_again(index, tmp_path):
    fractions = {"train": 0.5, "val": 0.5}
    index = ImageIndex(index.root, index.images.assign(group=index.images["path"]), index.ignored)
    split = split_images(index.images, fractions=fractions, seed=1)
    file = tmp_path / "run" / "split.csv"
    write_split(split, file)
    assert file.read_text().splitlines()[0] == "path,label,split,group"
    pd.testing.assert_frame_equal(read_split(file, index), split)


def _write_rows(file: Path, rows: list[tuple[str, ...]], header: str = "path,label,split") -> Path:
    lines = [",".join(f'"{cell}"' for cell in row) for row in rows]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8-sig")
    return file


def _rows(index: ImageIndex, rewrite=lambda path: path) -> list[tuple[str, ...]]:
    return [
        (rewrite(row.path), row.label, "val" if number % 3 == 0 else "train")
        for number, row in enumerate(index.images.itertuples())
    ]


@pytest.mark.parametrize(
    "style", ["relative to root", "relative to file", "absolute", "backslashes", "dots", "NFD"]
)
def test_ways_to_write_paths(index, tmp_path, style):
    import unicodedata

    rewrite = {
        "relative to root": lambda path: path,
        "relative to file": lambda path: f"images/{path}",
        "absolute": lambda path: str(tmp_path / "images" / path),
        "backslashes": lambda path: path.replace("/", "\\"),
        "dots": lambda path: f"./images/../images/{path}",
        "NFD": lambda path: unicodedata.normalize("NFD", path),
    }[style]
    split = read_split(_write_rows(tmp_path / "split.csv", _rows(index, rewrite)), index)
    assert list(split["path"]) == list(index.images["path"])
    assert list(split["split"]) == [row[2] for row in _rows(index)]
    assert list(split.columns) == [*index.images.columns, "split"]


def test_rows_in_another_order_give_the_same(index, tmp_path):
    first = read_split(_write_rows(tmp_path / "1.csv", _rows(index)), index)
    second = read_split(_write_rows(tmp_path / "2.csv", _rows(index)[::-1]), index)
    assert first.equals(second)


def test_groups_of_the_file_replace_those_of_the_index(index, tmp_path):
    rows = [(*row, "mine" if number else "") for number, row in enumerate(_rows(index))]
    split = read_split(_write_rows(tmp_path / "s.csv", rows, "path,label,split,group"), index)
    assert split["group"].tolist() == [index.images["group"][0]] + ["mine"] * 17


def test_other_columns_do_no_harm(index, tmp_path):
    rows = [(*row, "x", "y", "z") for row in _rows(index)]
    file = _write_rows(tmp_path / "s.csv", rows, "path,label,split,digest,size_bytes,listed_label")
    pd.testing.assert_frame_equal(read_split(file, index).drop(columns="split"), index.images)


def test_a_warning_about_images_that_are_left_out(index, tmp_path):
    stream = io.StringIO()
    file = _write_rows(tmp_path / "split.csv", _rows(index)[1:])
    split = read_split(file, index, Reporter(stream, quiet=True))
    assert len(split) == 17
    assert (
        f"1 images are left out because {file} does not name them: NA/0_0.jpg" in stream.getvalue()
    )


def _changed(rows, number, **cells):
    names = ("path", "label", "split")
    rows[number] = tuple(
        cells.get(name, cell) for name, cell in zip(names, rows[number], strict=True)
    )
    return rows


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (
            lambda r: _changed(r, 0, split="validation"),
            ["no split", "1: validation", "train, val or test"],
        ),
        (lambda r: _changed(r, 1, path="a/gone.jpg"), ["not in", "1: a/gone.jpg"]),
        (lambda r: [(f"z{n}", "a", "val") for n in range(5)], ["5: z0, z1, z2 and 2 more"]),
        (lambda r: [*r, r[0]], ["more than once", "1: NA/0_0.jpg"]),
        (lambda r: _changed(r, 0, label="a"), ["contradicts", "NA/0_0.jpg is labeled a"]),
        (lambda r: [row for row in r if row[2] == "train"], ["no image in val"]),
        (lambda r: [row for row in r if row[2] == "val"], ["no image in train"]),
        (lambda r: [], ["names no images"]),
    ],
)
def test_wrong_split_files(index, tmp_path, change, messages):
    file = _write_rows(tmp_path / "split.csv", change(_rows(index)))
    with pytest.raises(ArtstyleError) as caught:
        read_split(file, index)
    for message in [*messages, str(file)]:
        assert message in str(caught.value)


def test_split_files_that_are_no_tables(index, tmp_path):
    with pytest.raises(ArtstyleError, match=r"cannot be read.*No such file"):
        read_split(tmp_path / "missing.csv", index)
    with pytest.raises(
        ArtstyleError, match=r"lacks the column label.*Received: columns path, split"
    ):
        read_split(_write_rows(tmp_path / "1.csv", [("x", "val")], "path,split"), index)
    (tmp_path / "2.csv").write_bytes("path,label,split\né,a,val\n".encode("latin-1"))
    with pytest.raises(ArtstyleError, match="not a CSV file in UTF-8"):
        read_split(tmp_path / "2.csv", index)


def test_semicolons_are_explained(index, tmp_path):
    (tmp_path / "s.csv").write_text("path;label;split\na;b;c\n")
    with pytest.raises(
        ArtstyleError, match=r"separated by semicolons\. Received: .*path;label;split"
    ):
        read_split(tmp_path / "s.csv", index)
