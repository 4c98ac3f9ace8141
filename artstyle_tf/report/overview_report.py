"""The page of several runs: read, compared, and put side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artstyle_tf.evaluation.compare import compare_contenders
from artstyle_tf.evaluation.contenders import read_contenders
from artstyle_tf.evaluation.settings import CompareExperiment
from artstyle_tf.images.reading.thumbnail_uris import thumbnail_uris
from artstyle_tf.report.page import render_page
from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.run_facts import PART_OF_SPLIT, RunFacts
from artstyle_tf.report.run_page import KIND_IN_WORDS, Section
from artstyle_tf.report.run_reading import read_run_facts
from artstyle_tf.report.sections.comparison import compared_models
from artstyle_tf.report.sections.disagreements import disagreements, shown_paths
from artstyle_tf.report.sections.recipes import recipes
from artstyle_tf.report.sections.styles_by_run import styles_by_run
from artstyle_tf.report.shelf import ImageShelf
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import Reporter

_SIDE_PX = 144


def write_overview(
    file: Path,
    runs: Sequence[RunDirectory],
    reports: Sequence[Path],
    reporter: Reporter,
) -> None:
    """Writes the page.

    Args:
        file: of the page.
        runs: two or more, finished.
        reports: of each, which the page links to.
        reporter: where progress goes.
    """
    facts = [read_run_facts(run) for run in runs]
    comparison, why_not = _compare(runs, reporter)
    paths = shown_paths(disagreements(facts))
    files = PreparedFiles(runs[0], facts[0])
    known = files.known(paths)
    made = thumbnail_uris([files.of(path) for path in known], _SIDE_PX, reporter)
    page = _render(
        file.parent.name,
        facts,
        [Path(os.path.relpath(report, file.parent)).as_posix() for report in reports],
        comparison,
        why_not,
        ImageShelf({path: uri for path, uri in zip(known, made, strict=True) if uri}),
    )
    write_text(file, page)


def _compare(
    runs: Sequence[RunDirectory], reporter: Reporter
) -> tuple[dict[str, Any] | None, str | None]:
    """The comparison, or why there is none: a page about runs of different images has its use."""
    config = CompareExperiment(runs=tuple(str(run.path) for run in runs), classifiers=())
    try:
        contenders = read_contenders(config, reporter, measure=False)
        return compare_contenders(contenders, reporter=reporter), None
    except ArtstyleError as error:
        return None, str(error)


def _render(
    name: str,
    runs: Sequence[RunFacts],
    links: Sequence[str],
    comparison: Mapping[str, Any] | None,
    why_not: str | None,
    shelf: ImageShelf,
) -> str:
    """Renders the page.

    Args:
        name: of the page.
        runs: two or more.
        links: to the report of each.
        comparison: as `compare` makes it; None if they cannot be compared.
        why_not: why they cannot.
        shelf: small images by their path.

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
                "num_images": len(facts.judged),
            }
            for facts, link in zip(runs, links, strict=True)
        ],
    }
