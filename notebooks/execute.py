"""Execute the notebooks, optionally with other parameters.

    python notebooks/execute.py --small --output /tmp/executed
    python notebooks/execute.py 0 2.2 --set IMAGES='"data/images"' --output outputs/executed

Tests and the documentation use `execute`, so that there is one way to pass parameters: a cell is
inserted after the one tagged `parameters`. It assigns those parameters that this cell defines.
"""

from __future__ import annotations

import argparse
import ast
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
NOTEBOOKS = tuple(sorted(FOLDER.glob("*.ipynb")))
"""The notebooks in reading order; the last one uses the run of 2.2 if it exists."""

SMALL: Mapping[str, Any] = {
    "IMAGES_PER_STYLE": {"Cubism": 14, "Japonism": 10, "photo": 10},
    "EPOCHS": 1,
    "TRIALS": 1,
    "DRAWS": 1,
    "PROJECTION": "pca",  # UMAP is compiled first, which takes longer than everything else
}
"""The smallest parameters that test all cells; the scores are meaningless."""


def execute(
    file: Path,
    parameters: Mapping[str, Any],
    *,
    timeout_seconds: int | None = None,
) -> Any:
    """Execute a notebook in a new kernel.

    Args:
        file: path of the notebook.
        parameters: name -> value; relative paths are relative to the notebook's folder.
        timeout_seconds: limit per cell; None for no limit, for busy machines.

    Returns:
        The notebook with its outputs; the file is not changed.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell raises an error.
    """
    notebook = with_parameters(nbformat.read(file, as_version=4), parameters)
    client = NotebookClient(
        notebook,
        timeout=timeout_seconds,
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent)}},
    )
    return client.execute()


def with_parameters(notebook: Any, parameters: Mapping[str, Any]) -> Any:
    """Insert a cell after the one tagged `parameters`, as papermill does.

    Args:
        notebook: changed in place.
        parameters: name -> value; names that the notebook does not define are ignored.

    Returns:
        The notebook.

    Raises:
        ValueError: if no cell has the tag.
    """
    for position, cell in enumerate(notebook.cells):
        if "parameters" in cell.metadata.get("tags", []):
            known = parameter_names(cell.source)
            lines = [f"{name} = {parameters[name]!r}" for name in parameters if name in known]
            injected = nbformat.v4.new_code_cell("\n".join(lines), id="injected-parameters")
            injected.metadata["tags"] = ["injected-parameters"]
            if lines:
                notebook.cells.insert(position + 1, injected)
            return notebook
    raise ValueError("The notebook has no cell with the tag `parameters`.")


def parameter_names(source: str) -> list[str]:
    """Return the names that a cell assigns."""
    assignments = [each for each in ast.parse(source).body if isinstance(each, ast.Assign)]
    targets = [target for each in assignments for target in each.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def main() -> None:
    """Execute the chosen notebooks and write them with their outputs."""
    parser = argparse.ArgumentParser(description="Execute the notebooks.")
    parser.add_argument("notebooks", nargs="*", help="such as 0 2.2; default: all")
    parser.add_argument("--small", action="store_true", help="few images, one epoch")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE, a Python literal")
    parser.add_argument("--output", type=Path, required=True, help="folder for executed notebooks")
    arguments = parser.parse_args()
    given = dict(each.split("=", 1) for each in arguments.set)
    parameters = {
        **(SMALL if arguments.small else {}),
        **{name: ast.literal_eval(value) for name, value in given.items()},
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    numbers = arguments.notebooks or [file.name for file in NOTEBOOKS]
    chosen = [file for file in NOTEBOOKS if file.name.startswith(tuple(numbers))]
    for file in chosen:
        start = time.monotonic()
        executed = execute(file, parameters)
        nbformat.write(executed, arguments.output / file.name)
        print(f"{file.stem}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
