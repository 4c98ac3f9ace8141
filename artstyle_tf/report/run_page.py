"""The page of one run: which sections it has, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artstyle_tf.report.page import render_page
from artstyle_tf.report.run_facts import Atlas, FurtherResults, NeighborRow, RunFacts
from artstyle_tf.report.sections.atlas import atlas
from artstyle_tf.report.sections.comparison import comparison
from artstyle_tf.report.sections.configuration import configuration
from artstyle_tf.report.sections.data import data
from artstyle_tf.report.sections.evaluation import evaluation
from artstyle_tf.report.sections.mistakes import mistakes
from artstyle_tf.report.sections.neighbors import neighbors
from artstyle_tf.report.sections.next_steps import next_steps
from artstyle_tf.report.sections.serving import serving
from artstyle_tf.report.sections.summary import summary
from artstyle_tf.report.sections.training import training
from artstyle_tf.report.sections.tuning import tuning
from artstyle_tf.report.shelf import ImageShelf

LARGE, HEAT = "large:", "heat:"
"""Before the path of an image: keys of the shelf for a larger one, and for where a run looks."""

KIND_IN_WORDS = {"direct": "Classifier", "triplet": "Embedding"}


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        name: of its template, and of its anchor.
        title: its heading.
        content: what its template needs; None if it has nothing to show.
    """

    name: str
    title: str
    content: dict[str, Any] | None


def render_run_page(
    facts: RunFacts,
    further: FurtherResults,
    shelf: ImageShelf,
    *,
    points: Atlas | None,
    near: Sequence[NeighborRow],
    max_mistakes: int,
) -> str:
    """Renders the report of a run; sections without results are left out.

    Args:
        facts: of the run.
        further: what was found out later.
        shelf: small images by their path, and some with `LARGE` or `HEAT` before it.
        points: of the atlas.
        near: images with their neighbors.
        max_mistakes: images in the gallery of mistakes.

    Returns:
        HTML.
    """
    names = list(facts.class_names)
    sections = [
        Section("summary", "Summary", summary(facts, next_steps(facts, further))),
        Section("evaluation", "Evaluation", evaluation(facts, further)),
        Section("mistakes", "Mistakes", mistakes(facts, most=max_mistakes)),
        Section("neighbors", "Nearest neighbors", neighbors(near)),
        Section("atlas", "Atlas", atlas(points, names, shelf)),
        Section("data", "Data", data(facts, further, shelf)),
        Section("training", "Training", training(facts)),
        Section("tuning", "Tuning", tuning(further.tuning)),
        Section("comparison", "Comparison", comparison(further.comparisons, facts.name)),
        Section("configuration", "Configuration", configuration(facts)),
        Section("serving", "Use and export", serving(facts, further)),
    ]
    context = {
        "title": facts.name,
        "kind": KIND_IN_WORDS[facts.kind],
        "made": str(facts.times.get("changed", ""))[:16].replace("T", ", "),
        "sections": [section for section in sections if section.content is not None],
        "class_names": names,
        "judged": _judged_images(facts, shelf),
    }
    return render_page("run.html", shelf, context)


def _judged_images(facts: RunFacts, shelf: ImageShelf) -> list[list[Any]]:
    """What a click on the confusion matrix shows: style, prediction, confidence, image, path."""
    names = {name: number for number, name in enumerate(facts.class_names)}
    shown = facts.judged.predictions.sort_values("confidence", ascending=False, kind="stable")
    return [
        [
            names[label],
            names[prediction],
            round(float(confidence), 3),
            shelf.number(path),
            path,
        ]
        for label, prediction, confidence, path in zip(
            shown["label"], shown["prediction"], shown["confidence"], shown["path"], strict=True
        )
    ]
