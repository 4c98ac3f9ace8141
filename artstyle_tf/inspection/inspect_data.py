"""The inspect-data job: what is in a folder of images, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.images.prepare_data import find_images
from artstyle_tf.inspection.all_findings import collect_findings
from artstyle_tf.inspection.augmentation_preview import AugmentationPreview, preview_augmentation
from artstyle_tf.inspection.figures import draw_figures
from artstyle_tf.inspection.findings import SEVERITIES, those_to_fail_on
from artstyle_tf.inspection.inspection import Inspection, inspect
from artstyle_tf.inspection.run_planning import plan_inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.survey import MEASURES, survey_images
from artstyle_tf.runs.environment import describe_environment
from artstyle_tf.runs.run_creation import create_run_directory
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation

_SIZES = ("width_px", "height_px", "aspect", "megapixels", "bytes_per_pixel")
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def run(config: InspectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Inspect the images, write all results, and return the result that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    directory = plan_inspection(config, invocation)
    with stopwatch.stage("index"):
        index = find_images(config.data, reporter, fewest_styles=1)
    directory = create_run_directory(directory, overwrite=invocation.overwrite)
    with directory.running():
        directory.write_config(dump_yaml(config))
        write_json(directory.environment_file, {**describe_environment(), "kind": "inspection"})
        with stopwatch.stage("images"):
            survey = survey_images(
                index.images,
                root=index.root,
                num_workers=config.data.preparation_workers,
                reporter=reporter,
            )
        reporter.info("Comparing styles, searching for copies, groups and shortcuts.")
        with stopwatch.stage("analysis"):
            inspection = inspect(config, index, survey, reporter)
        with stopwatch.stage("augmentation"):
            preview = preview_augmentation(config, index, inspection)
        findings = collect_findings(config, index, inspection, preview)
        with stopwatch.stage("figures"):
            draw_figures(config, index.root, inspection, preview, directory.figures, reporter)
        _write_tables(directory, inspection, preview)
        result = {
            "run": str(directory.path),
            "images": str(index.root),
            **_describe(inspection, preview),
            "findings": [finding.as_json() for finding in findings],
            "failed_on": those_to_fail_on(findings, config.fail_on),
            "figures": str(directory.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(directory.path / "summary.json", result)
    return result


def plan(config: InspectExperiment, invocation: Invocation) -> dict[str, Any]:
    """List the images that `run` would inspect; write nothing."""
    directory = plan_inspection(config, invocation)
    index = find_images(config.data, invocation.reporter, fewest_styles=1)
    return {
        "dry_run": True,
        "run": str(directory.path),
        "images": str(index.root),
        "num_images": len(index.images),
        "num_styles": len(index.class_names),
        "ignored": len(index.ignored),
    }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    styles = pd.DataFrame(result["styles"]).set_index("style").rename_axis(None)
    lines = [styles.to_string()]
    for severity in SEVERITIES:
        listed = [finding for finding in result["findings"] if finding["severity"] == severity]
        if listed:
            lines.append(f"\n{severity.capitalize()}s")
            lines += [f"- {finding['text']} [{finding['code']}]" for finding in listed]
    shortcut = result["file_shortcut"]
    if shortcut is not None:
        low, high = shortcut["macro_f1_interval"]
        lines.append(
            f"\nStyle predicted from file properties alone: macro-F1 {shortcut['macro_f1']:.2f} "
            f"({low:.2f}-{high:.2f}), chance {shortcut['chance']:.2f}, {shortcut['folds']}."
        )
    lines += [
        "",
        f"Figures: {result['figures']}",
        f"Tables:  {result['run']} ({result['seconds']['total']:.0f} s)",
    ]
    if result["failed_on"]:
        lines.append(f"Failed because of --fail-on: {', '.join(result['failed_on'])}")
    return "\n".join(lines)


def _describe(inspection: Inspection, preview: AugmentationPreview | None) -> dict[str, Any]:
    images, totals = inspection.images, inspection.counts.sum(axis=1)
    sets_of_copies = inspection.copies.drop_duplicates("set")
    codes = pd.concat([inspection.problems["code"], sets_of_copies["code"]])
    result: dict[str, Any] = {
        "num_images": len(images),
        "num_styles": int(images["label"].nunique()),
        "styles": _styles(inspection),
        "imbalance": float(totals.max() / totals.min()),
        "num_groups": int(images["group"].nunique()) if inspection.has_groups else None,
        "guessed_group_pattern": inspection.guessed_pattern,
        "problems": {str(code): int(count) for code, count in codes.value_counts().items()},
        "file_shortcut": None,
        "augmentation": None,
    }
    if inspection.probe is not None:
        result["file_shortcut"] = {
            "macro_f1": inspection.probe.macro_f1,
            "macro_f1_interval": inspection.probe.interval,
            "chance": inspection.probe.chance,
            "folds": inspection.folds_in_words,
        }
    if preview is not None:
        milliseconds = float(preview.cost["milliseconds"].iloc[-1])
        result["augmentation"] = {"policy": preview.policy, "milliseconds": milliseconds}
    return result


def _styles(inspection: Inspection) -> list[dict[str, Any]]:
    groups = inspection.groups.set_index("label")
    rows = []
    for style, counts in inspection.counts.iterrows():
        row = {"style": str(style), **{str(split): int(count) for split, count in counts.items()}}
        row["readable"] = int((inspection.readable["label"] == style).sum())
        if inspection.has_groups:
            row["num_groups"] = int(groups.loc[style, "num_groups"])
            row["largest_share"] = round(float(groups.loc[style, "largest_share"]), 4)
        rows.append(row)
    return rows


def _write_tables(
    run: RunDirectory, inspection: Inspection, preview: AugmentationPreview | None
) -> None:
    """Write all tables as CSV files into the run's folder."""
    keys = ["label", "file_format", "mode", "color_profile"]
    tables = {
        "images": inspection.images,
        "class_counts": inspection.counts.rename_axis("label").reset_index(),
        "formats": inspection.readable.groupby(keys).size().rename("num_images").reset_index(),
        "measures": _measures(inspection.readable),
        "channel_densities": _densities(inspection.histograms),
        "style_tests": inspection.by_measure,
        "style_pairs": inspection.by_pair,
        "problems": inspection.problems,
        "copies": inspection.copies,
        "groups": inspection.groups,
        "training_groups": inspection.training_groups,
    }
    if inspection.probe is not None:
        tables["file_properties"] = inspection.probe.importances
    if preview is not None:
        tables["augmentation_counts"] = preview.counts.reset_index()
        tables["augmentation_cost"] = preview.cost
    for name, table in tables.items():
        run.write_table(run.path / f"{name}.csv", table)


def _measures(readable: pd.DataFrame) -> pd.DataFrame:
    """Compute mean, spread and quantiles: one row per style and measure."""
    values = readable[[*_SIZES, *MEASURES]]
    rows = []
    for label, of_style in values.groupby(readable["label"]):
        quantiles = of_style.quantile(list(_QUANTILES))
        for measure in of_style.columns:
            row = {"label": label, "measure": measure, "num_images": len(of_style)}
            row["mean"] = of_style[measure].mean()
            row["standard_deviation"] = of_style[measure].std()
            row.update({f"quantile_{100 * q:g}": quantiles.loc[q, measure] for q in _QUANTILES})
            rows.append(row)
    return pd.DataFrame(rows)


def _densities(histograms: dict[str, np.ndarray]) -> pd.DataFrame:
    """List the shares of three channels: one row per style and bin, with its levels."""
    rows = []
    for label, shares in histograms.items():
        width = 256 // shares.shape[1]
        for number, (red, green, blue) in enumerate(shares.T):
            rows.append((label, number * width, (number + 1) * width - 1, red, green, blue))
    columns = ["label", "first_level", "last_level", "red", "green", "blue"]
    return pd.DataFrame(rows, columns=columns)
