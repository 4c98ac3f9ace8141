"""The notebooks: executed on a few demo images, and committed without outputs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="pip install 'artstyle-tf[test]'")
pytest.importorskip("nbclient", reason="pip install 'artstyle-tf[test]'")
pytest.importorskip("ipykernel", reason="pip install 'artstyle-tf[test]'")

FOLDER = Path(__file__).parents[2] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
NUMBERS = ["0", "1", "2.1", "2.2", "3", "4"]
MOST_LINES = 12


@pytest.fixture
def execution(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import execute

    return execute


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Path:
    """Create one folder for all: demo images are drawn once, and 4 finds the run of 2.2."""
    return tmp_path_factory.mktemp("notebooks")


def read(file: Path):
    return nbformat.read(file, as_version=4)


def code_cells(file: Path) -> list:
    return [cell for cell in read(file).cells if cell.cell_type == "code"]


def test_there_are_six_notebooks():
    assert [file.name.split("_")[0] for file in FILES] == NUMBERS


@pytest.mark.parametrize("file", FILES, ids=NUMBERS)
def test_it_is_committed_without_outputs(file):
    nbformat.validate(read(file))
    for cell in code_cells(file):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("file", FILES, ids=NUMBERS)
def test_its_cells_are_short_and_use_the_public_names_only(file):
    for cell in code_cells(file):
        assert len(cell.source.splitlines()) <= MOST_LINES, cell.source
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("artstyle_tf.") for name in names), cell.source
            assert not isinstance(node, ast.ImportFrom) or node.module != "artstyle_tf"


@pytest.mark.parametrize("file", FILES, ids=NUMBERS)
def test_it_has_a_title_one_variable_for_images_and_a_last_section(file, execution):
    cells = read(file).cells
    number = file.name.split("_")[0]
    assert cells[0].source.startswith(f"# {number}")
    assert cells[-1].source.startswith("## What to look at next")
    (parameters,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    names = execution.parameter_names(parameters.source)
    assert {"IMAGES", "IMAGES_PER_STYLE", "OUTPUTS"} <= set(names)


def test_parameters_replace_those_of_the_notebook_and_no_others(execution):
    notebook = execution.with_parameters(read(FILES[0]), {"IMAGES": "x", "NOTHING": 1})
    sources = [cell.source for cell in notebook.cells]
    position = sources.index("IMAGES = 'x'")
    assert "parameters" in notebook.cells[position - 1].metadata["tags"]
    assert not any("NOTHING" in source for source in sources)
    with pytest.raises(ValueError, match="no cell with the tag"):
        execution.with_parameters(nbformat.v4.new_notebook(), {})


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=NUMBERS)
def test_it_runs(file, execution, outputs, monkeypatch):
    # Nothing is written into the home directory of the user who runs the tests.
    monkeypatch.setenv("IPYTHONDIR", str(outputs / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(outputs / "runtime"))
    parameters = {**execution.SMALL, "OUTPUTS": str(outputs / "outputs")}
    executed = execution.execute(file, parameters)
    shown = [output for cell in executed.cells for output in cell.get("outputs", [])]
    figures = [output for output in shown if "image/png" in output.get("data", {})]
    assert len(figures) >= 2
    assert not [output for output in shown if output.output_type == "error"]
