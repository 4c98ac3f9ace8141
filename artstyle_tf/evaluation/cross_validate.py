"""cross-validate: estimate scores on new images, and on new groups such as artists."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.evaluation.fold_images import (
    check_divisible,
    clusters_of,
    folds_of,
    images_to_divide,
    report_unused_split,
    rows_before_preparation,
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
    FoldImages,
    FoldResult,
    divergence_named,
    load_fold_result,
    save_fold_result,
    train_fold,
)
from artstyle_tf.evaluation.settings import CrossValidationConfig
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import index_and_split, prepare
from artstyle_tf.images.split_images import read_splits
from artstyle_tf.images.splits.leaks import has_groups, suggest_groups, warn_about_turned
from artstyle_tf.plots.score_intervals import plot_fold_scores
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.runs.environment import describe_environment
from artstyle_tf.runs.run_creation import create_run_directory, plan_folds
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter
from artstyle_tf.training.evaluation import evaluate_probabilities, write_evaluation
from artstyle_tf.training.job import build_network


def run(config: TrainingExperiment, invocation: Invocation) -> dict[str, Any]:
    """Train on all folds of all schemes; return what --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    settings = config.cross_validation
    run_directory = plan_folds(config, invocation)
    index, images, schemes = _check(config, reporter)
    class_names = index.class_names
    with stopwatch.stage("preparation"):
        prepared = prepare(config.data, index, images, reporter)
    folded = images_to_divide(prepared, images, class_names, settings)
    clusters = {scheme: clusters_of(folded.rows, scheme) for scheme in schemes}
    # Again, because some images may have turned out to be unreadable.
    _check_folds(config, folded.rows, class_names, schemes)
    warn_about_turned(without_test(images, settings), reporter)
    if not invocation.resume:
        run_directory = create_run_directory(run_directory, overwrite=invocation.overwrite)
    with run_directory.running():
        run_directory.write_config(dump_yaml(config))
        run_directory.write_class_names(class_names)
        write_json(run_directory.environment_file, {**describe_environment(), "kind": config.kind})
        results = []
        for scheme in schemes:
            with stopwatch.stage(scheme):
                repeats = [
                    _train_folds(
                        config, scheme, repeat, clusters[scheme], folded, run_directory, invocation
                    )
                    for repeat in range(settings.repeats)
                ]
            results.append(pool(scheme, clusters[scheme], repeats))
        with stopwatch.stage("evaluation"):
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
            "unreadable": prepared.rejected.to_dict(orient="records"),
            "figures": str(run_directory.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(run_directory.metrics_file, result)
    return result


def plan(config: TrainingExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check names, images, groups and weights and return what `run` would do; writes nothing."""
    settings = config.cross_validation
    run_directory = plan_folds(config, invocation)
    index, images, schemes = _check(config, invocation.reporter)
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


def _check(
    config: TrainingExperiment, reporter: Reporter
) -> tuple[ImageIndex, pd.DataFrame, tuple[str, ...]]:
    """Index the images, choose the schemes, and check folds and network before preparation."""
    settings = config.cross_validation
    index, images = index_and_split(config.data, reporter)
    schemes = _choose_schemes(settings, index, reporter)
    report_unused_split(index, settings, reporter)
    _check_folds(config, rows_before_preparation(images, settings), index.class_names, schemes)
    build_network(config, num_classes=len(index.class_names))
    return index, images, schemes


def _choose_schemes(
    settings: CrossValidationConfig, index: ImageIndex, reporter: Reporter
) -> tuple[str, ...]:
    """Return the configured schemes; by default random folds, and group folds if there are any."""
    configured = settings.schemes
    if has_groups(index):
        return configured or ("random", "group")
    fix = suggest_groups(index, reporter)
    if "group" in (configured or ()):
        raise ArtstyleError(
            "There are no groups to make folds of",
            received="images that are each a group of their own",
            fix=fix,
        )
    return configured or ("random",)


def _check_folds(
    config: TrainingExperiment,
    rows: pd.DataFrame,
    class_names: Sequence[str],
    schemes: Sequence[str],
) -> None:
    settings = config.cross_validation
    check_divisible(
        config,
        rows,
        class_names,
        schemes=schemes,
        num_folds=settings.num_folds,
        repeats=settings.repeats,
    )


def _train_folds(
    config: TrainingExperiment,
    scheme: str,
    repeat: int,
    clusters: np.ndarray,
    images: FoldImages,
    run_directory: RunDirectory,
    invocation: Invocation,
) -> list[FoldResult]:
    """Train the folds of one repeat; those that an interrupted run has finished are read."""
    settings = config.cross_validation
    num_folds = settings.num_folds
    results = []
    for fold in folds_of(config, images, clusters, scheme, num_folds=num_folds, repeat=repeat):
        file = run_directory.path / "folds" / f"{fold.name}.npz"
        if not (invocation.resume and file.is_file()):
            of_repeat = f" of repeat {repeat + 1}" if settings.repeats > 1 else ""
            name = f"Fold {fold.number + 1} of {num_folds}{of_repeat}"
            invocation.reporter.info(
                f"{name}, {SCHEME_IN_WORDS[scheme]} "
                f"({invocation.stopwatch.elapsed:.0f} s after the start)"
            )
            seeded = config.model_copy(update={"seed": config.seed + repeat})
            home = RunDirectory(file.with_suffix(""), run_directory.figures)
            with divergence_named(name):
                result = train_fold(seeded, fold, images, home, invocation)
            save_fold_result(file, result)
            home.resume_file.unlink(missing_ok=True)
        results.append(load_fold_result(file, fold, num_classes=len(images.class_names)))
    return results


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
