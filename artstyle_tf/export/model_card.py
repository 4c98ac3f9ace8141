"""The model card: what a model is, how good it is, its intended use and its limits.

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
    """Contents of a model card.

    Attributes:
        name: of the run.
        is_embedding: whether it predicts by nearest neighbors.
        class_names: C names.
        architecture: e.g. "efficientnet_v2_b0, style head".
        image_size_px: side of the input images.
        images: number of images by class (rows) and split (columns).
        results: metrics.json of the run.
        cross_validation: metrics.json of a cross-validation of the same kind; None if there is
            none.
        environment: environment.json of the run.
        license: of the model; None if not given.
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
    """Format the card as Markdown with a YAML header.

    Args:
        facts: of the run.
        formats: rows of the table of formats; empty if only the SavedModel was written.
    """
    sections = [
        _header(facts),
        "# " + markdown_text(f"{facts.name}: art styles by {facts.architecture}"),
        _what(facts),
        "## Evaluation",
        _scores(facts),
        _group_gap(facts),
        _baseline(facts),
        _reject_option(facts),
        "## Training data",
        _data(facts),
        "## Intended use and limitations",
        _limits(facts),
    ]
    if not formats.empty:
        sections += ["## Formats", _formats(formats)]
    sections += ["## Training environment", _environment(facts)]
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
        "It maps an image to an embedding on the unit sphere and predicts the style by a vote of "
        "the nearest training images."
        if facts.is_embedding
        else "It predicts the probability of each style for an image."
    )
    names = markdown_text(", ".join(facts.class_names))
    return (
        f"{how} It was trained on {len(facts.class_names)} styles: {names}. Images "
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
    note = "95 % confidence intervals in parentheses."
    if "test" not in splits:
        note += (
            " The validation images were used to select the model, so these scores are optimistic."
        )
    return f"{_table(pd.DataFrame(rows))}\n\n{note}"


def _group_gap(facts: ModelFacts) -> str:
    folds = facts.cross_validation
    if folds is None:
        groups = int(facts.results.get("leaks", {}).get("group_across_splits", 0))
        known = f"{groups} groups (artists) have images in several splits. " if groups else ""
        return (
            f"{known}Performance on groups that are not in the training images was not measured; "
            "`scripts/cross_validate.py --group-pattern ...` measures it."
        )
    kinds = {"random": "random folds", "group": "folds with no group in two"}
    scores_by_kind = []
    for key, kind in kinds.items():
        if key in folds:
            scores = folds[key]
            score = _with_interval(scores["macro_f1"], scores["macro_f1_interval"])
            scores_by_kind.append(f"{kind}: macro-F1 {score}")
    gap = f" In short, {markdown_text(folds['gap']['verdict'])}." if folds.get("gap") else ""
    return f"Cross-validation of the same recipe: {'; '.join(scores_by_kind)}.{gap}"


def _baseline(facts: ModelFacts) -> str:
    split, _ = _best_known(facts)
    baseline = facts.results.get("baseline", {}).get(split)
    if baseline is None:
        return "This run has no baseline to compare with."
    return (
        "Baseline: logistic regression on the frozen features has macro-F1 "
        f"{baseline['macro_f1']:.3f} ({split}): {markdown_text(baseline['verdict'])}."
    )


def _reject_option(facts: ModelFacts) -> str:
    calibration = facts.results.get("calibration")
    if calibration is None:
        return "This run has no confidence threshold: every prediction counts as accepted."
    accuracy = f"{calibration['target_accuracy']:.0%}"
    if calibration["threshold"] is None:
        reason = calibration.get("reason") or "no confidence is high enough on validation"
        explained = markdown_text(reason)
        return (
            f"No prediction is `accepted`: an accuracy of {accuracy} cannot be guaranteed, "
            f"{explained}."
        )
    return (
        f"Predictions with a confidence of at least {calibration['threshold']:.2f} are `accepted`: "
        f"{calibration['coverage']:.0%} of the validation images, with an accuracy of {accuracy}."
    )


def _data(facts: ModelFacts) -> str:
    counts = facts.images
    contained = "are not part of the model"
    if facts.is_embedding:
        contained += ", but the embeddings and file names of the training images are"
    smallest = markdown_text(counts["train"].idxmin())
    table = _table(counts.reset_index(names="style"))
    return (
        f"{table}\n\nThe images are the user's own and {contained}. The smallest style, "
        f"{smallest}, has {counts['train'].min()} training images; expect most errors there."
    )


def _limits(facts: ModelFacts) -> str:
    return "\n".join(
        [
            "- Intended for sorting and searching image collections of these styles, with a person "
            "reviewing predictions of low confidence.",
            f"- Every image is assigned one of the {len(facts.class_names)} styles. The model does "
            "not detect images of other styles, or that are not art.",
            "- A prediction is no evidence of an image's author, date or authenticity.",
            "- The model may rely on what the training images of a style have in common besides "
            "the style: artists, scanners, file formats.",
        ]
    )


def _formats(formats: pd.DataFrame) -> str:
    shown = formats if formats["rejected"].notna().any() else formats.drop(columns="rejected")
    return (
        f"{_table(shown)}\n\nThroughput was measured in alternation on one machine, in batches of "
        "16. Labels, differences of probabilities and macro-F1 are for the validation images, "
        "compared with Keras."
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
    """Format rows as a Markdown table."""
    cells = [[_cell(value) for value in row] for row in rows.itertuples(index=False)]
    return markdown_table(list(map(str, rows.columns)), cells)


def _cell(value: Any) -> str:
    return "" if value is None or value != value else str(value)
