"""Untrusted configs, tables, models and arrays: read, or refused with one message."""

from __future__ import annotations

import json
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from artstyle_tf.config.experiment import DirectExperiment, TripletExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.images.index import groups as image_groups
from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.preparation.manifest import read_prepared
from artstyle_tf.images.splits.splitting import read_split, split_images, write_split
from artstyle_tf.runs.gallery import load_gallery
from artstyle_tf.runs.model_files import load_model
from artstyle_tf.runs.resume_point import ResumePoint, load_resume_point, save_resume_point
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.npz_files import read_npz

FUZZ = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def refused_or(read):
    """Check that the only error for any input is the readable one."""
    try:
        return read()
    except ArtstyleError as error:
        said = str(error)
    assert said
    assert len(said) < 5000
    return None


@pytest.mark.parametrize(
    "text",
    [
        "run_name: !!python/object/apply:os.system ['touch hacked']",
        "data: !!python/object/new:subprocess.Popen [['touch', 'hacked']]",
        "run_name: !!python/name:os.system",
        "? !!python/object/apply:os.system ['touch hacked']\n: 1",
    ],
)
def test_a_config_cannot_run_code(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(text)
    with pytest.raises(ArtstyleError, match="not valid YAML"):
        load_config(DirectExperiment, Path("config.yaml"))
    value = text.partition(": ")[2]
    with pytest.raises(ArtstyleError, match="not valid"):
        load_config(DirectExperiment, None, [f"run_name={value or text}"])
    assert not Path("hacked").exists()


def test_a_config_with_nested_aliases_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    for number in range(1, 12):
        names = ", ".join([f"*a{number - 1}"] * 9)
        lines.append(f"a{number}: &a{number} [{names}]")
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(lines))
    began = time.process_time()
    with pytest.raises(ArtstyleError, match="more than 100,000 values"):
        load_config(DirectExperiment, file)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("text", ["[" * 1500, "a: " + "{a: " * 1500, "a: &a [*a]", "a: \ud800"])
def test_a_too_deeply_nested_config_is_refused(text, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArtstyleError):
        load_config(DirectExperiment, file)
    with pytest.raises(ArtstyleError):
        load_config(DirectExperiment, None, [f"data.images={text}"])


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text(max_size=12)
    | st.binary(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=8,
)
_KEYS = st.sampled_from([*sorted(TripletExperiment.model_fields), "phases", "weights", "views"])


@given(content=st.dictionaries(_KEYS, _VALUES | st.dictionaries(_KEYS, _VALUES), max_size=4))
@settings(FUZZ, max_examples=150)
def test_any_values_make_a_config_or_one_error(content, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8", "surrogateescape")
    for schema in (DirectExperiment, TripletExperiment):
        refused_or(lambda schema=schema: load_config(schema, file))


@given(content=st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode()))
@settings(FUZZ, max_examples=150)
def test_any_bytes_make_a_config_or_one_error(content, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    refused_or(lambda: load_config(DirectExperiment, file))


@given(
    key=st.text(st.sampled_from("ab.01=_ "), max_size=8) | _KEYS,
    value=st.text(max_size=30) | st.text(st.sampled_from("[]{}:,-&*!|>'\"# \n"), max_size=30),
)
@settings(FUZZ, max_examples=150)
def test_any_override_makes_a_config_or_one_error(key, value):
    refused_or(lambda: load_config(DirectExperiment, None, [f"{key}={value}"]))


@pytest.fixture(scope="module")
def index(tmp_path_factory, write_images):
    folder = tmp_path_factory.mktemp("index")
    return index_images(write_images(folder / "images", {"bold": 6, "fine": 6}, size_px=8))


@given(data=st.data())
@settings(FUZZ, max_examples=150)
def test_any_split_file_is_read_or_refused(index, tmp_path, data):
    images = split_images(index.images, fractions={"train": 0.5, "val": 0.5}, seed=1)
    file = tmp_path / "split.csv"
    write_split(images, file)
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(0, 5))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 40))
        new = data.draw(st.binary(max_size=8) | st.sampled_from([b'"', b"\r", b"\n", b",", b"\0"]))
        content[start : start + length] = new
    file.write_bytes(bytes(content))
    found = refused_or(lambda: read_split(file, index))
    if found is not None:
        assert set(found["split"]) <= {"train", "val", "test"}
        assert set(found["path"]) <= set(index.images["path"])
        assert not found["path"].duplicated().any()


_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name not in {".", ".."} and len(name.encode()) < 200)


@given(
    names=st.lists(st.tuples(_NAMES, _NAMES), min_size=1, max_size=6), pattern=st.text(max_size=8)
)
@settings(FUZZ, max_examples=60)
def test_any_names_make_an_index_or_one_error(names, pattern, tmp_path_factory):
    root = tmp_path_factory.mktemp("names")
    image = root / "image"
    Image.new("RGB", (4, 4)).save(image, "PNG")
    wanted = 0
    for style, name in names:
        if not (root / style).exists():
            (root / style).mkdir()
        if (root / style).is_dir():
            (root / style / f"{name}.png").write_bytes(image.read_bytes())
            wanted += not style.startswith(".") and not name.startswith(".")
    found = refused_or(lambda: index_images(root, fewest_styles=1))
    if found is not None:
        assert 0 < len(found.images) <= wanted
    refused_or(lambda: index_images(root, fewest_styles=1, group_pattern=pattern))


def test_a_very_slow_pattern_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(image_groups, "_MOST_SECONDS_OF_MATCHING", 0.2)
    for style in ("a", "b"):
        (tmp_path / style).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / style / f"{'x' * 60}.png")
    began = time.process_time()
    with pytest.raises(ArtstyleError, match=r"takes too long.*x+\.png"):
        index_images(tmp_path, group_pattern=r"^(x+)+$")
    assert time.process_time() - began < 5


@pytest.fixture
def lambda_model(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_a_model_with_code_is_refused(lambda_model):
    with pytest.raises(ArtstyleError, match="contains code that would run"):
        load_model(lambda_model)


def test_a_model_that_names_a_function_of_the_system_is_refused(tmp_path):
    import zipfile

    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(2, name="victim")(inputs)).save(tmp_path / "a.keras")
    forged = tmp_path / "b.keras"
    with zipfile.ZipFile(tmp_path / "a.keras") as good, zipfile.ZipFile(forged, "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == "config.json":
                config = json.loads(content)
                layer = next(x for x in config["config"]["layers"] if x["class_name"] == "Dense")
                layer |= {"module": "os", "class_name": "system", "registered_name": "system"}
                layer["config"] = {"command": f"touch {tmp_path / 'hacked'}"}
                content = json.dumps(config).encode()
            bad.writestr(name, content)
    with pytest.raises(ArtstyleError):
        load_model(forged)
    assert not (tmp_path / "hacked").exists()


def test_a_damaged_model_is_one_message(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    content = (tmp_path / "model.keras").read_bytes()
    for percent in range(0, 100, 10):
        (tmp_path / "cut.keras").write_bytes(content[: len(content) * percent // 100])
        with pytest.raises(ArtstyleError, match="damaged"):
            load_model(tmp_path / "cut.keras")


class _Pickled:
    def __reduce__(self):
        return print, ("this must not run",)


@pytest.mark.parametrize("load", [load_gallery, load_resume_point])
def test_arrays_that_are_programs_are_refused(load, tmp_path, capsys):
    file = tmp_path / "arrays.npz"
    names = ("embeddings", "labels", "ids", "paths", "header", "weights_00000")
    np.savez(file, **dict.fromkeys(names, np.array([_Pickled()], dtype=object)))
    with pytest.raises(ArtstyleError, match="cannot be read"):
        load(file)
    assert "this must not run" not in capsys.readouterr().out


@given(data=st.data())
@settings(FUZZ, max_examples=150)
def test_any_damage_to_a_resume_point_is_one_message(tmp_path, data):
    file = tmp_path / "resume.npz"
    weights = [np.arange(30, dtype=np.float32)]
    save_resume_point(file, ResumePoint(weights, weights, [], {"epoch": 3}))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    file.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    refused_or(lambda: load_resume_point(file))


def test_an_array_instead_of_a_file_of_arrays_is_refused(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"not a whole \.npz file"):
        read_npz(tmp_path / "one.npy")


@given(content=st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode()))
@settings(FUZZ, max_examples=100)
def test_any_manifest_is_read_or_refused(tmp_path, content):
    (tmp_path / "manifest.csv").write_bytes(content)
    (tmp_path / "rejected.csv").write_bytes(content)
    refused_or(lambda: read_prepared(tmp_path))
