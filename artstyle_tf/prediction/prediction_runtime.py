"""Choose the runtime of a run: the fastest one whose predictions agree with Keras."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from artstyle_tf.export.formats.export_format import RunNetwork, load_format
from artstyle_tf.export.formats.registry import RUNTIMES, missing_packages, require_packages
from artstyle_tf.export.measurement import (
    compare_predictions,
    images_per_second,
    predict_all,
)
from artstyle_tf.prediction.run_graph import RUNTIMES_FOLDER, TENSORFLOW, open_graph
from artstyle_tf.prediction.settings import RuntimeName
from artstyle_tf.runs.labeled_images import read_own_images
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.served_run import ServedRun, keras_network
from artstyle_tf.system.content_cache import file_digest
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.threads import usable_cores
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph

_LEAST_AGREEMENT = 0.999

# The choice takes about a minute, once per run: for fewer images that does not pay off.
_FEWEST_IMAGES = 300

_NUM_ROUNDS = 3


def open_runtime(
    run: ServedRun,
    run_directory: RunDirectory,
    choice: RuntimeName,
    *,
    num_images: int,
    reporter: Reporter,
) -> tuple[str, RunNetwork]:
    """Open a run's network in a runtime.

    Args:
        run: the run.
        run_directory: of the run; converted networks and the choice are stored in it.
        choice: of the user; "auto" for the fastest.
        num_images: number of images to predict; few do not justify a comparison.
        reporter: receives the choice and its reason.

    Returns:
        Name of the runtime, and the network in it.

    Raises:
        ArtstyleError: if a runtime was chosen by name and is not installed.
    """
    frozen = open_graph(run, run_directory)
    folder = run_directory.path / RUNTIMES_FOLDER
    if choice == "auto":
        name = _known_choice(run_directory, folder)
        if name is None and num_images >= _FEWEST_IMAGES:
            name = _choose(run, run_directory, frozen, folder, reporter)
        name = name or TENSORFLOW
    else:
        name = choice
    return name, _open(name, frozen, folder)


def _open(name: str, frozen: FrozenGraph, folder: Path) -> RunNetwork:
    if name == TENSORFLOW:
        return frozen
    require_packages(name)
    form = load_format(name)
    stored = folder / name
    file = next((file for file in stored.glob("model.*") if file.suffix != ".bin"), None)
    if file is None:
        stored.mkdir(parents=True, exist_ok=True)
        file = form.write(frozen.inlined(), stored, lambda: ())
    return form.open(file)


def _choose(
    run: ServedRun,
    run_directory: RunDirectory,
    frozen: FrozenGraph,
    folder: Path,
    reporter: Reporter,
) -> str | None:
    """Compare the installed runtimes on the validation images; return None if there are none."""
    try:
        validation = read_own_images(run_directory, "val")
    except ArtstyleError as error:
        reporter.info(f"Using TensorFlow; faster runtimes cannot be compared: {error}")
        return None
    names = [name for name in RUNTIMES if not missing_packages(name)]
    reporter.info(f"Comparing the runtimes {', '.join([TENSORFLOW, *names])}, once for this run")
    networks: dict[str, RunNetwork] = {TENSORFLOW: frozen}
    for name in names:
        try:
            networks[name] = _open(name, frozen, folder)
        except Exception as error:  # a converter can fail in many ways, and TensorFlow still works
            reporter.info(f"{name} cannot run this network: {str(error).splitlines()[0][:200]}")
    expected = predict_all(run.predicting_with(keras_network(run.network)), validation.images)
    agreements = {
        name: compare_predictions(
            predict_all(run.predicting_with(network), validation.images),
            expected,
            validation.labels,
        )
        for name, network in networks.items()
    }
    agreeing = {
        name: networks[name]
        for name, agreement in agreements.items()
        if agreement.labels >= _LEAST_AGREEMENT
    }
    speeds = images_per_second(
        {name: run.predicting_with(network) for name, network in agreeing.items()},
        validation.images,
        num_rounds=_NUM_ROUNDS,
    )
    fastest = max(speeds, key=lambda name: speeds[name])
    for name, agreement in agreements.items():
        reporter.info(
            f"  {name}: {agreement.labels:.1%} of {len(validation.labels)} labels agree with Keras"
            + (f", {speeds[name]:.1f} images/s" if name in speeds else ", not used")
        )
    choice = {"runtime": fastest, "images_per_second": speeds, **_conditions(run_directory)}
    write_json(folder / "choice.json", choice)
    return fastest


def _known_choice(run_directory: RunDirectory, folder: Path) -> str | None:
    """Return the stored choice if model, versions and machine are unchanged."""
    try:
        known = json.loads((folder / "choice.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    conditions = _conditions(run_directory)
    if any(known.get(key) != value for key, value in conditions.items()):
        return None
    return known["runtime"]


def _conditions(run_directory: RunDirectory) -> dict[str, Any]:
    """Return what a choice depends on."""
    versions = {}
    for package in ("tensorflow", "openvino", "onnxruntime"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    digest = file_digest(run_directory.model_file)
    return {"model_digest": digest, "versions": versions, "cores": usable_cores()}
