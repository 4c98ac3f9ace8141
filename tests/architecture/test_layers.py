from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "artstyle_tf"
FILES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils.py", "common.py", "helpers.py", "misc.py"}
KERAS_ONLY = ("models", "losses", "metrics", "training")


def imported_modules(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("folder", KERAS_ONLY)
def test_training_code_imports_keras_only(folder):
    for file in (PACKAGE / folder).rglob("*.py"):
        roots = {module.split(".")[0] for module in imported_modules(file)}
        assert "tensorflow" not in roots, file


def test_no_file_is_a_catch_all():
    assert not [file for file in FILES if file.name in FORBIDDEN_NAMES]


def test_files_stay_small():
    assert not [file for file in FILES if len(file.read_text().splitlines()) > 300]


def test_every_public_definition_has_a_docstring():
    silent = [
        f"{file.name}: {node.name}"
        for file in FILES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert silent == []
