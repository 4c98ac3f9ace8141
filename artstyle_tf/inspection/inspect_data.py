"""inspect-data: what is in a folder of images nobody has looked at, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.images.prepare_data import find_images
from artstyle_tf.inspection.all_findings import collect_findings, folds_in_words
from artstyle_tf.inspection.augmentation_preview import (
    AugmentationPreview,
    preview_augmentation,
)
from artstyle_tf.inspection.figures import draw_figures
from artstyle_tf.inspection.findings import SEVERITIES, those_to_fail_on
from artstyle_tf.inspection.inspection import Inspection, inspect
from artstyle_tf.inspection.places import plan_inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.survey import survey_images
from artstyle_tf.inspection.tables import write_tables
from artstyle_tf.runs.environment import describe_environment
from artstyle_tf.runs.run_creation import create_run_directory
from artstyle_tf.system.files import write_json
from artstyle_tf.system.invocation import Invocation


def run(config: InspectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Looks at every image once; returns the contract that --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    place = plan_inspection(config, invocation)
    with stopwatch.stage("index"):
        index = find_images(config.data, reporter, fewest_styles=1)
    place = create_run_directory(place, overwrite=invocation.overwrite)
    with place.running():
        place.write_config(dump_yaml(config))
        write_json(place.environment_file, {**describe_environment(), "kind": "inspection"})
        with stopwatch.stage("images"):
            survey = survey_images(
                index.images,
                root=index.root,
                num_workers=config.data.preparation_workers,
                reporter=reporter,
            )
        reporter.info("Comparing styles, looking for copies, groups and shortcuts.")
        with stopwatch.stage("analysis"):
            inspection = inspect(config, index, survey, reporter)
        with stopwatch.stage("augmentation"):
            preview = preview_augmentation(config, index, inspection)
        findings = collect_findings(config, index, inspection, preview)
        with stopwatch.stage("figures"):
            draw_figures(config, index.root, inspection, preview, place.figures, reporter)
        write_tables(place, inspection, preview)
        answer = {
            "run": str(place.path),
            "images": str(index.root),
            **_describe(inspection, preview),
            "findings": [finding.as_json() for finding in findings],
            "failed_on": those_to_fail_on(findings, config.fail_on),
            "figures": str(place.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(place.path / "summary.json", answer)
    return answer


def plan(config: InspectExperiment, invocation: Invocation) -> dict[str, Any]:
    """Lists the images and says what `run` would look at; writes nothing."""
    place = plan_inspection(config, invocation)
    index = find_images(config.data, invocation.reporter, fewest_styles=1)
    return {
        "dry_run": True,
        "run": str(place.path),
        "images": str(index.root),
        "num_images": len(index.images),
        "num_styles": len(index.class_names),
        "ignored": len(index.ignored),
    }


def summarize(result: dict[str, Any]) -> str:
    """The result as text."""
    styles = pd.DataFrame(result["styles"]).set_index("style").rename_axis(None)
    lines = [styles.to_string()]
    for severity in SEVERITIES:
        told = [finding for finding in result["findings"] if finding["severity"] == severity]
        if told:
            lines.append(f"\n{severity.capitalize()}s")
            lines += [f"- {finding['text']} [{finding['code']}]" for finding in told]
    shortcut = result["file_shortcut"]
    if shortcut is not None:
        low, high = shortcut["macro_f1_interval"]
        lines.append(
            f"\nStyle guessed from file properties alone: macro-F1 {shortcut['macro_f1']:.2f} "
            f"({low:.2f}-{high:.2f}), chance {shortcut['chance']:.2f}, {shortcut['folds']}."
        )
    lines += [
        "",
        f"Figures: {result['figures']}",
        f"Tables:  {result['run']} ({result['seconds']['total']:.0f} s)",
    ]
    if result["failed_on"]:
        lines.append(f"Failed, as asked with --fail-on: {', '.join(result['failed_on'])}")
    return "\n".join(lines)


def _describe(inspection: Inspection, preview: AugmentationPreview | None) -> dict[str, Any]:
    images, totals = inspection.images, inspection.counts.sum(axis=1)
    probe = inspection.probe
    codes = pd.concat([inspection.troubles["code"], _sets(inspection.copies)])
    return {
        "num_images": len(images),
        "num_styles": int(images["label"].nunique()),
        "styles": _styles(inspection),
        "imbalance": float(totals.max() / totals.min()),
        "num_groups": int(images["group"].nunique()) if inspection.has_groups else None,
        "guessed_group_pattern": inspection.guessed_pattern,
        "troubles": {str(code): int(count) for code, count in codes.value_counts().items()},
        "file_shortcut": None
        if probe is None
        else {
            "macro_f1": probe.macro_f1,
            "macro_f1_interval": probe.interval,
            "chance": probe.chance,
            "folds": folds_in_words(inspection),
        },
        "augmentation": None
        if preview is None
        else {
            "policy": preview.policy,
            "milliseconds": float(preview.cost["milliseconds"].iloc[-1]),
        },
    }


def _sets(copies: pd.DataFrame) -> pd.Series:
    return copies.drop_duplicates("set")["code"]


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
