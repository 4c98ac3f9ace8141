"""Weights, networks and arrays that refer to other files or claim gigabytes: one message each."""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from hostile_arrays import (
    HDF5_ATTACKS,
    attack_hdf5,
    claiming_header,
    huge_member,
    rewrite_archive,
)
from watched_memory import run_watched

from artstyle_tf.cli.main import main
from artstyle_tf.evaluation.fold_training import (
    Fold,
    FoldResult,
    load_fold_result,
    save_fold_result,
)
from artstyle_tf.models.weights import load_weights, weights_digest
from artstyle_tf.runs.gallery import Gallery, load_gallery, save_gallery
from artstyle_tf.runs.model_files import load_head, load_model
from artstyle_tf.runs.resume_point import ResumePoint, load_resume_point, save_resume_point
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.npz_files import open_npy, read_npz
from artstyle_tf.trunk_cache.activation_table import ActivationTable

SCRIPTS = Path(__file__).parents[2] / "scripts"


def renamed(model):
    """Rename the layers as other programs do, so that Keras loads the file."""
    clone = keras.models.clone_model(
        model,
        clone_function=lambda layer: type(layer).from_config(
            {**layer.get_config(), "name": f"other_{layer.name}"}
        ),
    )
    clone.set_weights(model.get_weights())
    return clone


WRITERS = {
    "same.weights.h5": lambda model, file: model.save_weights(file),
    "renamed.weights.h5": lambda model, file: renamed(model).save_weights(file),
    "legacy.h5": lambda model, file: model.save(file),
}
"""Name of a file -> how it is written, for the three ways in which it is read."""


@pytest.fixture(params=WRITERS)
def weights_file(request, tiny_backbone, tmp_path):
    model = tiny_backbone().model
    model.set_weights([weight + 1 for weight in model.get_weights()])
    WRITERS[request.param](model, tmp_path / request.param)
    return tmp_path / request.param


def load_into(model, file):
    load_weights(model, str(file), name="tiny", build_pretrained=pytest.fail)


def test_every_kind_of_weights_file_is_read(weights_file, tiny_backbone):
    model = tiny_backbone().model
    expected = [weight + 1 for weight in model.get_weights()]
    load_into(model, weights_file)
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("attack", HDF5_ATTACKS)
def test_weights_that_are_not_in_the_file_are_refused(
    attack, weights_file, tiny_backbone, tmp_path
):
    attack_hdf5(weights_file, attack, tmp_path / "secret")
    assert weights_file.stat().st_size < 10**6
    model = tiny_backbone().model
    before = weights_digest(model)
    with pytest.raises(ArtstyleError, match=HDF5_ATTACKS[attack][1]) as raised:
        load_into(model, weights_file)
    assert str(weights_file) in str(raised.value)
    assert weights_digest(model) == before


def test_a_file_of_a_much_larger_network_is_refused_before_it_is_read(tiny_backbone, tmp_path):
    wide = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(1000)])
    wide.save_weights(tmp_path / "wide.weights.h5")
    with pytest.raises(ArtstyleError, match="holds 1,001,000 numbers, which is too many"):
        load_into(tiny_backbone().model, tmp_path / "wide.weights.h5")


def test_weights_named_twice_in_an_old_file_are_refused(tiny_backbone, tmp_path):
    import h5py

    file = tmp_path / "legacy.h5"
    tiny_backbone().model.save(file)
    with h5py.File(file, "a") as opened:
        group = opened["model_weights/stem_conv"]
        (kernel, *_) = group.attrs["weight_names"]
        names = [kernel, f"./{kernel}"] * 500
        del group.attrs["weight_names"]
        group.attrs["weight_names0"], group.attrs["weight_names1"] = names[:500], names[500:]
    with pytest.raises(ArtstyleError, match="names a weight twice"):
        load_into(tiny_backbone().model, file)


@pytest.mark.parametrize("name", ["weights.keras", "weights.weights.json", "weights"])
def test_a_file_that_keras_would_take_for_another_format_is_refused(name, tiny_backbone, tmp_path):
    renamed(tiny_backbone().model).save_weights(tmp_path / "a.weights.h5")
    (tmp_path / "a.weights.h5").rename(tmp_path / name)
    with pytest.raises(ArtstyleError, match=r"should end in \.h5"):
        load_into(tiny_backbone().model, tmp_path / name)


@pytest.fixture
def model_file(tiny_backbone, tmp_path):
    tiny_backbone().model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


@pytest.mark.parametrize("attack", HDF5_ATTACKS)
def test_a_network_whose_weights_are_elsewhere_is_refused(attack, model_file, tmp_path):
    with zipfile.ZipFile(model_file) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    attack_hdf5(content, attack, tmp_path / "secret")
    rewrite_archive(model_file, {"model.weights.h5": content.getvalue()})
    with pytest.raises(ArtstyleError, match=HDF5_ATTACKS[attack][1]):
        load_model(model_file)


@pytest.mark.parametrize(
    ("changes", "compression", "said"),
    [
        ({}, zipfile.ZIP_DEFLATED, "is packed"),
        ({"model.weights.npz": b""}, zipfile.ZIP_STORED, "model.weights.npz"),
        ({"assets/words.txt": b""}, zipfile.ZIP_STORED, "assets/words.txt"),
        ({"config.json": b" " * (9 * 2**20)}, zipfile.ZIP_STORED, "more than"),
        ({"config.json": b"[" * 10**6}, zipfile.ZIP_STORED, "cannot be loaded"),
        ({"config.json": b"[]"}, zipfile.ZIP_STORED, "cannot be loaded"),
    ],
)
def test_an_archive_that_keras_has_not_written_is_refused(model_file, changes, compression, said):
    rewrite_archive(model_file, changes, compression=compression)
    with pytest.raises(ArtstyleError, match=said):
        load_model(model_file)


def test_a_network_larger_than_its_weights_is_refused_before_it_is_made(tmp_path):
    file = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="narrow")]).save(file)
    with zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read("config.json"))
    for layer in config["config"]["layers"]:
        if layer["config"].get("name") == "narrow":
            layer["config"]["units"] = 10**12  # 20 TB of weights
    rewrite_archive(file, {"config.json": json.dumps(config).encode()})
    with pytest.raises(ArtstyleError, match="has 5,000,000,000,000 weights, but it contains 20"):
        load_model(file)
    # Nothing of it waits to be made by whatever Keras does next.
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(file)
    assert load_model(file).count_params() == 10


GALLERY = Gallery(
    np.ones((3, 1), np.float32), np.zeros(3, np.int32), np.array(list("abc")), np.array(list("abc"))
)


def written_gallery(folder):
    save_gallery(folder / "gallery.npz", GALLERY)
    return folder / "gallery.npz"


def written_resume_point(folder):
    weights = [np.ones(3, np.float32)]
    save_resume_point(folder / "resume.npz", ResumePoint(weights, weights, [], {}))
    return folder / "resume.npz"


def written_head(folder):
    np.savez(folder / "head.npz", kernel=np.ones((2, 2), "f4"), bias=np.ones(2, "f4"))
    return folder / "head.npz"


def load_a_head(file):
    from artstyle_tf.models.network import HEAD_NAME

    load_head(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name=HEAD_NAME)]), file)


READERS = {
    "gallery": (written_gallery, load_gallery, "embeddings"),
    "resume point": (written_resume_point, load_resume_point, "weights_00000"),
    "head": (written_head, load_a_head, "kernel"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (claiming_header("<f4", (10**9, 2)), "claims float32"),
        (claiming_header("<f4", (2**62, 2**62)), "claims float32"),
        (claiming_header("<U100000000", (1,)), "claims <U100000000"),
        (claiming_header("<f4", (-1, -1)), "claims to be"),
        (claiming_header("|O", (1,)), "claims to be object"),
        (claiming_header("<f4", (1,))[:40], "not a whole"),
    ],
)
def test_arrays_that_claim_more_than_they_hold_are_refused(reader, content, said, tmp_path):
    write, read, name = READERS[reader]
    file = write(tmp_path)
    rewrite_archive(file, {f"{name}.npy": content})
    with pytest.raises(ArtstyleError, match=said):
        read(file)


@pytest.mark.parametrize("reader", READERS)
def test_packed_arrays_are_refused(reader, tmp_path):
    write, read, _ = READERS[reader]
    file = write(tmp_path)
    rewrite_archive(file, {}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArtstyleError, match="packed"):
        read(file)


def test_overlapping_archive_members_are_refused(tmp_path):
    """One part of a file, listed fifty times, would be fifty arrays."""
    file, content = tmp_path / "arrays.npz", io.BytesIO()
    np.save(content, np.zeros(10_000))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a000.npy", content.getvalue())
        (first,) = archive.infolist()
        for number in range(1, 50):
            again = copy.copy(first)
            again.filename = f"a{number:03d}.npy"
            archive.filelist.append(again)
    assert file.stat().st_size < 90_000
    with pytest.raises(ValueError, match="its members have 4,006,400 bytes, the file"):
        read_npz(file)


def test_a_resume_point_of_another_network_is_refused(tmp_path):
    file = written_resume_point(tmp_path)
    assert load_resume_point(file, shapes=[(3,)]).state == {}
    for shapes in ([(4,)], [(3,), (3,)], []):
        with pytest.raises(ArtstyleError, match="those of another network"):
            load_resume_point(file, shapes=shapes)


def test_the_result_of_another_fold_is_refused(tmp_path):
    file = tmp_path / "fold.npz"
    answers = np.zeros(2, np.int64)
    result = FoldResult(answers, np.zeros((2, 3), "f4"), answers == 0, answers, np.array(1))
    save_fold_result(file, result)
    fold = Fold("random", 0, 0, np.array(["test", "train", "test"]))
    assert load_fold_result(file, fold, num_classes=3).best_epoch == 1
    with pytest.raises(ArtstyleError, match="probabilities"):
        load_fold_result(file, fold, num_classes=4)
    with pytest.raises(ArtstyleError, match="positions"):
        load_fold_result(file, Fold("random", 0, 0, np.array(["test"])), num_classes=3)


@pytest.mark.parametrize("content", [b"PK\x03\x04", claiming_header("<f4", (10**9, 2)), b""])
@pytest.mark.parametrize("keys", ['["a"]', "5", "[" * 100_000])
def test_a_shard_of_the_trunk_cache_that_is_none_is_made_again(content, keys, tmp_path):
    table = ActivationTable(tmp_path, {}, row_shape=(2,), dtype="float32")
    table.add(["a"], np.ones((1, 2)))
    (shard,) = table.folder.glob("*.npy")
    shard.write_bytes(content)
    shard.with_suffix(".json").write_text(keys)
    again = ActivationTable(tmp_path, {}, row_shape=(2,), dtype="float32")
    again.refresh()
    assert again.missing(["a"]).tolist() == [0]
    assert not shard.exists()


def test_a_mapped_array_is_no_archive(tmp_path):
    with pytest.raises(ValueError, match="magic"):
        open_npy(written_gallery(tmp_path))


_PEAK = """
import resource, sys
from pathlib import Path
from artstyle_tf.system.npz_files import read_npz
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_npz(Path(sys.argv[1]))
except ValueError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
"""


def test_a_refusal_takes_no_memory(tmp_path):
    """A quarter of a million strings of 1,000 characters in a file of 1 MB."""
    file = written_gallery(tmp_path)
    huge_member(file, "ids", "<U1000", (250_000,))
    assert file.stat().st_size < 1.1e6
    ended = subprocess.run(
        [sys.executable, "-c", _PEAK, str(file)], capture_output=True, text=True, check=True
    )
    said, peak_mb = ended.stdout.splitlines()
    assert "ids.npy is packed" in said
    assert "1,000,000,128" in said
    assert int(peak_mb) < 20


CONFIG = """
report: false
data: {images: images, prepared: prepared, preparation_workers: 1, near_duplicates: ignore,
       views: null}
model: {backbone: compact, weights: null, image_size_px: 32, head: pooled, dimension: 4}
training:
  num_neighbors: 3
  batch: {classes: 2, images_per_class: 3}
  phases: [{unfreeze_blocks: 0, epochs: 1, learning_rate: 1e-3, loss: semi_hard}]
"""


def refused(ended, said):
    """Check for one line and exit code 2, in no more memory than TensorFlow itself takes."""
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err
    (line,) = (line for line in ended.err.splitlines() if line.startswith("Error: "))
    assert said in line
    assert ended.peak_mb < 1500


@pytest.mark.reliability
def test_the_programs_refuse_them(tmp_path, monkeypatch, write_images):
    from artstyle_tf.models.backbone import build_backbone

    monkeypatch.chdir(tmp_path)
    write_images(Path("images"), {"bold": 14, "fine": 14}, size_px=24)
    Path("config.yaml").write_text(CONFIG)
    arguments = ["--config", "config.yaml", "--quiet"]
    assert main([*arguments, "--run-name", "run"], verb="train-triplet") == 0
    run = Path("outputs/models/run")

    weights = Path("hostile.weights.h5")
    for attack in ("external storage", "10 GB never written"):
        build_backbone("compact", image_size_px=32, weights=None).model.save_weights(weights)
        attack_hdf5(weights, attack, tmp_path / "secret")
        further = ["--run-name", "other", f"model.weights={weights}"]
        ended = run_watched(
            SCRIPTS / "train_triplet.py", *arguments, *further, cwd=tmp_path, most_seconds=120
        )
        refused(ended, HDF5_ATTACKS[attack][1])

    huge_member(run / "gallery.npz", "embeddings", "<f4", (3 * 10**8, 1))
    arguments = ["--run", str(run), "images/bold", "--quiet"]
    ended = run_watched(SCRIPTS / "predict.py", *arguments, cwd=tmp_path, most_seconds=120)
    refused(ended, "is packed")
