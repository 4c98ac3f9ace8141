"""`make HASHES=1` installs the versions of `constraints.txt`; no file contains an index URL."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from patience import HUNG_SECONDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dependencies"
FILES = sorted(FOLDER.glob("*.txt"))
CONSTRAINED = ["build.txt", "run.txt", "develop.txt"]
# Has additional packages, and shares the environment of the project.
SHARING = ["docs.txt"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]


def pins_of(path):
    """Return name -> versions; numpy has one for each Python."""
    pins = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(" "):
            requirement = Requirement(line.removesuffix("\\"))
            (specifier,) = requirement.specifier
            assert specifier.operator == "=="
            pins.setdefault(canonicalize_name(requirement.name), set()).add(specifier.version)
    return pins


CONSTRAINTS = pins_of(ROOT / "constraints.txt")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_hashes_holds_versions_and_hashes_and_nothing_else(path):
    assert path.stat().st_size < 1_000_000
    text = path.read_text(encoding="utf-8")
    entry = r"[\w.\[\]-]+==[\w.+]+( ; [\w .'=!<>()]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(f"({entry})+", text)


@pytest.mark.parametrize("name", CONSTRAINED)
def test_hashes_are_of_the_constrained_versions(name):
    for package, versions in pins_of(FOLDER / name).items():
        assert versions == CONSTRAINTS[package], f"{package}: run `make hashes`"


@pytest.mark.parametrize("name", SHARING)
def test_hashes_do_not_contradict_the_constrained_versions(name):
    for package, versions in pins_of(FOLDER / name).items():
        assert versions == CONSTRAINTS.get(package, versions), f"{package}: run `make hashes`"


def test_the_documentation_is_built_with_its_dependency_group():
    pins = pins_of(FOLDER / "docs.txt")
    for requirement in map(Requirement, GROUPS["docs"]):
        for version in pins[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(version)


def test_whatever_make_installs_has_hashes():
    """Checks the direct dependencies; uv and pip resolve the indirect ones."""
    run, develop = pins_of(FOLDER / "run.txt"), pins_of(FOLDER / "develop.txt")
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [Requirement(line) for line in extras["test"] + extras["check"]]
    nested = [extra for one in wanted if one.name == "artstyle-tf" for extra in one.extras]
    wanted += [Requirement(line) for extra in nested for line in extras[extra]]
    for line in PROJECT["project"]["dependencies"]:
        requirement = Requirement(line)
        for version in run[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(version)
    for requirement in wanted:
        if requirement.name != "artstyle-tf":
            for version in develop[canonicalize_name(requirement.name)]:
                assert requirement.specifier.contains(version)
    for package, versions in run.items():
        assert versions == develop[package]


@pytest.mark.parametrize(
    ("group", "file"), [("build", "build.txt"), ("oracle", "oracle.txt"), ("tools", "tools.txt")]
)
def test_groups_are_installed_as_they_are_pinned(group, file):
    pins = pins_of(FOLDER / file)
    for line in GROUPS[group]:
        name, _, version = line.partition("==")
        assert pins[canonicalize_name(name)] == {version}


def test_the_extras_that_messages_and_pages_name_exist():
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "configs").glob("*.yaml")]
    files += (ROOT / "artstyle_tf").rglob("*.py")
    named = {
        (file.name, extra)
        for file in files
        for extras in re.findall(r"(?:artstyle-tf|'\.)\[([\w,-]+)\]", file.read_text("utf-8"))
        for extra in extras.split(",")
    }
    known = PROJECT["project"]["optional-dependencies"]
    assert {"formats", "mlflow", "postgresql", "openvino"} <= {extra for _, extra in named}
    assert {one for one in named if one[1] not in known} == set()


def test_the_package_is_built_by_the_pinned_backend():
    assert set(PROJECT["build-system"]["requires"]) <= set(GROUPS["build"])


@pytest.fixture
def workplace(tmp_path):
    """Copy the Makefile next to an environment that is complete."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(FOLDER, tmp_path / "dependencies")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", ".venv/bin/python", ".venv/.ready"):
        (tmp_path / name).touch()
    return tmp_path


def make(folder, *arguments):
    command = ["make", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=HUNG_SECONDS)


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@needs_make
def test_an_environment_without_hashes_is_not_reused_with_them(workplace):
    result = make(workplace, ".venv/.ready", "HASHES=1")
    assert result.returncode == 2
    assert ".venv was made without hashes" in result.stdout
    assert "make clean" in result.stdout


@needs_make
def test_an_environment_with_hashes_goes_on_with_them(workplace):
    (workplace / ".venv/.made-with-hashes").touch()
    (workplace / ".venv/.ready").unlink()
    planned = make(workplace, ".venv/.ready", "--dry-run").stdout
    assert "--require-hashes --only-binary :all: -r dependencies/run.txt" in planned
    assert "--no-deps --no-build-isolation -e ." in planned
    assert "-c constraints.txt" not in planned


@needs_make
def test_an_invalid_value_of_hashes_is_refused(workplace):
    result = make(workplace, "setup", "HASHES=yes")
    assert result.returncode == 2
    assert "HASHES is 1 or left out, not yes" in result.stderr
