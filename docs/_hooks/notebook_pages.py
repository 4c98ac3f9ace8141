"""MkDocs hook: the notebooks as pages, executed, with their outputs.

Notebooks are committed without outputs. Each is executed once, and what comes of it is kept under
the digest of its cells; a change of the package alone does not execute it again (`make clean`
removes what is kept). With `NOTEBOOKS=no` in the environment nothing is executed: pages show
kept outputs where there are any.
"""

from __future__ import annotations

import hashlib
import os
import re
import runpy
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.utils import log
from nbclient.exceptions import CellExecutionError
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import Preprocessor

_SECTION = "Notebooks"

# Text that a cell prints or returns is a block of its own.
_TEMPLATE = """{% extends 'markdown/index.md.j2' %}
{% block stream %}
```{.text .output}
{{ output.text | strip_ansi | trim }}
```
{% endblock %}
{% block data_text scoped %}
```{.text .output}
{{ output.data['text/plain'] | strip_ansi | trim }}
```
{% endblock %}
"""


def on_config(config: Any) -> Any:
    """Lists the notebooks in the navigation."""
    pages = [{_title(_read(file)): _page_of(file)} for file in _notebooks(config)]
    for entry in config.nav:
        if _SECTION in entry:
            entry[_SECTION] = [*entry[_SECTION], *pages]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds a page for each notebook, with its figures, and one for their folder."""
    readme = _folder(config) / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else f"# {_SECTION}\n"
    files.append(File.generated(config, "notebooks/index.md", content=text))
    for file in _notebooks(config):
        body, figures = _as_markdown(_with_outputs(file, config), file.stem)
        files.append(File.generated(config, _page_of(file), content=body))
        for name, content in figures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def _folder(config: Any) -> Path:
    return Path(config.config_file_path).parent / "notebooks"


def _notebooks(config: Any) -> list[Path]:
    return sorted(_folder(config).glob("*.ipynb"))


def _page_of(file: Path) -> str:
    return f"notebooks/{file.stem}.md"


def _read(file: Path) -> Any:
    return nbformat.read(file, as_version=4)


def _title(notebook: Any) -> str:
    """The first heading."""
    for cell in notebook.cells:
        heading = re.search(r"^# (.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            return heading[1].strip()
    raise PluginError("A notebook begins with a heading: # Title")


def _with_outputs(file: Path, config: Any) -> Any:
    """The executed notebook, from the folder of kept ones if it is there."""
    notebook = _read(file)
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    digest = hashlib.sha256(repr(cells).encode()).hexdigest()[:16]
    kept = _folder(config).parent / ".notebook_cache" / f"{file.stem}-{digest}.ipynb"
    if kept.is_file():
        return _read(kept)
    if os.environ.get("NOTEBOOKS") == "no":
        log.info(f"{file.name} is shown without outputs")
        return notebook
    log.info(f"Executing {file.name}")
    execute = runpy.run_path(str(file.with_name("execute.py")))["execute"]
    try:
        notebook = execute(file, {})
    except CellExecutionError as error:
        raise PluginError(f"{file.name} cannot be executed: {error}") from error
    kept.parent.mkdir(exist_ok=True)
    unfinished = kept.with_suffix(".partial")
    nbformat.write(notebook, unfinished)
    unfinished.replace(kept)
    return notebook


class _OutputsToRead(Preprocessor):
    """Leaves out progress, and warnings on stderr."""

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        del index
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if self._is_shown(output)]
        return cell, resources

    def _is_shown(self, output: Any) -> bool:
        if output.output_type == "stream":
            return output.name == "stdout"
        return "<progress" not in output.get("data", {}).get("text/html", "")


def _as_markdown(notebook: Any, name: str) -> tuple[str, dict[str, bytes]]:
    """Markdown of a notebook and the figures in it, by file name."""
    exporter = MarkdownExporter(preprocessors=[_OutputsToRead])
    exporter.raw_template = _TEMPLATE
    body, resources = exporter.from_notebook_node(
        notebook, resources={"unique_key": name, "output_files_dir": f"{name}_figures"}
    )
    # What pandas styles its tables with is for notebooks.
    body = re.sub(r"<style scoped>.*?</style>\s*", "", body, flags=re.DOTALL)
    return body, dict(resources.get("outputs", {}))
