"""Links in the Markdown files of the repository lead to existing files.

`make docs` checks those between the pages of the site, with their anchors.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import artstyle_tf

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "data").glob("*.md"), *DOCS.rglob("*.md")])
PAGES += sorted((ROOT / "notebooks").glob("*.md"))

# Pages that the build of the site makes from the code, and from files at the root.
GENERATED = re.compile(
    r"^(reference/settings/\w+|reference/command-line|development/\w+|changelog|notebooks/index)\.md$"
)


def links_of(page: Path) -> list[str]:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not target.startswith(("http:", "https:", "#"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    broken = []
    for target in links_of(page):
        file = (page.parent / target.partition("#")[0]).resolve()
        is_generated = file.is_relative_to(DOCS) and GENERATED.search(
            file.relative_to(DOCS).as_posix()
        )
        if not file.exists() and not is_generated:
            broken.append(target)
    assert broken == []


def test_every_public_name_is_in_the_reference_of_the_api():
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: artstyle_tf\.(?:api\.functions\.)?([\w.]+)$", page, re.MULTILINE)
    names = {name for name in dir(artstyle_tf) if not name.startswith("__")} - {"losses"}
    losses = {f"losses.{name}" for name in artstyle_tf.losses.__all__}
    assert sorted(shown) == sorted(names | losses)


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/-]+\.md", str(yaml.safe_load(text)["nav"])))
    assert {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} <= listed
