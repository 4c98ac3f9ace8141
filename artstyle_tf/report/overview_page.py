"""The page that puts several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artstyle_tf.report.page import render_page
from artstyle_tf.report.run_facts import PART_OF_SPLIT, RunFacts
from artstyle_tf.report.run_page import KIND_IN_WORDS, Section
from artstyle_tf.report.sections.comparison import compared_models
from artstyle_tf.report.sections.disagreements import disagreements
from artstyle_tf.report.sections.recipes import recipes
from artstyle_tf.report.sections.styles_by_run import styles_by_run
from artstyle_tf.report.shelf import PictureShelf


def render_overview(
    name: str,
    runs: Sequence[RunFacts],
    links: Sequence[str],
    comparison: Mapping[str, Any] | None,
    why_not: str | None,
    shelf: PictureShelf,
) -> str:
    """Renders the page.

    Args:
        name: of the page.
        runs: two or more.
        links: to the report of each.
        comparison: as `compare` makes it; None if they cannot be compared.
        why_not: why they cannot.
        shelf: small pictures by their path.

    Returns:
        HTML.
    """
    sections = [
        Section("together", "Side by side", _together(runs, links, comparison, why_not)),
        Section("styles_by_run", "Style by style", styles_by_run(runs)),
        Section("disagreements", "Where they disagree", disagreements(runs)),
        Section("recipes", "What differs", recipes(runs)),
    ]
    context = {
        "title": name,
        "kind": f"{len(runs)} runs side by side",
        "made": "",
        "sections": [section for section in sections if section.content is not None],
    }
    return render_page("overview.html", shelf, context)


def _together(
    runs: Sequence[RunFacts],
    links: Sequence[str],
    comparison: Mapping[str, Any] | None,
    why_not: str | None,
) -> dict[str, Any]:
    tables = []
    if comparison is not None:
        tables = [
            compared_models({**comparison, "name": ""}, part)
            for part in reversed(PART_OF_SPLIT.values())
            if part in comparison["verdicts"]
        ]
    return {
        "tables": tables,
        "why_not": why_not,
        "runs": [
            {
                "name": facts.name,
                "link": link,
                "kind": KIND_IN_WORDS[facts.kind].lower(),
                "part": facts.judged.part,
                "macro_f1": float(facts.scores["macro_f1"]),
                "interval": facts.interval("macro_f1"),
                "num_pictures": len(facts.judged),
            }
            for facts, link in zip(runs, links, strict=True)
        ],
    }
