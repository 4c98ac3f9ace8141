"""compare-backbones: which frozen network suits the images, and what it costs."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.evaluation.backbone_candidates import Candidate, candidates_of
from artstyle_tf.evaluation.backbone_costs import (
    BackboneCosts,
    measure_costs,
    read_costs,
    write_costs,
)
from artstyle_tf.evaluation.backbone_verdict import (
    MeasuredCandidate,
    candidates_csv,
    candidates_table,
    compare_candidates,
)
from artstyle_tf.evaluation.cross_validate import read_results, train_on_folds
from artstyle_tf.evaluation.fold_images import (
    DividedImages,
    check_images,
    divide_images,
    without_test,
)
from artstyle_tf.evaluation.paths import BACKBONES_FILE, plan_backbone_comparison
from artstyle_tf.evaluation.settings import CompareBackbonesExperiment
from artstyle_tf.plots.backbone_scores import TimedScores, plot_scores_against_time
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.runs.environment import describe_environment
from artstyle_tf.runs.run_creation import check_same_config, create_run_directory, plan_folds
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import read_json, write_json
from artstyle_tf.system.invocation import Invocation, Stopwatch
from artstyle_tf.training.job import build_network

_KIND = "backbones"


def run(config: CompareBackbonesExperiment, invocation: Invocation) -> dict[str, Any]:
    """Cross-validate and time all candidates, then compare them; return what --json prints."""
    stopwatch = invocation.stopwatch
    place = plan_backbone_comparison(config, invocation)
    candidates = candidates_of(config, place.path)
    # What can fail is checked before anything is written; images and folds are the same for all.
    index, images, schemes = check_images(candidates[0].experiment, invocation.reporter)
    _count_parameters(candidates, num_classes=len(index.class_names))
    divided = divide_images(candidates[0].experiment, index, images, schemes, invocation)
    digest = _digest_of(divided)
    if invocation.resume:
        _check_same_images(place, digest)
    else:
        place = create_run_directory(place, overwrite=invocation.overwrite)
        candidates = candidates_of(config, place.path)  # it may have got another name
    with place.running():
        place.write_config(dump_yaml(config))
        place.write_class_names(index.class_names)
        about = {"kind": _KIND, "images_digest": digest}
        write_json(place.environment_file, {**describe_environment(), **about})
        measured = []
        for number, candidate in enumerate(candidates, start=1):
            invocation.reporter.info(
                f"Candidate {number} of {len(candidates)}: {candidate.name} "
                f"({stopwatch.elapsed:.0f} s after the start)"
            )
            with stopwatch.stage(candidate.name):
                measured.append(_measure(candidate, divided, config.timed_images, invocation))
        result = {
            "results": str(place.path),
            **compare_candidates(measured, divided.images.labels),
            "num_images": len(divided.images.rows),
            "num_folds": config.cross_validation.num_folds,
            "num_repeats": config.cross_validation.repeats,
            "unreadable": divided.images.prepared.rejected.to_dict(orient="records"),
            "figures": str(place.figures),
            "seconds": stopwatch.seconds(),
        }
        _write(result, place)
    return result


def plan(config: CompareBackbonesExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check candidates, images and groups and return what `run` would do; writes nothing."""
    place = plan_backbone_comparison(config, invocation)
    candidates = candidates_of(config, place.path)
    index, images, schemes = check_images(candidates[0].experiment, invocation.reporter)
    settings = config.cross_validation
    return {
        "dry_run": True,
        "results": str(place.path),
        "parameters": _count_parameters(candidates, num_classes=len(index.class_names)),
        "licenses": {candidate.name: candidate.license for candidate in candidates},
        "classes": list(index.class_names),
        "num_images": len(without_test(images, settings)),
        "num_groups": int(index.images["group"].nunique()),
        "schemes": list(schemes),
        "trainings": len(candidates) * len(schemes) * settings.repeats * settings.num_folds,
    }


def summarize(result: dict[str, Any]) -> str:
    """Return the result as text."""
    decisive = result["decided_by"]
    verdicts = [
        entry[decisive]["against_best"]["verdict"]
        for entry in result["candidates"]
        if entry[decisive]["against_best"] is not None
    ]
    return "\n".join(
        [
            candidates_table(result).to_string(),
            *(f"{verdict}." for verdict in verdicts),
            f"{result['recommendation']}.",
            f"Config:   {result['settings']}",
            f"Images:   {result['num_images']}, each predicted by heads that were not fitted to it",
            f"Figures:  {result['figures']}",
            f"Results:  {result['results']} ({result['seconds']['total']:.0f} s)",
        ]
    )


def _count_parameters(candidates: Sequence[Candidate], *, num_classes: int) -> dict[str, int]:
    """Build each network once, which checks its weights: name -> parameters of the backbone."""
    parameters = {}
    for candidate in candidates:
        network = build_network(candidate.experiment, num_classes=num_classes)
        parameters[candidate.name] = int(network.backbone.model.count_params())
        del network
        _free_memory()
    return parameters


def _measure(
    candidate: Candidate, divided: DividedImages, timed_images: int, invocation: Invocation
) -> MeasuredCandidate:
    """Cross-validate and time a candidate, except for what an interrupted run has finished."""
    _cross_validate(candidate, divided, invocation)
    return MeasuredCandidate(
        candidate,
        {
            result.scheme: result
            for result in read_results(candidate.experiment, divided, candidate.run_directory)
        },
        _costs(candidate, divided, timed_images, invocation),
    )


def _cross_validate(candidate: Candidate, divided: DividedImages, invocation: Invocation) -> None:
    place = candidate.run_directory
    if place.metrics_file.is_file():
        check_same_config(candidate.experiment, place)
        invocation.reporter.info(f"{candidate.name} is finished already.")
        return
    own = dataclasses.replace(
        invocation, resume=place.path.exists(), overwrite=False, stopwatch=Stopwatch()
    )
    place = plan_folds(candidate.experiment, own)
    if not own.resume:
        place = create_run_directory(place, overwrite=False)
    train_on_folds(candidate.experiment, divided, place, own)


def _costs(
    candidate: Candidate, divided: DividedImages, timed_images: int, invocation: Invocation
) -> BackboneCosts:
    folder = candidate.run_directory.path
    costs = read_costs(folder)
    if costs is None:
        _free_memory()
        invocation.reporter.info(f"Timing {candidate.name} on {timed_images} images.")
        costs = measure_costs(
            candidate.experiment,
            divided.images,
            num_images=timed_images,
            reporter=invocation.reporter,
        )
        write_costs(folder, costs)
    return costs


def _free_memory() -> None:
    keras.utils.clear_session()
    gc.collect()


def _digest_of(divided: DividedImages) -> str:
    """Return a digest of names, styles, groups and contents of the images."""
    columns = ["source", "label", "group", "source_digest"]
    rows = divided.images.rows[columns].astype(str).to_numpy().tolist()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _check_same_images(place: RunDirectory, digest: str) -> None:
    """Refuse to compare results on other images."""
    if not place.environment_file.is_file():
        return  # killed before it had written anything: it starts again
    content = read_json(place.environment_file)
    if not isinstance(content, dict) or content.get("images_digest") != digest:
        raise ArtstyleError(
            f"The images have changed since the comparison {place.path} was started",
            expected="the same images, styles and groups",
            fix="start again: leave --resume out, with --overwrite or another --run-name",
        )


def _write(result: dict[str, Any], place: RunDirectory) -> None:
    place.write_table(place.path / "backbones.csv", candidates_csv(result))
    points = [
        TimedScores(
            entry["name"],
            entry["milliseconds_per_image"],
            {
                scheme: (entry[scheme]["macro_f1"], entry[scheme]["macro_f1_interval"])
                for scheme in ("random", "group")
                if scheme in entry
            },
        )
        for entry in result["candidates"]
    ]
    figure = plot_scores_against_time(points, recommended=result["recommended"])
    save_figure(figure, place.figures / "score_against_time.png")
    write_json(Path(place.path, BACKBONES_FILE), result)
