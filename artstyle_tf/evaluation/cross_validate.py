"""cross-validate: estimate scores on new images, and on new groups such as artists."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.evaluation.fold_images import (
    DividedImages,
    check_images,
    divide_images,
    folds_of,
    without_test,
)
from artstyle_tf.evaluation.fold_results import (
    SCHEME_IN_WORDS,
    SchemeResult,
    compare_schemes,
    describe_gap,
    fold_table,
    pool,
    scheme_column,
    summarize_scheme,
)
from artstyle_tf.evaluation.fold_training import (
    Fold,
    FoldImages,
    divergence_named,
    load_fold_result,
    save_fold_result,
    train_fold,
)
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.split_images import read_splits
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.score_intervals import plot_fold_scores
from artstyle_tf.runs.environment import describe_environment
from artstyle_tf.runs.run_creation import create_run_directory, plan_folds
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.training.evaluation import evaluate_probabilities, write_evaluation
from artstyle_tf.training.job import build_network


def run(config: TrainingExperiment, invocation: Invocation) -> dict[str, Any]:
    """Train on all folds of all schemes; return what --json prints."""
    run_directory = plan_folds(config, invocation)
    index, images, schemes = check_images(config, invocation.reporter)
    build_network(config, num_classes=len(index.class_names))
    divided = divide_images(config, index, images, schemes, invocation)
    if not invocation.resume:
        run_directory = create_run_directory(run_directory, overwrite=invocation.overwrite)
    return train_on_folds(config, divided, run_directory, invocation)


def train_on_folds(
    config: TrainingExperiment,
    divided: DividedImages,
    run_directory: RunDirectory,
    invocation: Invocation,
) -> dict[str, Any]:
    """Train on all folds, evaluate and write; folds that an interrupted run has finished are kept.

    Args:
        config: of the trainings.
        divided: the images, from `divide_images`.
        run_directory: of the cross-validation, which exists.
        invocation: options of the command.

    Returns:
        The content of metrics.json.
    """
    stopwatch, settings = invocation.stopwatch, config.cross_validation
    folded = divided.images
    with run_directory.running():
        run_directory.write_config(dump_yaml(config))
        run_directory.write_class_names(folded.class_names)
        write_json(run_directory.environment_file, {**describe_environment(), "kind": config.kind})
        for scheme in divided.clusters:
            with stopwatch.stage(scheme):
                for repeat in range(settings.repeats):
                    _train_folds(config, scheme, repeat, divided, run_directory, invocation)
        with stopwatch.stage("evaluation"):
            results = read_results(config, divided, run_directory)
            summaries = {
                result.scheme: summarize_scheme(result, folded.labels) for result in results
            }
            run_directory.write_table(
                run_directory.path / "folds.csv", fold_table(results, folded.rows)
            )
            save_figure(plot_fold_scores(summaries), run_directory.figures / "fold_scores.png")
            for of_scheme in results:
                _write_predictions(config, of_scheme, folded, run_directory)
        result = {
            "run": str(run_directory.path),
            "kind": config.kind,
            **summaries,
            "gap": _gap(results, folded.labels),
            "num_images": len(folded.rows),
            "num_folds": settings.num_folds,
            "num_repeats": settings.repeats,
            "unreadable": folded.prepared.rejected.to_dict(orient="records"),
            "figures": str(run_directory.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(run_directory.metrics_file, result)
    return result


def read_results(
    config: TrainingExperiment, divided: DividedImages, run_directory: RunDirectory
) -> list[SchemeResult]:
    """Return the pooled predictions of each scheme from the files of the folds, all finished.

    Raises:
        ArtstyleError: if a file is missing or damaged.
    """
    num_classes = len(divided.images.class_names)
    results = []
    for scheme, clusters in divided.clusters.items():
        repeats = [
            [
                load_fold_result(_fold_file(run_directory, fold), fold, num_classes=num_classes)
                for fold in _folds(config, scheme, repeat, divided)
            ]
            for repeat in range(config.cross_validation.repeats)
        ]
        results.append(pool(scheme, clusters, repeats))
    return results


def plan(config: TrainingExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check names, images, groups and weights and return what `run` would do; writes nothing."""
    settings = config.cross_validation
    run_directory = plan_folds(config, invocation)
    index, images, schemes = check_images(config, invocation.reporter)
    build_network(config, num_classes=len(index.class_names))
    return {
        "dry_run": True,
        "run": str(run_directory.path),
        "classes": list(index.class_names),
        "num_images": len(without_test(images, settings)),
        "num_groups": int(index.images["group"].nunique()),
        "schemes": list(schemes),
        "trainings": len(schemes) * settings.repeats * settings.num_folds,
    }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    known = {scheme: words for scheme, words in SCHEME_IN_WORDS.items() if scheme in result}
    columns = {words: scheme_column(result[scheme]) for scheme, words in known.items()}
    lines = [pd.DataFrame(columns).to_string()]
    for scheme, words in known.items():
        lines.append(f"{_sentence(words)}: {result[scheme]['baseline']['verdict']}.")
    if result["gap"] is not None:
        lines.append(f"{_sentence(result['gap']['verdict'])}.")
    times = f", {result['num_repeats']} times" if result["num_repeats"] > 1 else ""
    lines += [
        f"Images:   {result['num_images']}, each predicted by a network that was not trained on it"
        + times,
        f"Figures:  {result['figures']}",
        f"Results:  {result['run']} ({result['seconds']['total']:.0f} s)",
    ]
    return "\n".join(lines)


def _train_folds(
    config: TrainingExperiment,
    scheme: str,
    repeat: int,
    divided: DividedImages,
    run_directory: RunDirectory,
    invocation: Invocation,
) -> None:
    """Train the folds of one repeat, except those that an interrupted run has finished."""
    settings = config.cross_validation
    for fold in _folds(config, scheme, repeat, divided):
        file = _fold_file(run_directory, fold)
        if invocation.resume and file.is_file():
            continue
        of_repeat = f" of repeat {repeat + 1}" if settings.repeats > 1 else ""
        name = f"Fold {fold.number + 1} of {settings.num_folds}{of_repeat}"
        invocation.reporter.info(
            f"{name}, {SCHEME_IN_WORDS[scheme]} "
            f"({invocation.stopwatch.elapsed:.0f} s after the start)"
        )
        seeded = config.model_copy(update={"seed": config.seed + repeat})
        home = RunDirectory(file.with_suffix(""), run_directory.figures)
        with divergence_named(name):
            result = train_fold(seeded, fold, divided.images, home, invocation)
        save_fold_result(file, result)
        home.resume_file.unlink(missing_ok=True)


def _folds(
    config: TrainingExperiment, scheme: str, repeat: int, divided: DividedImages
) -> Iterator[Fold]:
    return folds_of(
        config,
        divided.images,
        divided.clusters[scheme],
        scheme,
        num_folds=config.cross_validation.num_folds,
        repeat=repeat,
    )


def _fold_file(run_directory: RunDirectory, fold: Fold) -> Path:
    return run_directory.path / "folds" / f"{fold.name}.npz"


def _gap(results: Sequence[SchemeResult], labels: np.ndarray) -> dict[str, Any] | None:
    by_scheme = {result.scheme: result for result in results}
    if set(by_scheme) != {"random", "group"}:
        return None
    gap = compare_schemes(by_scheme["random"], by_scheme["group"], labels)
    return {**dataclasses.asdict(gap), "verdict": describe_gap(gap)}


def _write_predictions(
    config: TrainingExperiment,
    result: SchemeResult,
    folded: FoldImages,
    run_directory: RunDirectory,
) -> None:
    """Write tables and figures of the first repeat, as for every evaluation."""
    prepared, class_names = folded.prepared, folded.class_names
    pooled = PreparedImages(prepared.root, folded.rows.assign(split="test"), prepared.rejected)
    (images,) = read_splits(
        pooled, class_names, config.data, image_size_px=config.model.image_size_px
    ).values()
    evaluation = evaluate_probabilities(
        result.probabilities[0], images, class_names, accepted=result.is_accepted[0]
    )
    write_evaluation(
        evaluation,
        images,
        class_names,
        folder=run_directory.path / result.scheme,
        figures=run_directory.figures / result.scheme,
        title=f"{run_directory.path.name}: {SCHEME_IN_WORDS[result.scheme]}",
    )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]
