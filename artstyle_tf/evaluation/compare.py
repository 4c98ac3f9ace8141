"""compare: several models on the same images, with costs and statistical tests."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.evaluation.comparison_tables import (
    SCORES,
    comparison_csv,
    comparison_rows,
    latex_table,
)
from artstyle_tf.evaluation.contenders import (
    Contender,
    read_contenders,
    warn_about_known_images,
)
from artstyle_tf.evaluation.paths import COMPARISON_FILE, plan_comparison
from artstyle_tf.evaluation.settings import CompareExperiment
from artstyle_tf.images.index.image_tables import csv_text, examples
from artstyle_tf.metrics.classification import classification_summary, confusion_matrix
from artstyle_tf.metrics.comparison import compare_predictions, verdict
from artstyle_tf.metrics.exact_tests import SIGNIFICANCE, holm_adjusted
from artstyle_tf.metrics.uncertainty import classification_intervals
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.score_intervals import plot_score_intervals
from artstyle_tf.runs.run_directory import NAME_IN_RESULT
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json, write_text
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.markdown import markdown_table, markdown_text
from artstyle_tf.system.progress import Reporter


def run(config: CompareExperiment, invocation: Invocation) -> dict[str, Any]:
    """Score all models on the images they share; return what --json prints."""
    contenders = read_contenders(config, invocation.reporter)
    compared = compare_contenders(contenders, reporter=invocation.reporter)
    folder, figures = plan_comparison(config)
    result = {
        **compared,
        "results": str(folder),
        "figures": str(figures),
        "seconds": invocation.stopwatch.seconds(),
    }
    _write(result, folder, figures)
    return result


def compare_contenders(contenders: Sequence[Contender], *, reporter: Reporter) -> dict[str, Any]:
    """Score models on the images they share, and compare every two of them.

    Args:
        contenders: two or more.
        reporter: reports images that do not count.

    Returns:
        models, verdicts and num_images, as described in docs/reference/metrics.md.

    Raises:
        ArtstyleError: if they share no images.
    """
    shared = _shared_images(contenders, reporter)
    warn_about_known_images(shared, contenders, reporter)
    scored = {part: _score(table, contenders) for part, table in shared.items()}
    models = [
        {
            "name": contender.name,
            **{part: scores[contender.name][0] for part, scores in scored.items()},
            "intervals": {part: scores[contender.name][1] for part, scores in scored.items()},
            "training_seconds": contender.training_seconds,
            "milliseconds_per_image": round(contender.milliseconds, 3),
            "size_bytes": contender.size_bytes,
        }
        for contender in contenders
    ]
    return {
        "models": models,
        "verdicts": {part: _compare_pairs(table, contenders) for part, table in shared.items()},
        "num_images": {part: len(table) for part, table in shared.items()},
    }


def plan(config: CompareExperiment, invocation: Invocation) -> dict[str, Any]:
    """Read what would be compared; writes nothing."""
    contenders = read_contenders(config, invocation.reporter, measure=False)
    shared = _shared_images(contenders, invocation.reporter)
    return {
        "dry_run": True,
        "models": [contender.name for contender in contenders],
        "num_images": {part: len(table) for part, table in shared.items()},
        "would_write": str(plan_comparison(config)[0]),
    }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    lines = []
    for part, count in result["num_images"].items():
        heading, rows = comparison_rows(result["models"], part)
        table = pd.DataFrame(rows, columns=heading).set_index("model")
        lines += [f"{count} {part} images", table.T.to_string(), ""]
        lines += [_sentence(entry) for entry in result["verdicts"][part]] + [""]
    lines += [f"Figures: {result['figures']}", f"Results: {result['results']}"]
    return "\n".join(lines)


def _shared_images(contenders: Sequence[Contender], reporter: Reporter) -> dict[str, pd.DataFrame]:
    """Join the predictions of all models on the images that all were evaluated on.

    Returns:
        "validation" and "test", as far as there are such images -> columns path, label, and one
        a model with its predictions, named by the model.

    Raises:
        ArtstyleError: if there are none, or an image has different labels in two folders.
    """
    shared = {}
    for part in NAME_IN_RESULT.values():
        lacking = [each.name for each in contenders if part not in each.predictions]
        if lacking:
            if len(lacking) < len(contenders):
                reporter.warn(
                    f"No {part} images are compared: without predictions are {examples(lacking)}."
                )
            continue
        table = _joined(contenders, part)
        sizes = {each.name: len(each.predictions[part]) for each in contenders}
        if set(sizes.values()) != {len(table)}:
            counts = examples(f"{name} {size}" for name, size in sizes.items())
            reporter.warn(
                f"Only the {len(table)} {part} images that all models share count ({counts})."
            )
        if len(table):
            shared[part] = table
    if not shared:
        raise ArtstyleError(
            "The models were not evaluated on the same images",
            received=f"no image in common between {examples(each.name for each in contenders)}",
            expected="runs with the same data.images and the same split",
            fix="train them with the same data.split_file; split.csv of a run is one",
        )
    return shared


def _joined(contenders: Sequence[Contender], part: str) -> pd.DataFrame:
    first, *others = contenders
    table = first.predictions[part].rename(columns={"prediction": first.name})
    for other in others:
        theirs = other.predictions[part].rename(columns={"prediction": other.name})
        table = table.merge(theirs, on="path", suffixes=("", " of the other"))
        differs = table["label"] != table.pop("label of the other")
        if differs.any():
            raise ArtstyleError(
                f"{first.name} and {other.name} have different labels for the same images",
                received=examples(table.loc[differs, "path"]),
                fix="train both on the same folders",
            )
    return table


def _ids(table: pd.DataFrame, contenders: Sequence[Contender]) -> tuple[np.ndarray, list, int]:
    """Return labels int [N], predictions of each model int [N], and the number of classes."""
    columns = ["label", *(contender.name for contender in contenders)]
    names = np.unique(table[columns].to_numpy(dtype=str))
    labels, *predictions = (
        np.searchsorted(names, table[column].to_numpy(dtype=str)) for column in columns
    )
    return labels, predictions, len(names)


def _score(table: pd.DataFrame, contenders: Sequence[Contender]) -> dict[str, Any]:
    """Return name of the model -> its scores and their intervals."""
    labels, predictions, num_classes = _ids(table, contenders)
    scores = {}
    for contender, predicted in zip(contenders, predictions, strict=True):
        confusion = confusion_matrix(labels, predicted, num_classes=num_classes)
        scores[contender.name] = (
            classification_summary(labels, predicted, num_classes=num_classes),
            classification_intervals(confusion),
        )
    return scores


def _compare_pairs(table: pd.DataFrame, contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    """Compare every two models, with intervals and p-values adjusted for several pairs.

    Intervals are wider by Bonferroni's method: the chance of any false "is better" among all pairs
    stays at 5 %. p-values are adjusted by Holm's.
    """
    labels, predictions, num_classes = _ids(table, contenders)
    numbers = list(itertools.combinations(range(len(contenders)), 2))
    pairs = {}
    for one, other in numbers:
        names = (contenders[one].name, contenders[other].name)
        pairs[names] = compare_predictions(
            labels,
            predictions[one],
            predictions[other],
            num_classes=num_classes,
            level=1 - SIGNIFICANCE / len(numbers),
        )
    p_values = {" / ".join(names): pair.p_value for names, pair in pairs.items()}
    adjusted = holm_adjusted(p_values)
    return [
        {
            "pair": list(names),
            **dataclasses.asdict(pair),
            "adjusted_p_value": adjusted[" / ".join(names)],
            "verdict": verdict(pair, names, adjusted_p_value=adjusted[" / ".join(names)]),
        }
        for names, pair in pairs.items()
    ]


def _write(result: dict[str, Any], folder: Path, figures: Path) -> None:
    models = result["models"]
    page = ["# Comparison", ""]
    for part, count in result["num_images"].items():
        heading, rows = comparison_rows(models, part)
        page += [f"## {count} {part} images", "", markdown_table(heading, rows), ""]
        sentences = [markdown_text(_sentence(entry)) for entry in result["verdicts"][part]]
        page += [*(f"- {sentence}" for sentence in sentences), ""]
        write_text(folder / f"comparison_{part}.tex", latex_table(heading, rows))
        marks = {
            model["name"]: [
                (words, model[part][score], model["intervals"][part][score])
                for score, words in SCORES.items()
            ]
            for model in models
        }
        figure = plot_score_intervals(
            marks,
            xlabel="Score with 95 % interval",
            title=f"Comparison on the same {count} {part} images",
        )
        save_figure(figure, figures / f"comparison_{part}.png")
    page += [
        "In brackets: 95 % intervals, see docs/concepts/intervals.md. One model is called better",
        "only if the interval of the difference, which holds for all pairs at once (Bonferroni),",
        "and McNemar's exact test, adjusted by Holm's method, agree. The test counts",
        "single images and not styles. Training time: without image preparation; for a classifier",
        "of features, search and fit without the network. Time per image: forward pass in batches",
        "and postprocessing, without decoding.",
        "",
    ]
    write_text(folder / "comparison.md", "\n".join(page))
    write_text(folder / "comparison.csv", csv_text(comparison_csv(models)))
    write_json(folder / COMPARISON_FILE, result)


def _sentence(entry: dict[str, Any]) -> str:
    text = entry["verdict"]
    return f"{text[0].upper()}{text[1:]} (p = {entry['adjusted_p_value']:.3g}, adjusted)."
