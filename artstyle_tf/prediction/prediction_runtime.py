"""Which runtime answers for a run: the fastest that says what Keras says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from artstyle_tf.export.formats.export_format import RunNetwork, load_format
from artstyle_tf.export.formats.registry import RUNTIMES, missing_packages, require_packages
from artstyle_tf.export.measurement import (
    Agreement,
    answer_all,
    compare_answers,
    images_per_second,
)
from artstyle_tf.prediction.settings import RuntimeName
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_images import LabeledImages, read_own_images
from artstyle_tf.runs.served_run import ServedRun, keras_network
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.threads import usable_cores
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph, freeze

TENSORFLOW = "tensorflow"

_LEAST_AGREEMENT = 0.999

# Trying takes about a minute, once a run: for fewer images that is not worth it.
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
    """Makes a run's network ready to answer.

    Args:
        run: whose network.
        run_directory: of the run; converted networks and the choice are kept in it.
        choice: of the user; "auto" for the fastest.
        num_images: that are to be answered.
        reporter: told what is chosen and why.

    Returns:
        Name of the runtime, and the network in it.

    Raises:
        ArtstyleError: if a runtime was asked for by name and is not installed.
    """
    frozen = freeze(run.network, run.output_names)
    folder = run_directory.path / "runtimes"
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
    kept = folder / name
    file = next((file for file in kept.glob("model.*") if file.suffix != ".bin"), None)
    if file is None:
        kept.mkdir(parents=True, exist_ok=True)
        file = form.write(frozen, kept, lambda: ())
    return form.open(file)


def _choose(
    run: ServedRun,
    run_directory: RunDirectory,
    frozen: FrozenGraph,
    folder: Path,
    reporter: Reporter,
) -> str | None:
    """Tries all that is installed on the validation images; None if there are none."""
    try:
        validation = read_own_images(run_directory, "val")
    except ArtstyleError as error:
        reporter.info(f"TensorFlow answers; to try faster runtimes: {error}")
        return None
    names = [name for name in RUNTIMES if not missing_packages(name)]
    reporter.info(f"Once for this run: which of {', '.join([TENSORFLOW, *names])} is fastest?")
    networks: dict[str, RunNetwork] = {TENSORFLOW: frozen}
    for name in names:
        try:
            networks[name] = _open(name, frozen, folder)
        except Exception as error:  # a converter can fail in many ways, and TensorFlow still works
            reporter.info(f"{name} cannot run this network: {str(error).splitlines()[0][:200]}")
    agreements = _agreements(run, networks, validation)
    agreeing = {
        name: networks[name]
        for name, agreement in agreements.items()
        if agreement.labels >= _LEAST_AGREEMENT
    }
    speeds = images_per_second(
        {name: run.answering_by(network) for name, network in agreeing.items()},
        validation.images,
        num_rounds=_NUM_ROUNDS,
    )
    fastest = max(speeds, key=lambda name: speeds[name])
    for name, agreement in agreements.items():
        reporter.info(
            f"  {name}: {agreement.labels:.1%} of {len(validation.labels)} labels as Keras"
            + (f", {speeds[name]:.1f} images/s" if name in speeds else ", not used")
        )
    choice = {"runtime": fastest, "images_per_second": speeds, **_circumstances(run_directory)}
    write_json(folder / "choice.json", choice)
    return fastest


def _agreements(
    run: ServedRun, networks: Mapping[str, RunNetwork], validation: LabeledImages
) -> dict[str, Agreement]:
    expected = answer_all(run.answering_by(keras_network(run.network)), validation.images)
    return {
        name: compare_answers(
            answer_all(run.answering_by(network), validation.images), expected, validation.labels
        )
        for name, network in networks.items()
    }


def _known_choice(run_directory: RunDirectory, folder: Path) -> str | None:
    """What an earlier program has found out about the same model on the same machine."""
    try:
        known = json.loads((folder / "choice.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    circumstances = _circumstances(run_directory)
    if any(known.get(key) != value for key, value in circumstances.items()):
        return None
    return known["runtime"]


def _circumstances(run_directory: RunDirectory) -> dict[str, Any]:
    """What a choice depends on."""
    versions = {}
    for package in ("tensorflow", "openvino", "onnxruntime"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    digest = hashlib.sha256(run_directory.model_file.read_bytes()).hexdigest()
    return {"model_digest": digest, "versions": versions, "cores": usable_cores()}
