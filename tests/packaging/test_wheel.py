"""The result of `make build` works without the checkout, installed and run elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import artstyle_tf

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# A few images of each style, and a network in whose plan nothing is trained by gradients.
STYLES = {"Cubism": 8, "Rococo": 8, "photo": 8}
DRAW = """
from pathlib import Path
from artstyle_tf.demo.demo_set import write_demo_set
write_demo_set(Path("data/demo/images"), images_per_style={styles})
"""
SHORT = [
    "data.demo_set=false",
    "model.image_size_px=32",
    "training.batch_size=8",
    "training.phases=[]",
]


def test_the_version_and_the_license_agree_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"] == artstyle_tf.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["title"] == PROJECT["name"].replace("-", "_")
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the sdist, and a wheel from it; return the folder."""
    pytest.importorskip("build", reason="needs the group build of pyproject.toml")
    pytest.importorskip("hatchling", reason="needs the group build of pyproject.toml")
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        cwd=folder,  # where no folder named build stands before the package
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (file,) = built.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Create an environment with the wheel and its dependencies; return its programs.

    What it needs is lent by this environment. Only its packages are: an editable installation of
    the checkout is found by a .pth file, and those of a lent folder are not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-compile", str(wheel)], check=True)
    (packages,) = folder.rglob("site-packages")
    lent = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "lent.pth").write_text("\n".join(lent), encoding="utf-8")
    return programs


@pytest.fixture
def call(environment, tmp_path):
    """Function (program, *arguments) -> stdout, in an empty folder outside of the checkout."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(program, *arguments):
        done = subprocess.run(
            [environment / program, *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_wheel_holds_what_the_program_reads_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names} == {
        "artstyle_tf",
        f"artstyle_tf-{PROJECT['version']}.dist-info",
    }
    assert "artstyle_tf/py.typed" in names
    shipped = {f"artstyle_tf/configs/{file.name}" for file in (ROOT / "configs").glob("*.yaml")}
    assert shipped <= names
    package = ROOT / "artstyle_tf"
    assert {
        file.relative_to(ROOT).as_posix()
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    } <= names


def test_the_sdist_holds_the_sources_and_no_results(built):
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "Makefile", "CITATION.cff", "tests/conftest.py"} <= names
    assert not [name for name in names if name.startswith(("outputs/", "site/", ".venv/"))]


def test_the_metadata_have_no_address(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    head = archive.read(name).decode().partition("\n\n")[0]
    assert "Project-URL" not in head
    assert "Classifier: Typing :: Typed" in head
    assert "License-Expression: MIT" in head


def test_installed_elsewhere_it_draws_and_trains_the_demo(call, environment, tmp_path):
    where = call("python", "-c", "import artstyle_tf; print(artstyle_tf.__file__)").strip()
    assert environment.parent in Path(where).parents
    call("python", "-c", DRAW.format(styles=STYLES))
    options = ["train-direct", "--demo", *SHORT, "--run-name", "demo", "--json"]
    result = json.loads(call("artstyle", *options))
    assert 0 <= result["test"]["macro_f1"] <= 1
    assert (tmp_path / result["report"]).is_file()
    assert sum(result["num_images"].values()) == sum(STYLES.values())
