"""Prepared images: clean, complete, recorded, and never written twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import HUNG_SECONDS
from PIL import Image
from process_sessions import wait_until_session_is_empty

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.images.batches.augmentation import augment_image, seed_for
from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.preparation.manifest import MANIFEST_COLUMNS, read_prepared
from artstyle_tf.images.preparation.preparation import prepare_images
from artstyle_tf.images.preparation.upsampling import plan_children
from artstyle_tf.images.reading.image_reading import read_image
from artstyle_tf.images.reading.pixels import reduce_image
from artstyle_tf.images.settings import UpsamplingConfig
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter


def _save(root: Path, path: str, number: int = 0, *, file_format: str | None = None, **options):
    """Write an image that differs for each number and survives JPEG well."""
    rows, columns = np.mgrid[0:30, 0:40]
    pixels = np.stack([columns * 6, rows * 8, columns * 0 + number * 37 % 256], axis=-1)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(root / path, format=file_format, **options)


def _splits(root: Path, **split_by_path: str) -> pd.DataFrame:
    """Put every third image of a style into the validation split by default."""
    images = index_images(root).images
    position = images.groupby("label").cumcount()
    split = np.where(position % 3 == 1, "val", "train")
    images = images.assign(split=pd.Series(split, dtype=str))
    for path, name in split_by_path.items():
        images.loc[images["path"] == path, "split"] = name
    return images


@pytest.fixture
def root(tmp_path) -> Path:
    for style, count in {"big": 9, "small": 3}.items():
        for number in range(count):
            _save(tmp_path / "images", f"{style}/{number}.jpg", number + 20 * len(style))
    return tmp_path / "images"


@pytest.fixture
def destination(tmp_path) -> Path:
    return tmp_path / "prepared"


def _times(destination: Path) -> dict[str, int]:
    files = (file for file in destination.rglob("*.*") if file.suffix in (".jpg", ".png"))
    return {
        path: file.stat().st_mtime_ns
        for file in files
        if not (path := file.relative_to(destination).as_posix()).startswith(".")
    }


def _content(destination: Path) -> dict[str, bytes]:
    files = (file for file in destination.rglob("*") if file.is_file() and file.name != ".lock")
    return {file.relative_to(destination).as_posix(): file.read_bytes() for file in files}


def test_clean_images_are_copied_and_listed(root, destination):
    images = _splits(root)
    prepared = prepare_images(images, root=root, destination=destination)

    assert prepared.root == destination
    assert tuple(prepared.manifest.columns) == MANIFEST_COLUMNS
    assert len(prepared.manifest) == 12
    assert len(prepared.rejected) == 0
    assert prepared.class_names == ("big", "small")
    for row in prepared.manifest.itertuples():
        content = (destination / row.path).read_bytes()
        assert row.path == f"{row.split}/{row.label}/{Path(row.source).name}"
        assert content == (root / row.source).read_bytes()
        assert row.digest == row.source_digest == hashlib.sha256(content).hexdigest()
        assert (row.width_px, row.height_px, row.size_bytes) == (40, 30, len(content))
        assert (row.parent, row.policy, row.group) == ("", "", row.source)
    assert set(prepared.manifest["source"]) == set(images["path"])
    pd.testing.assert_frame_equal(read_prepared(destination).manifest, prepared.manifest)
    pd.testing.assert_frame_equal(read_prepared(destination).rejected, prepared.rejected)


def test_a_second_call_changes_nothing_at_all(root, destination):
    upsampling = UpsamplingConfig(policy="gentle")
    first = prepare_images(_splits(root), root=root, destination=destination, upsampling=upsampling)
    before = {file: file.stat().st_mtime_ns for file in destination.rglob("*")}
    second = prepare_images(
        _splits(root), root=root, destination=destination, upsampling=upsampling
    )
    assert {
        file: file.stat().st_mtime_ns for file in destination.rglob("*") if file.name != ".lock"
    } == {file: changed for file, changed in before.items() if file.name != ".lock"}
    pd.testing.assert_frame_equal(second.manifest, first.manifest)


ODD_IMAGES = {
    "cmyk.jpg": lambda image: (image.convert("CMYK"), "JPEG", {}),
    "gray.jpg": lambda image: (image.convert("L"), "JPEG", {}),
    "rotated.jpg": lambda image: (image, "JPEG", {"exif": _exif(6)}),
    "lossy.webp": lambda image: (image, "WEBP", {}),
    "palette.png": lambda image: (image.quantize(16), "PNG", {"transparency": 2}),
    "bit.png": lambda image: (image.convert("1"), "PNG", {}),
    "alpha.png": lambda image: (image.convert("RGBA"), "PNG", {}),
    "sixteen.png": lambda image: (_sixteen(image), "PNG", {}),
    "animated.gif": lambda image: (
        image, "GIF", {"save_all": True, "append_images": [image.rotate(180)]},
    ),
    "float.tif": lambda image: (image.convert("F"), "TIFF", {}),
    "plain.bmp": lambda image: (image, "BMP", {}),
    "misnamed.gif": lambda image: (image, "PNG", {}),
    "no jpeg really.jpg": lambda image: (image, "TIFF", {}),
    "blänk name, 100 %.png": lambda image: (image, "PNG", {}),
}  # fmt: skip


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _sixteen(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def test_tensorflow_decodes_every_result_as_read_image_does(root, destination):
    import tensorflow as tf

    for name, change in ODD_IMAGES.items():
        with Image.open(root / "big" / "0.jpg") as original:
            image, file_format, options = change(original.copy())
            image.save(root / "big" / name, format=file_format, **options)
    images = _splits(root)
    prepared = prepare_images(images, root=root, destination=destination)

    assert len(prepared.rejected) == 0
    assert set(prepared.manifest["path"].str.rsplit(".", n=1).str[-1]) == {"jpg", "png"}
    for row in prepared.manifest.itertuples():
        content = (destination / row.path).read_bytes()
        decoded = tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
        expected = read_image(root / row.source)
        assert decoded.shape == expected.shape == (row.height_px, row.width_px, 3), row.source
        difference = np.abs(decoded.astype(int) - expected.astype(int)).mean()
        assert difference <= (2 if row.path.endswith(".jpg") else 0), row.source
        with Image.open(io.BytesIO(content)) as reopened:
            assert reopened.mode == "RGB"
    by_source = prepared.manifest.set_index("source")
    assert (
        by_source.loc["big/misnamed.gif", "digest"]
        == by_source.loc["big/misnamed.gif", "source_digest"]
    )
    assert by_source.loc["big/misnamed.gif", "path"].endswith("misnamed.png")
    assert by_source.loc["big/lossy.webp", "path"].endswith(".jpg")


def test_large_images_are_reduced(root, destination):
    Image.effect_noise((400, 100), 50).convert("RGB").save(root / "big" / "wide.png")
    Image.new("RGB", (1, 300)).save(root / "big" / "line.png")
    prepared = prepare_images(_splits(root), root=root, destination=destination, max_side_px=64)
    sizes = prepared.manifest.set_index("source")[["width_px", "height_px"]]
    assert tuple(sizes.loc["big/wide.png"]) == (64, 16)
    assert tuple(sizes.loc["big/line.png"]) == (1, 64)
    assert tuple(sizes.loc["big/0.jpg"]) == (40, 30)


def test_names_that_would_collide_are_distinguished(root, destination):
    names = [
        "x.png",
        "x.jpg",
        "X.png",
        "sub/x.png",
        "sub__x.png",
        "a/b/x.png",
        "x+001.png",
        "x_001.png",
    ]
    if not _is_case_sensitive(root):
        names.remove("X.png")
    for number, name in enumerate(names):
        _save(root, f"big/{name}", number)
    _save(root, f"big/{'long ' * 40}.png")
    prepared = prepare_images(_splits(root), root=root, destination=destination)
    assert len(prepared.manifest) == 12 + len(names) + 1
    stems = prepared.manifest["path"].str.rsplit(".", n=1).str[0].str.casefold()
    assert stems.is_unique
    assert not prepared.manifest["path"].str.contains("+", regex=False).any()
    for row in prepared.manifest.itertuples():
        assert (destination / row.path).read_bytes() == (root / row.source).read_bytes()
        assert len(Path(row.path).name.encode()) < 220
    # A name does not depend on which of its neighbors was there first.
    again = prepare_images(
        _splits(root).sample(frac=1, random_state=1), root=root, destination=destination
    )
    pd.testing.assert_frame_equal(again.manifest, prepared.manifest)


def _is_case_sensitive(folder: Path) -> bool:
    (folder / "case").touch()
    sensitive = not (folder / "CASE").exists()
    (folder / "case").unlink()
    return sensitive


def test_upsampling_fills_small_training_classes_and_nothing_else(root, destination):
    images = _splits(root)
    images["group"] = "artist " + images["label"]
    prepared = prepare_images(
        images,
        root=root,
        destination=destination,
        upsampling=UpsamplingConfig(policy="gentle", target_ratio=2.0, jitter=0.0),
    )
    manifest = prepared.manifest.set_index("path", drop=False)
    children = manifest[manifest["parent"] != ""]
    training = manifest[manifest["split"] == "train"]
    assert training["label"].value_counts().to_dict() == {"big": 12, "small": 12}
    assert set(children["split"]) == {"train"}
    assert children.groupby("parent").size().loc[
        lambda size: size.index.str.contains("small")
    ].tolist() == [5, 5]
    for child in children.itertuples():
        parent = manifest.loc[child.parent]
        assert parent["parent"] == ""
        for column in ("label", "split", "group", "source", "source_digest"):
            assert getattr(child, column) == parent[column]
        number = int(child.path.rpartition("+")[2].split(".")[0])
        assert child.seed == seed_for(42, child.source_digest, number)
        assert child.policy == "gentle"
        with Image.open(destination / child.path) as written:
            expected = augment_image(
                read_image(root / child.source), policy="gentle", seed=child.seed
            )
            assert np.abs(np.asarray(written).astype(int) - expected).mean() < 2
    assert children["digest"].is_unique


def test_children_of_a_reduced_image_have_its_size(root, destination):
    prepared = prepare_images(
        _splits(root),
        root=root,
        destination=destination,
        max_side_px=20,
        upsampling=UpsamplingConfig(policy="flip"),
    )
    assert (prepared.manifest["width_px"] == 20).all()
    child = prepared.manifest[prepared.manifest["parent"] != ""].iloc[0]
    reduced = reduce_image(read_image(root / child["source"]), 20)
    with Image.open(destination / child["path"]) as written:
        pixels = np.asarray(written).astype(int)
    assert min(np.abs(pixels - side).mean() for side in (reduced, reduced[:, ::-1])) < 2


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    ratio=st.floats(0.2, 3),
    jitter=st.floats(0, 0.2),
    seed=st.integers(0, 100),
)
@settings(deadline=None, max_examples=60)
def test_children_are_spread_evenly_and_classes_reach_the_target(sizes, ratio, jitter, seed):
    labels = [f"class {number}" for number, size in enumerate(sizes) for _ in range(size)]
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(len(labels))]
    upsampling = UpsamplingConfig(policy="flip", target_ratio=ratio, jitter=jitter)
    children = plan_children(labels, digests, upsampling=upsampling, seed=seed)
    per_parent = np.bincount([child.parent for child in children], minlength=len(labels))
    for number, size in enumerate(sizes):
        counts = per_parent[[label == f"class {number}" for label in labels]]
        assert counts.max() - counts.min() <= 1
        wanted = max(sizes) * ratio
        total = size + counts.sum()
        assert total == size or wanted * (1 - jitter) - 1 <= total <= wanted * (1 + jitter) + 1
        assert total >= min(wanted * (1 - jitter) - 1, total)
    assert children == plan_children(labels, digests, upsampling=upsampling, seed=seed)


def test_a_child_stays_the_same_when_images_come_and_go(root, tmp_path):
    options = {
        "upsampling": UpsamplingConfig(policy="gentle", target_ratio=3.0, jitter=0.0),
        "seed": 5,
    }
    before = prepare_images(_splits(root), root=root, destination=tmp_path / "1", **options)
    (root / "small" / "2.jpg").unlink()
    _save(root, "small/9.jpg", 99)
    after = prepare_images(_splits(root), root=root, destination=tmp_path / "2", **options)
    common = before.manifest.merge(after.manifest, on="path")
    assert (common["digest_x"] == common["digest_y"]).all()
    assert (common["parent_x"] != "").sum() > 10


@pytest.mark.parametrize(
    ("key", "value"), [("policy", "wild"), ("target_ratio", 0.0), ("jitter", 1.0), ("jitter", -0.1)]
)
def test_impossible_upsampling(key, value):
    with pytest.raises(ArtstyleError, match=rf"data\.upsampling\.{key}={value!r}"):
        load_config(DirectExperiment, None, [f"data.upsampling={{{key}: {value}}}"])


def test_processes_make_the_same_files(root, tmp_path, monkeypatch):
    from artstyle_tf.images.preparation import worker_pool

    options = {"upsampling": UpsamplingConfig(policy="strong", target_ratio=2.0), "root": root}
    prepare_images(_splits(root), destination=tmp_path / "1", num_workers=1, **options)
    monkeypatch.setattr(worker_pool, "_SECONDS_ALONE", 0.0)
    monkeypatch.setattr(worker_pool, "_SECONDS_LEFT_WORTH_WORKERS", 0.0)
    prepare_images(_splits(root), destination=tmp_path / "2", num_workers=2, **options)
    assert _content(tmp_path / "1") == _content(tmp_path / "2")


def test_worker_processes_import_few_modules():
    program = (
        "import sys, artstyle_tf.images.preparation.image_writing\n"
        "print({'tensorflow', 'keras', 'pandas', 'albumentations'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert answer.stdout.strip() == "set()"


def test_a_dead_worker_gives_an_explanation(monkeypatch):
    from artstyle_tf.images.preparation import worker_pool

    monkeypatch.setattr(worker_pool, "_SECONDS_ALONE", -1.0)
    monkeypatch.setattr(worker_pool, "_SECONDS_LEFT_WORTH_WORKERS", -1.0)
    with worker_pool.WorkerPool(2) as pool:
        results = pool.map(_die_in_a_worker, [os.getpid()] * 4)
        with pytest.raises(ArtstyleError, match="A worker process died"):
            list(results)


def _die_in_a_worker(main_process: int) -> None:
    if os.getpid() != main_process:
        os._exit(9)


class _InterruptingReporter(Reporter):
    """Reporter that raises KeyboardInterrupt after some images."""

    def __init__(self, after: int) -> None:
        super().__init__(io.StringIO(), quiet=True)
        self.left = after

    def track(self, items, *, total, description, unit="images"):
        for item in items:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield item


@pytest.mark.parametrize("after", [0, 5, 14])
def test_an_interrupted_preparation_goes_on_where_it_stopped(root, destination, tmp_path, after):
    options = {"root": root, "upsampling": UpsamplingConfig(policy="gentle", target_ratio=1.5)}
    with pytest.raises(KeyboardInterrupt):
        prepare_images(
            _splits(root), destination=destination, reporter=_InterruptingReporter(after), **options
        )
    with pytest.raises(ArtstyleError, match="not prepared, or not all of them"):
        read_prepared(destination)
    before = _times(destination)
    assert len(before) == after
    assert not (destination / ".unfinished").exists()

    prepared = prepare_images(_splits(root), destination=destination, **options)
    assert {
        path: changed for path, changed in _times(destination).items() if path in before
    } == before
    prepare_images(_splits(root), destination=tmp_path / "at once", **options)
    assert _content(destination) == _content(tmp_path / "at once")
    assert len(prepared.manifest) == len(_times(destination))


def test_damaged_journal_lines_and_lost_files_do_no_harm(root, destination, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        prepare_images(
            _splits(root), root=root, destination=destination, reporter=_InterruptingReporter(6)
        )
    journal = destination / ".journal.jsonl"
    lines = journal.read_text().splitlines()
    (destination / json.loads(lines[0])["path"]).unlink()
    (destination / json.loads(lines[1])["path"]).write_bytes(b"cut")
    journal.write_text("\n".join(["[]", "{}", *lines, lines[0][:50]]))  # No newline at the end.
    with pytest.raises(KeyboardInterrupt):
        prepare_images(
            _splits(root), root=root, destination=destination, reporter=_InterruptingReporter(3)
        )
    prepare_images(_splits(root), root=root, destination=destination)
    prepare_images(_splits(root), root=root, destination=tmp_path / "at once")
    assert _content(destination) == _content(tmp_path / "at once")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills with a signal")
@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.reliability)]
)
def test_a_killed_program_leaves_nothing_half_written(tmp_path, how):
    root, destination = tmp_path / "images", tmp_path / "prepared"
    for number in range(60):
        noise = Image.effect_noise((160, 160), 80).convert("RGB")
        path = root / "ab"[number % 2] / f"{number}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise.save(path)
    program = tmp_path / "program.py"
    program.write_text(
        "from pathlib import Path\n"
        "from artstyle_tf.images.preparation import worker_pool\n"
        "from artstyle_tf.images.index.image_index import index_images\n"
        "from artstyle_tf.images.splits.splitting import split_images\n"
        "from artstyle_tf.images.preparation.preparation import prepare_images\n"
        "from artstyle_tf.images.settings import UpsamplingConfig\n"
        "if __name__ == '__main__':\n"
        "    worker_pool._SECONDS_LEFT_WORTH_WORKERS = 0\n"
        f"    root, destination = Path({str(root)!r}), Path({str(destination)!r})\n"
        "    shares = {'train': 0.7, 'val': 0.3}\n"
        "    images = split_images(index_images(root).images, fractions=shares, seed=1)\n"
        "    prepare_images(images, root=root, destination=destination, num_workers=2,\n"
        "                     upsampling=UpsamplingConfig(policy='strong', target_ratio=8.0))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, program], env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + HUNG_SECONDS
    while len(list(destination.glob("*/*/*+*"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # As a terminal does: to the workers, too.
    else:
        process.kill()
    process.communicate(timeout=HUNG_SECONDS)
    assert process.returncode != 0
    done = _times(destination)
    assert len(done) >= 5
    for path in done:
        read_image(destination / path)
    wait_until_session_is_empty(process.pid)

    shares = {"train": 0.7, "val": 0.3}
    from artstyle_tf.images.splits.splitting import split_images

    images = split_images(index_images(root).images, fractions=shares, seed=1)
    prepared = prepare_images(images, root=root, destination=destination)
    kept = {path: changed for path, changed in done.items() if "+" not in path}
    assert {path: _times(destination)[path] for path in kept} == kept
    assert len(_times(destination)) == len(prepared.manifest) == 60


def test_other_settings_redo_only_what_they_change(root, destination):
    prepare_images(_splits(root), root=root, destination=destination)
    before = _times(destination)
    with_children = prepare_images(
        _splits(root),
        root=root,
        destination=destination,
        upsampling=UpsamplingConfig(policy="flip", target_ratio=1.5),
    )
    assert before.items() <= _times(destination).items()
    children = set(with_children.manifest.query("parent != ''")["path"])

    prepare_images(
        _splits(root),
        root=root,
        destination=destination,
        upsampling=UpsamplingConfig(policy="gentle", target_ratio=1.5),
    )
    assert before.items() <= _times(destination).items()
    assert children == {path for path in _times(destination) if "+" in path}

    prepare_images(_splits(root), root=root, destination=destination)
    assert _times(destination) == before

    prepare_images(_splits(root), root=root, destination=destination, max_side_px=16)
    assert not before.items() & _times(destination).items()
    assert before.keys() == _times(destination).keys()


def test_changed_moved_and_vanished_sources(root, destination):
    prepare_images(_splits(root), root=root, destination=destination)
    before = _times(destination)
    _save(root, "big/0.jpg", 200)
    (root / "big" / "8.jpg").unlink()
    _save(root, "big/3.png", 201)
    (root / "big" / "3.jpg").unlink()
    prepared = prepare_images(_splits(root), root=root, destination=destination)

    after = _times(destination)
    assert set(prepared.manifest["path"]) == set(after)
    assert set(before) - set(after) == {"train/big/8.jpg", "train/big/3.jpg"}
    changed = {path for path in after if before.get(path) != after[path]}
    assert changed == {"train/big/0.jpg", "train/big/3.png"}


def test_another_split_moves_images(root, destination):
    prepare_images(_splits(root), root=root, destination=destination)
    moved = _splits(root, **dict.fromkeys(("big/0.jpg", "big/3.jpg"), "test"))
    prepared = prepare_images(moved, root=root, destination=destination)
    assert set(_times(destination)) == set(prepared.manifest["path"])
    assert prepared.manifest["split"].value_counts()["test"] == 2
    everything_back = _splits(root)
    prepare_images(everything_back, root=root, destination=destination)
    assert not (destination / "test").exists() or not any((destination / "test").rglob("*.*"))


def test_files_of_others_are_never_touched(root, destination):
    prepare_images(_splits(root), root=root, destination=destination)
    mine = destination / "train" / "big" / "mine.jpg"
    mine.write_bytes(b"mine")
    (destination / "notes.txt").write_text("mine")
    (root / "big" / "0.jpg").unlink()
    prepare_images(_splits(root), root=root, destination=destination)
    assert mine.read_bytes() == b"mine"
    assert (destination / "notes.txt").read_text() == "mine"

    _save(root, "big/mine.jpg", 77)
    with pytest.raises(ArtstyleError, match=r"mine.jpg is in the way"):
        prepare_images(
            _splits(root, **{"big/mine.jpg": "train"}), root=root, destination=destination
        )
    assert mine.read_bytes() == b"mine"


def test_an_edited_manifest_removes_nothing_outside(root, destination, tmp_path):
    prepare_images(_splits(root), root=root, destination=destination)
    precious = tmp_path / "precious.jpg"
    precious.write_bytes(b"precious")
    manifest = destination / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("train/big/0.jpg", "../precious.jpg", 1))
    (destination / "train" / "big" / "0.jpg").unlink()
    prepare_images(_splits(root), root=root, destination=destination)
    assert precious.read_bytes() == b"precious"


def test_folders_that_are_not_ours_are_refused(root, tmp_path):
    other = tmp_path / "documents"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    with pytest.raises(ArtstyleError, match=r"holds something else\. Received: letter\.txt"):
        prepare_images(_splits(root), root=root, destination=other)
    assert [entry.name for entry in other.iterdir()] == ["letter.txt"]

    prepare_images(_splits(root), root=root, destination=tmp_path / "prepared")
    shutil.copytree(root, tmp_path / "other images")
    with pytest.raises(
        ArtstyleError, match=r"created from other images.*data\.prepared="
    ) as caught:
        prepare_images(
            _splits(root), root=tmp_path / "other images", destination=tmp_path / "prepared"
        )
    assert str(root) in str(caught.value)


@pytest.mark.parametrize("place", ["", "prepared", "big/prepared"])
def test_a_destination_among_the_images_is_refused(root, place):
    with pytest.raises(ArtstyleError, match="lies among the images"):
        prepare_images(_splits(root), root=root, destination=root / place)


def test_a_destination_that_is_a_file_is_refused(root, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtstyleError, match="Cannot write"):
        prepare_images(_splits(root), root=root, destination=tmp_path / "file")


def test_an_empty_folder_with_hidden_files_is_fine(root, destination):
    destination.mkdir()
    (destination / ".gitkeep").touch()
    prepare_images(_splits(root), root=root, destination=destination)
    assert (destination / ".gitkeep").exists()


def test_unreadable_images_are_listed_not_fatal(root, destination):
    (root / "big" / "empty.jpg").touch()
    (root / "big" / "page.png").write_text("<html>")
    (root / "big" / "cut.jpg").write_bytes((root / "big" / "0.jpg").read_bytes()[:300])
    stream = io.StringIO()
    images = _splits(root)
    for _ in range(2):
        prepared = prepare_images(
            images, root=root, destination=destination, reporter=Reporter(stream, quiet=True)
        )
    reasons = dict(zip(prepared.rejected["path"], prepared.rejected["reason"], strict=True))
    assert list(prepared.rejected.columns) == ["path", "reason"]
    assert reasons.keys() == {"big/cut.jpg", "big/empty.jpg", "big/page.png"}
    assert reasons["big/empty.jpg"] == "the file is empty"
    assert reasons["big/page.png"] == "not an image but a web page"
    assert len(prepared.manifest) == 12
    assert stream.getvalue().count("3 of 15 images cannot be used: big/cut.jpg (the file") == 2
    pd.testing.assert_frame_equal(read_prepared(destination).rejected, prepared.rejected)


def test_an_image_that_becomes_unreadable_is_removed(root, destination):
    upsampling = UpsamplingConfig(policy="flip", target_ratio=2.0)
    prepare_images(_splits(root), root=root, destination=destination, upsampling=upsampling)
    (root / "big" / "0.jpg").write_bytes(b"broken")
    prepared = prepare_images(
        _splits(root), root=root, destination=destination, upsampling=upsampling
    )
    assert set(_times(destination)) == set(prepared.manifest["path"])
    assert not [path for path in _times(destination) if path.startswith("train/big/0")]


def test_a_file_that_changes_after_it_was_listed_is_rejected(root, destination):
    images = _splits(root)
    _save(root, "big/0.jpg", 250)
    prepared = prepare_images(images, root=root, destination=destination)
    assert prepared.rejected["reason"].tolist() == [
        "the file changed after it was listed; prepare again"
    ]


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_class_without_usable_images_is_fatal(root, destination, split):
    images = _splits(root)
    for path in images.query("label == 'small' and split == @split")["path"]:
        (root / path).write_bytes(b"broken")
    broken = _splits(root)
    count = len(broken.query("label == 'small' and split == @split"))
    with pytest.raises(ArtstyleError, match=f"small has no usable image in {split}") as caught:
        prepare_images(broken, root=root, destination=destination)
    assert f"{split} {count} (none can be read)" in str(caught.value)


def test_images_for_testing_alone_can_be_prepared(root, destination):
    images = _splits(root).assign(split="test")
    prepared = prepare_images(images, root=root, destination=destination)
    assert set(prepared.manifest["split"]) == {"test"}

    for path in images["path"]:
        (root / path).write_bytes(b"broken")
    with pytest.raises(ArtstyleError, match="None of the images can be used"):
        prepare_images(_splits(root).assign(split="test"), root=root, destination=destination)


def test_styles_called_like_missing_values(tmp_path, destination):
    for style in ("NA", "None", "007", "x, \"y\" 'z'"):
        for number in range(3):
            _save(tmp_path / "images", f"{style}/{number}.png", number)
    images = _splits(tmp_path / "images")
    prepared = prepare_images(images, root=tmp_path / "images", destination=destination)
    again = read_prepared(destination)
    assert again.class_names == ("007", "NA", "None", "x, \"y\" 'z'")
    pd.testing.assert_frame_equal(again.manifest, prepared.manifest)


def test_reading_what_was_not_prepared_or_is_gone(root, destination):
    with pytest.raises(ArtstyleError, match="not prepared"):
        read_prepared(destination)
    prepare_images(_splits(root), root=root, destination=destination)
    (destination / "train" / "big" / "0.jpg").unlink()
    (destination / "train" / "big" / "2.jpg").write_bytes(b"x")
    with pytest.raises(ArtstyleError, match=r"2 prepared images .*big/0.jpg, train/big/2.jpg"):
        read_prepared(destination)
    prepare_images(_splits(root), root=root, destination=destination)
    read_prepared(destination)


def test_damaged_lists_are_explained(root, destination):
    prepare_images(_splits(root), root=root, destination=destination)
    manifest = destination / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",40,30,", ",forty,30,"))
    with pytest.raises(ArtstyleError, match=r"damaged.*delete"):
        read_prepared(destination)
    (destination / "preparation.json").write_text("{")
    with pytest.raises(ArtstyleError, match=r"created from other images"):
        prepare_images(_splits(root), root=root, destination=destination)


def test_two_programs_do_not_prepare_one_folder_at_once(root, destination):
    fcntl = pytest.importorskip("fcntl")
    prepare_images(_splits(root), root=root, destination=destination)
    stream = _ReleasingStream()
    with (destination / ".lock").open("w") as stream.lock:
        fcntl.flock(stream.lock, fcntl.LOCK_EX)
        prepare_images(_splits(root), root=root, destination=destination, reporter=Reporter(stream))
    assert "Waiting for another program" in stream.getvalue()


class _ReleasingStream(io.StringIO):
    """Stream that releases a lock as soon as another program reports that it waits."""

    lock: io.TextIOWrapper

    def write(self, text: str) -> int:
        import fcntl

        fcntl.flock(self.lock, fcntl.LOCK_UN)
        return super().write(text)


@pytest.mark.shared
def test_the_real_images_are_copied_as_they_are(tmp_path):
    shared = Path(__file__).parents[3] / "shared" / "data" / "artstyle8"
    if not shared.is_dir():
        pytest.skip("the real images are not here")
    from artstyle_tf.images.splits.splitting import read_split

    index = index_images(shared / "images", group_pattern=r"^([^_]+)_")
    assert index.images["group"].nunique() == 408
    images = read_split(shared / "split.csv", index)
    prepared = prepare_images(images, root=index.root, destination=tmp_path / "prepared")
    assert len(prepared.manifest) == 1208
    assert (prepared.manifest["digest"] == prepared.manifest["source_digest"]).all()


def test_an_image_that_is_too_long_to_augment_is_used_without_copies(tmp_path, destination):
    root = tmp_path / "long"
    for number in range(6):
        _save(root, f"many/{number}.png", number)
    for number in range(2):
        shape = (40_000, 33, 3)
        (root / "few").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", shape[1::-1], (number, 0, 9)).save(root / f"few/tall{number}.png")
    images = index_images(root).images
    images["split"] = "train"
    said = []

    class Listener(Reporter):
        def warn(self, text: str) -> None:
            said.append(text)

    # Of many copies some meet a warp, which OpenCV refuses above 32,767 pixels.
    upsampling = UpsamplingConfig(policy="strong", target_ratio=3.0, jitter=0.0)
    prepared = prepare_images(
        images, root=root, destination=destination, upsampling=upsampling, reporter=Listener()
    )
    assert prepared.rejected.empty
    originals = prepared.manifest[prepared.manifest["parent"] == ""]
    assert len(originals) == 8
    assert any(".png (cannot be augmented at 33 x 40000 pixels)" in text for text in said)
