"""MkDocs hook: pages whose text lives elsewhere in the repository, and links between the two.

Files at the root of the repository are read there as well as on the site, so their text stands in
one place. Links are written as the repository needs them, and are made to fit the site here.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

# Page of the site -> file at the root of the repository.
ROOT_PAGES = {
    "changelog.md": "CHANGELOG.md",
    "development/contributing.md": "CONTRIBUTING.md",
    "development/architecture.md": "ARCHITECTURE.md",
}
# Names every feature, and should not be what a search finds first.
_HEADERS = {"changelog.md": "---\nsearch:\n  boost: 0.2\n---\n\n"}
# File of the repository -> the page that stands for it.
_PAGE_OF = {file: page for page, file in ROOT_PAGES.items()} | {"README.md": "index.md"}

# Made by other hooks, from folders that are not in docs.
_SOURCES = ROOT_PAGES | {"notebooks/index.md": "notebooks/README.md"}

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")
_ITEM = re.compile(r"([-*]|\d+\.) ")
_ROW = re.compile(r"\|")


def on_files(files: Any, config: Any) -> Any:
    """Adds the files at the root as pages."""
    root = _root(config)
    for page, name in ROOT_PAGES.items():
        content = _HEADERS.get(page, "") + (root / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turns links to files of the repository into links to pages, or into plain text."""
    here = page.file.src_uri
    source = _SOURCES.get(here, f"docs/{here}")

    def fit(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
        in_docs = target.removeprefix("docs/") if target.startswith("docs/") else None
        notebook = target.replace(".ipynb", ".md") if target.endswith(".ipynb") else None
        destination = _PAGE_OF.get(target, in_docs or notebook)
        if destination is not None and files.get_file_from_path(destination) is not None:
            path = posixpath.relpath(destination, posixpath.dirname(here) or ".")
            return f"[{link['text']}]({path}{link['anchor'] or ''})"
        if (_root(config) / target).exists():  # code and tests are not on the site
            text = link["text"]
            return text if text.startswith("`") else f"`{text}`"
        return link[0]  # a dead link, which --strict reports

    return _LINK.sub(fit, _with_blocks_apart(markdown))


def _with_blocks_apart(markdown: str) -> str:
    """A blank line before each list and table, without which this Markdown sees none."""
    lines: list[str] = []
    in_code, before = False, ""
    for line in markdown.splitlines():
        in_code ^= line.lstrip().startswith("```")
        after_text = before and not re.match(r"[\s#]", before)
        begins = any(block.match(line) and not block.match(before) for block in (_ITEM, _ROW))
        if begins and after_text and not in_code:
            lines.append("")
        lines.append(line)
        before = line
    return "\n".join(lines)


def _root(config: Any) -> Path:
    return Path(config.config_file_path).parent
