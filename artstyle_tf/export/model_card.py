"""The page that goes with a model: what it is, how good, for what, and for what not.

Source: Mitchell et al. 2019, arXiv:1810.03993 (model cards); the YAML header is that of the Hugging
Face Hub (huggingface.co/docs/hub/model-cards).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from artstyle_tf.system.files import yaml_text
from artstyle_tf.system.markdown import markdown_table, markdown_text

_SHOWN = ("macro_f1", "accuracy", "macro_precision", "macro_recall", "expected_calibration_error")


@dataclass(frozen=True)
class ModelFacts:
    """What a card says; nothing in it is made up.

    Attributes:
        name: of the run.
        is_embedding: whether it answers by neighbors.
        class_names: C names.
        architecture: e.g. "efficientnet_v2_b0, style head".
        image_size_px: side of the images it looks at.
        images: number of images by class (rows) and split (columns).
        results: metrics.json of the run.
        cross_validation: metrics.json of a cross-validation of the same kind; None if there is
            none.
        environment: environment.json of the run.
        license: of the model; None if the user has not said.
    """

    name: str
    is_embedding: bool
    class_names: Sequence[str]
    architecture: str
    image_size_px: int
    images: pd.DataFrame
    results: Mapping[str, Any]
    cross_validation: Mapping[str, Any] | None
    environment: Mapping[str, Any]
    license: str | None


def model_card(facts: ModelFacts, formats: pd.DataFrame) -> str:
    """The card as Markdown with a YAML header.

    Args:
        facts: of the run.
        formats: rows of the table of formats; empty if only the SavedModel was written.
    """
    sections = [
        _header(facts),
        "# " + markdown_text(f"{facts.name}: art styles by {facts.architecture}"),
        _what(facts),
        "## How good it is",
        _scores(facts),
        _group_gap(facts),
        _baseline(facts),
        _reject_option(facts),
        "## What it has learned from",
        _data(facts),
        "## Intended use, and limits",
        _limits(facts),
    ]
    if not formats.empty:
        sections += ["## Formats", _formats(formats)]
    sections += ["## How it was made", _environment(facts)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _header(facts: ModelFacts) -> str:
    header: dict[str, Any] = {
        "library_name": "keras",
        "pipeline_tag": "image-feature-extraction"
        if facts.is_embedding
        else "image-classification",
        "tags": ["art", "art-style", "tensorflow", "keras"],
        "metrics": ["f1", "accuracy"],
    }
    if facts.license is not None:
        header["license"] = facts.license
    split, scores = _best_known(facts)
    header["model-index"] = [
        {
            "name": facts.name,
            "results": [
                {
                    "task": {"type": "image-classification", "name": "art styles"},
                    "dataset": {"name": "images of the user", "type": "private", "split": split},
                    "metrics": [
                        {"type": "f1", "name": "macro-F1", "value": round(scores["macro_f1"], 4)},
                        {"type": "accuracy", "value": round(scores["accuracy"], 4)},
                    ],
                }
            ],
        }
    ]
    return f"---\n{yaml_text(header)}---"


def _best_known(facts: ModelFacts) -> tuple[str, Mapping[str, float]]:
    split = "test" if "test" in facts.results else "validation"
    return split, facts.results[split]


def _what(facts: ModelFacts) -> str:
    how = (
        "It maps an image to a point on a sphere; images of a style lie together. An image's "
        "style is that of its nearest neighbors among the training images."
        if facts.is_embedding
        else "It says how probable each style is for an image."
    )
    names = markdown_text(", ".join(facts.class_names))
    return (
        f"{how} It knows {len(facts.class_names)} styles: {names}. Images "
        f"are resized to {facts.image_size_px} x {facts.image_size_px} pixels."
    )


def _scores(facts: ModelFacts) -> str:
    intervals = facts.results.get("intervals", {})
    splits = [name for name in ("test", "validation") if name in facts.results]
    rows = [
        {
            "score": metric.replace("_", " ").replace(" f1", "-F1"),
            **{
                split: _with_interval(
                    facts.results[split][metric], intervals.get(split, {}).get(metric)
                )
                for split in splits
            },
        }
        for metric in _SHOWN
        if metric in facts.results[splits[0]]
    ]
    told = "In brackets 95 % intervals over the images."
    if "test" not in splits:
        told += " The validation images have chosen the model, so these scores flatter it."
    return f"{_table(pd.DataFrame(rows))}\n\n{told}"


def _group_gap(facts: ModelFacts) -> str:
    folds = facts.cross_validation
    if folds is None:
        groups = int(facts.results.get("leaks", {}).get("group_across_splits", 0))
        known = f"{groups} groups (artists) have images in several splits. " if groups else ""
        return (
            f"{known}How much worse the model is on groups it has not seen was not measured; "
            "`scripts/cross_validate.py --group-pattern ...` says it."
        )
    kinds = {"random": "random folds", "group": "folds that leave out whole groups"}
    said = []
    for key, kind in kinds.items():
        if key in folds:
            scores = folds[key]
            score = _with_interval(scores["macro_f1"], scores["macro_f1_interval"])
            said.append(f"{kind}: macro-F1 {score}")
    gap = f" In short, {markdown_text(folds['gap']['verdict'])}." if folds.get("gap") else ""
    return f"Cross-validation of the same recipe: {'; '.join(said)}.{gap}"


def _baseline(facts: ModelFacts) -> str:
    split, _ = _best_known(facts)
    baseline = facts.results.get("baseline", {}).get(split)
    if baseline is None:
        return "The run was made before runs were compared with a baseline."
    return (
        "Beside it, logistic regression on the frozen network reaches macro-F1 "
        f"{baseline['macro_f1']:.3f} ({split}): {markdown_text(baseline['verdict'])}."
    )


def _reject_option(facts: ModelFacts) -> str:
    calibration = facts.results.get("calibration")
    if calibration is None:
        return "The run was made before there was a threshold: every answer is given."
    accuracy = f"{calibration['target_accuracy']:.0%}"
    if calibration["threshold"] is None:
        reason = calibration.get("reason") or "no confidence is high enough on validation"
        said = markdown_text(reason)
        return f"No answer is `accepted`: an accuracy of {accuracy} cannot be claimed, {said}."
    return (
        f"Answers with a confidence of at least {calibration['threshold']:.2f} are `accepted`: "
        f"{calibration['coverage']:.0%} of the validation images, {accuracy} of them right."
    )


def _data(facts: ModelFacts) -> str:
    counts = facts.images
    kept = "are not part of the model"
    if facts.is_embedding:
        kept += ", but the embeddings and file names of the training images are"
    smallest = markdown_text(counts["train"].idxmin())
    table = _table(counts.reset_index(names="style"))
    return (
        f"{table}\n\nThe images are the user's own and {kept}. The smallest style, {smallest}, "
        f"has {counts['train'].min()} training images: expect most mistakes there."
    )


def _limits(facts: ModelFacts) -> str:
    return "\n".join(
        [
            "- For sorting and searching collections of images of these styles, with a person "
            "who looks at what the model is not sure of.",
            f"- Every image gets one of the {len(facts.class_names)} styles. It does not notice "
            "that an image is of another style, or no art at all.",
            "- It is no evidence of who made an image, of its date or its authenticity.",
            "- It has learned what these images have in common, which may be the artists, the "
            "scanner or the file format instead of the style.",
        ]
    )


def _formats(formats: pd.DataFrame) -> str:
    shown = formats if formats["refused"].notna().any() else formats.drop(columns="refused")
    return (
        f"{_table(shown)}\n\nSpeeds were measured side by side on one machine, in batches of 16; "
        "labels, differences between probabilities and macro-F1 are those of the validation "
        "images, compared with Keras."
    )


def _environment(facts: ModelFacts) -> str:
    environment = facts.environment
    packages = environment.get("packages", {})
    shown = ("tensorflow", "keras", "numpy")
    versions = "".join(f"{name} {packages[name]}, " for name in shown if name in packages)
    own = environment.get("artstyle_tf", "of an unknown version")
    return f"artstyle_tf {own}, {versions}seed {environment.get('seed', 'unknown')}."


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    if interval is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"


def _table(rows: pd.DataFrame) -> str:
    """A table in Markdown."""
    cells = [[_cell(value) for value in row] for row in rows.itertuples(index=False)]
    return markdown_table(list(map(str, rows.columns)), cells)


def _cell(value: Any) -> str:
    return "" if value is None or value != value else str(value)
