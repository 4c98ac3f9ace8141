"""The notebooks: committed without outputs, and using what exists.

One is executed on a few demo images; those that train for minutes are executed in the reliability
suite, and by `make docs`.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from pathlib import Path

import pytest

import artstyle_tf as art
from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.api.keywords import _dotted_keys
from artstyle_tf.config.experiment import TRAINING_EXPERIMENTS
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS

nbformat = pytest.importorskip("nbformat", reason="pip install 'artstyle-tf[test]'")
pytest.importorskip("nbclient", reason="pip install 'artstyle-tf[test]'")
pytest.importorskip("ipykernel", reason="pip install 'artstyle-tf[test]'")

FOLDER = Path(__file__).parents[2] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
NUMBERS = ["0", "1", "2.1", "2.2", "3", "4"]
MOST_LINES = 12
EXECUTED = "1"
CLASS_OF = {
    "images": art.ImageFolder,
    **dict.fromkeys(("found", "prepared", "study", "analysis"), art.Result),
    "run": art.Run,
}
"""Variable of the notebooks -> its class."""
SETTINGS_OF = {
    "art.train_direct": TRAINING_EXPERIMENTS["direct"],
    "art.train_triplet": TRAINING_EXPERIMENTS["triplet"],
    "art.tune": TUNE_EXPERIMENTS["direct"],
    "art.analyze": AnalyzeExperiment,
    "images.inspect": InspectExperiment,
    "images.prepare": TRAINING_EXPERIMENTS["direct"],
}
"""Function that takes settings as keywords -> their schema."""


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


def nodes_of(file: Path, kind: type) -> list:
    trees = [ast.parse(cell.source) for cell in code_cells(file)]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, kind)]


@pytest.mark.parametrize("file", FILES, ids=NUMBERS)
def test_its_variables_are_assigned_before_they_are_read(file):
    known = {*dir(builtins), "display"}
    for cell in code_cells(file):
        tree = ast.parse(cell.source)
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        known |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
        imports = [each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]
        aliases = [alias for each in imports for alias in each.names]
        known |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        known |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
        assert {node.id for node in names} <= known, cell.source


def object_of(node: ast.expr):
    """Return what an expression such as `art.losses.SemiHardTripletLoss` or `run.figure` names.

    Methods are those of the variable's class. None for other expressions.
    """
    if isinstance(node, ast.Name):
        return art if node.id == "art" else CLASS_OF.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    owner = object_of(node.value)
    if not (owner is art or owner is art.losses or owner in CLASS_OF.values()):
        return None
    if owner is art.ImageFolder and node.attr == "path":  # an attribute of its instances
        return Path
    return getattr(owner, node.attr)


@pytest.mark.parametrize("file", FILES, ids=NUMBERS)
def test_the_functions_and_keywords_that_it_uses_exist(file):
    for node in nodes_of(file, ast.Attribute):
        object_of(node)  # raises AttributeError
    for node in nodes_of(file, ast.ImportFrom):
        for alias in node.names:
            getattr(__import__(node.module, fromlist=[alias.name]), alias.name)
    for node in nodes_of(file, ast.Call):
        function = object_of(node.func)
        if function is None or function is Path:
            continue
        name = ast.unparse(node.func)
        keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg}
        is_method = name.partition(".")[0] in CLASS_OF
        positional = [None] * (len(node.args) + is_method)
        bound = inspect.signature(function).bind(*positional, **keywords)
        for setting in bound.arguments.get("settings", {}):
            assert setting in keys_of(SETTINGS_OF[name]), f"{name}({setting}=...)"


@pytest.mark.parametrize("file", FILES, ids=NUMBERS)
def test_its_recipes_have_keys_of_trainings(file):
    schema = TRAINING_EXPERIMENTS["triplet" if file.name.startswith("3") else "direct"]
    for node in nodes_of(file, ast.Assign) + nodes_of(file, ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node.value, ast.Dict) and ast.unparse(targets[0]) == "recipe":
            keys = {ast.literal_eval(key) for key in node.value.keys if key is not None}
            assert keys <= keys_of(schema)


def keys_of(schema) -> set[str]:
    """Return the keys of a schema at every depth, which are its keywords."""
    return {key.rpartition(".")[2] for key, _ in _dotted_keys(schema)}


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=number, marks=[] if number == EXECUTED else pytest.mark.reliability)
        for number, file in zip(NUMBERS, FILES, strict=True)
    ],
)
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
