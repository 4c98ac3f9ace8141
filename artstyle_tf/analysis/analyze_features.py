"""analyze-features: analyze how well the features of a network separate the styles."""

from __future__ import annotations

from typing import Any

import pandas as pd

from artstyle_tf.analysis.analyzed_images import open_source, read_analyzed_images
from artstyle_tf.analysis.feature_classifiers import train_classifiers
from artstyle_tf.analysis.feature_extraction import OUTPUT, build_feature_network, extract_features
from artstyle_tf.analysis.image_analysis import analyze_images
from artstyle_tf.analysis.paths import (
    ANALYSIS_FILE,
    AnalysisOutputs,
    analysis_outputs,
    find_analyzed_run,
    plan_analysis,
)
from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.images.index.examples import examples
from artstyle_tf.images.prepare_data import count_splits
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.system.files import write_json, write_text
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter

CONFIG_FILE = "config.yaml"


def run(config: AnalyzeExperiment, invocation: Invocation) -> dict[str, Any]:
    """Extract features and analyze them; return what --json prints."""
    stopwatch, reporter = invocation.stopwatch, invocation.reporter
    folder, figures = plan_analysis(config)
    _warn_about_learned_features(config, reporter)
    with open_source(config, invocation) as source:
        network = build_feature_network(source.model, config.layer)
        shards = extract_features(
            source,
            network,
            root=analysis_outputs(config) / "features",
            batch_size=config.batch_size,
            invocation=invocation,
        )
        with stopwatch.stage("reading"):
            everything = read_analyzed_images(
                source,
                shards,
                network.groups,
                max_images=config.max_images,
                seed=config.seed,
                reporter=reporter,
            )
        write_text(folder / CONFIG_FILE, dump_yaml(config))
        # Augmented copies are only training data of the classifiers.
        images = everything.only(~everything.is_copy)
        outputs = AnalysisOutputs(folder, figures, f"{source.name}, {config.layer}")
        found = analyze_images(images, config, outputs, invocation)
        if config.classifiers is not None:
            with stopwatch.stage("classifiers"):
                found["classifiers"] = train_classifiers(
                    everything, config.classifiers, outputs, seed=config.seed, reporter=reporter
                )
        rejected = source.prepared.rejected.to_dict(orient="records")
        num_images = count_splits(images.rows)
    result = {
        "run": config.run,
        "backbone": config.backbone,
        "layer": config.layer,
        "dimension": int(images.features.shape[1]),
        "features": str(shards.folder),
        **found,
        "num_images": num_images,
        "unreadable": rejected,
        "results": str(folder),
        "figures": str(figures),
        "seconds": stopwatch.seconds(),
    }
    write_json(folder / ANALYSIS_FILE, result)
    return result


def plan(config: AnalyzeExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check network, layer and images and return what `run` would do; writes nothing."""
    folder, _ = plan_analysis(config)
    if find_analyzed_run(config) is None:
        return {
            "dry_run": True,
            "backbone": config.backbone,
            "would_write": str(folder),
        }
    with open_source(config, invocation) as source:
        network = build_feature_network(source.model, config.layer)
        return {
            "dry_run": True,
            "run": config.run,
            "layer": config.layer,
            "dimension": int(network.model.output_shape[-1]),
            "num_images": count_splits(source.prepared.manifest),
            "would_write": str(folder),
        }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    clusters, lines = result["clusters"], []
    if result.get("classifiers"):
        table = {name: _scores_in_brief(entry) for name, entry in result["classifiers"].items()}
        lines += [pd.DataFrame.from_dict(table, orient="index").to_string(na_rep="-"), ""]
    out_of_fold = result["out_of_fold"]
    if out_of_fold is not None:
        lines.append(
            f"Out of fold: macro-F1 {out_of_fold['macro_f1']:.3f}, logistic regression on the "
            "features"
        )
    else:
        lines.append("Left out:    all that needs folds: it takes two styles that folds can divide")
    if result["styles_left_out"] and out_of_fold is not None:
        lines.append(
            f"Left out:    {examples(result['styles_left_out'])}: too few images for folds, so "
            "that only maps and clusters show them"
        )
    if result["depths"] is not None:
        lines.append(f"Depths:      {result['depths']['verdict']}")
    for name, words in (("fitted", "training images"), ("held_out", "held-out images")):
        if clusters[name] is not None:
            lines.append(
                f"Clusters:    {clusters['num_clusters']}; adjusted Rand index "
                f"{clusters[name]['adjusted_rand_index']:.3f}, purity "
                f"{clusters[name]['purity']:.3f} ({words})"
            )
    num_errors = result["num_suspected_label_errors"]
    if num_errors is not None:
        lines.append(f"Labels:      {num_errors} suspected label errors, see label_errors.csv")
    lines += [
        f"Figures:     {result['figures']}",
        f"Results:     {result['results']} ({result['seconds']['total']:.0f} s)",
    ]
    lines += [f"Unreadable: {row['path']} ({row['reason']})" for row in result["unreadable"]]
    return "\n".join(lines)


def _warn_about_learned_features(config: AnalyzeExperiment, reporter: Reporter) -> None:
    """Warn that images out of fold need not be new to the network."""
    run_directory = find_analyzed_run(config)
    if run_directory is None or config.images is not None:
        return
    if config.layer == OUTPUT or read_run_config(run_directory).training.phases:
        reporter.warn(
            "The network was trained on its training images: out-of-fold predictions, label errors "
            "and clusters of training images are too optimistic. Use the results for held-out "
            "images, or --layer pooled of a run without phases."
        )


def _scores_in_brief(entry: dict[str, Any]) -> dict[str, str]:
    """Return a classifier's row of the printed table."""
    row = {"folds": f"{entry['fold_macro_f1']:.3f}"}
    for name in ("validation", "test"):
        if name in entry:
            low, high = entry["intervals"][name]["macro_f1"]
            row[name] = f"{entry[name]['macro_f1']:.3f} ({low:.3f}-{high:.3f})"
    row["seconds"] = f"{entry['search_seconds'] + entry['fit_seconds']:.0f}"
    return row
