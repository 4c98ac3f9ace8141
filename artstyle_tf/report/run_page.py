"""Render the page of one run: its sections and their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artstyle_tf.report.page import PageImages, render_page
from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.report.sections.atlas import Atlas
from artstyle_tf.report.sections.atlas import atlas as embedding_map
from artstyle_tf.report.sections.comparison import comparison
from artstyle_tf.report.sections.configuration import configuration, serving
from artstyle_tf.report.sections.data import data
from artstyle_tf.report.sections.evaluation import evaluation
from artstyle_tf.report.sections.next_steps import next_steps
from artstyle_tf.report.sections.summary import mistakes, summary
from artstyle_tf.report.sections.training import training, tuning

LARGE, HEAT = "large:", "heat:"
"""Prefixes of image keys: the larger image, and its Grad-CAM overlay."""

KIND_IN_WORDS = {"direct": "Classifier", "triplet": "Embedding"}


class Section(NamedTuple):
    """A section of the page.

    Attributes:
        name: of its template and its anchor.
        title: its heading.
        content: variables of its template; None if it has nothing to show.
    """

    name: str
    title: str
    content: dict[str, Any] | None


def render_run_page(
    facts: RunFacts,
    related: RelatedResults,
    images: PageImages,
    *,
    atlas: Atlas | None,
    near: Sequence[dict[str, Any]],
    max_mistakes: int,
) -> str:
    """Render the report of a run as HTML; sections without results are left out.

    Args:
        facts: of the run.
        related: results that were computed later.
        images: small images by their path; larger ones and overlays by `LARGE` or `HEAT` + path.
        atlas: points of the embedding map.
        near: images with their neighbors: path, label, prediction, is_right and found, a list of
            path, label, distance and is_same.
        max_mistakes: misclassified images shown at most.
    """
    names = list(facts.class_names)
    sections = [
        Section("summary", "Summary", summary(facts, next_steps(facts, related))),
        Section("evaluation", "Evaluation", evaluation(facts, related)),
        Section("mistakes", "Misclassified images", mistakes(facts, most=max_mistakes)),
        Section("neighbors", "Nearest neighbors", {"rows": near} if near else None),
        Section("atlas", "Embedding map", embedding_map(atlas, names, images)),
        Section("data", "Dataset", data(facts, related, images)),
        Section("training", "Training", training(facts)),
        Section("tuning", "Hyperparameter tuning", tuning(related.tuning)),
        Section("comparison", "Model comparison", comparison(related.comparisons, facts.name)),
        Section("configuration", "Configuration", configuration(facts)),
        Section("serving", "Prediction and export", serving(facts, related)),
    ]
    context = {
        "title": facts.name,
        "kind": KIND_IN_WORDS[facts.kind],
        "created": str(facts.times.get("changed", ""))[:16].replace("T", ", "),
        "sections": [section for section in sections if section.content is not None],
        "class_names": names,
        "predictions": _predictions(facts, images),
    }
    return render_page("run.html", images, context)


def _predictions(facts: RunFacts, images: PageImages) -> list[list[Any]]:
    """Return label, prediction, confidence, image and path, for clicks on the confusion matrix."""
    numbers = {name: number for number, name in enumerate(facts.class_names)}
    rows = facts.evaluated.predictions.sort_values("confidence", ascending=False, kind="stable")
    columns = (rows[name] for name in ("label", "prediction", "confidence", "path"))
    return [
        [numbers[label], numbers[prediction], round(confidence, 3), images.number(path), path]
        for label, prediction, confidence, path in zip(*columns, strict=True)
    ]
