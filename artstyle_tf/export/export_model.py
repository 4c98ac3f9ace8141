"""export-model: export a finished run for TensorFlow Serving and other runtimes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.export.export_table import ExportTable
from artstyle_tf.export.formats.export_format import load_format
from artstyle_tf.export.formats.registry import check_formats
from artstyle_tf.export.measured_differences import (
    describe_differences,
    measure_differences,
)
from artstyle_tf.export.model_card import model_card
from artstyle_tf.export.model_facts import collect_model_facts
from artstyle_tf.export.saved_model import write_saved_model
from artstyle_tf.export.serving_kit import check_model_name, write_serving_instructions
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.images.index.image_tables import csv_text
from artstyle_tf.runs.labeled_images import read_own_images
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_finding import find_run
from artstyle_tf.runs.served_run import ServedRun, load_served_run
from artstyle_tf.system.files import must_stay, write_text
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.partial_folders import remove_abandoned_files
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph, freeze


def run(config: ExportExperiment, invocation: Invocation) -> dict[str, Any]:
    """Write the SavedModel, the serving kit, other formats and the model card."""
    run_directory = find_run(config.run, config.outputs, purpose="exported")
    with must_stay(run_directory.path, run_directory.config_file):
        return _export(config, run_directory, invocation)


def _export(
    config: ExportExperiment, run_directory: RunDirectory, invocation: Invocation
) -> dict[str, Any]:
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    folder = _folder(config, run_directory)
    names = check_formats(config.formats)
    # Whatever may be missing is checked before anything is written.
    facts = collect_model_facts(run_directory, config)
    check_model_name(run_directory.path.name)
    served = load_served_run(run_directory)
    remove_abandoned_files(folder)
    with stopwatch.stage("saved_model"):
        reporter.info("Writing the SavedModel")
        frozen = freeze(served.network, served.output_names)
        saved_model = write_saved_model(
            served, frozen, folder / "saved_model", max_pixels=config.max_pixels
        )
    with stopwatch.stage("differences"):
        reporter.info("Comparing predictions for raw and prepared files")
        differences = measure_differences(served, run_directory, saved_model)
    serving = write_serving_instructions(
        folder,
        saved_model,
        model_name=served.name,
        differences=describe_differences(differences),
    )
    table = pd.DataFrame()
    if names:
        with stopwatch.stage("formats"):
            formats = _open_table(config, run_directory, served, invocation)
            formats.add_saved_model(saved_model)
            _write_formats(names, config, run_directory, formats, frozen, folder)
            table = formats.table(num_rounds=config.num_timing_rounds)
        write_text(folder / "formats.csv", csv_text(table))
    card = folder / "README.md"
    write_text(card, model_card(facts, table))
    return {
        "run": str(run_directory.path),
        "saved_model": str(saved_model),
        "serving": str(serving),
        "model_card": str(card),
        "max_pixels": config.max_pixels,
        "differences": differences
        if isinstance(differences, str)
        else differences.to_dict(orient="records"),
        "formats": table.astype(object).where(table.notna(), None).to_dict(orient="records"),
        "rejected": [] if table.empty else table["format"][table["rejected"].notna()].tolist(),
        "seconds": stopwatch.seconds(),
    }


def plan(config: ExportExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check the run and the formats; write nothing."""
    del invocation  # other verbs need it here
    run_directory = find_run(config.run, config.outputs, purpose="exported")
    names = check_formats(config.formats)
    collect_model_facts(run_directory, config)
    return {
        "dry_run": True,
        "run": str(run_directory.path),
        "would_write": ["saved_model", *names],
        "export": str(_folder(config, run_directory)),
    }


def summarize(result: dict[str, Any]) -> str:
    """Format the result as text."""
    lines = []
    if result["formats"]:
        lines += [pd.DataFrame(result["formats"]).to_string(index=False, na_rep=""), ""]
    return "\n".join(
        [
            *lines,
            f"SavedModel: {result['saved_model']}",
            f"Serve it:   {result['serving']}/README.md",
            f"Model card: {result['model_card']}",
        ]
    )


def _folder(config: ExportExperiment, run_directory: RunDirectory) -> Path:
    home = run_directory
    if config.outputs is not None:
        home = run_directory.moved_to(Path(config.outputs))
    return home.path / "export"


def _open_table(
    config: ExportExperiment,
    run_directory: RunDirectory,
    served: ServedRun,
    invocation: Invocation,
) -> ExportTable:
    invocation.reporter.info("Predicting the validation images with Keras, as the reference")
    table = ExportTable(
        served,
        read_own_images(run_directory, "val"),
        max_macro_f1_drop=config.max_macro_f1_drop,
        reporter=invocation.reporter,
    )
    table.add_model_file(run_directory.model_file)
    return table


def _write_formats(
    names: Sequence[str],
    config: ExportExperiment,
    run_directory: RunDirectory,
    table: ExportTable,
    frozen: FrozenGraph,
    folder: Path,
) -> None:
    drawn = read_own_images(
        run_directory, "train", most=config.num_calibration_images, seed=config.seed
    ).images

    def training_images() -> Iterator[np.ndarray]:
        return (image.astype(np.float32) for image in drawn)

    for name in names:
        table.add_format(name, load_format(name), frozen, folder / name, training_images)
