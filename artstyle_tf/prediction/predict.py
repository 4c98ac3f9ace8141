"""predict: predict the styles of images with a finished run or a server."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.images.index.file_arguments import STDIN, check_names, list_named_images
from artstyle_tf.images.index.image_listing import printable, report_ignored
from artstyle_tf.images.index.style_folders import near_styles
from artstyle_tf.prediction.grad_cam import GradCamOverlays
from artstyle_tf.prediction.model_source import check_model_source
from artstyle_tf.prediction.prediction_file import PredictionFile, write_left_out
from artstyle_tf.prediction.prediction_runtime import open_runtime
from artstyle_tf.prediction.predictors import (
    Prediction,
    Predictor,
    RunPredictor,
    ServerPredictor,
    predict_files,
)
from artstyle_tf.prediction.server.rest_client import RestClient
from artstyle_tf.prediction.server.server_address import parse_address
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.runs.run_finding import find_run
from artstyle_tf.runs.served_run import load_served_run
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.standard_streams import lines_of_stdin
from artstyle_tf.system.threads import in_batches

_LONGEST_PATH = 48


def run(config: PredictExperiment, invocation: Invocation) -> dict[str, Any]:
    """Predict all images; return what --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    named = list_named_images(_names(config.images))
    paths = named.files
    report_ignored(named.ignored, reporter)
    output = _output(config, paths)
    with stopwatch.stage("opening"):
        predictor = _open(config, len(paths), invocation)
    settings = {"top_k": config.top_k, "threshold": config.threshold}
    with (
        contextlib.closing(predictor),
        PredictionFile(output, {**predictor.description, **settings}) as predictions,
        stopwatch.stage("predicting"),
    ):
        waiting = [path for path in paths if printable(path) not in predictions.done]
        if len(waiting) < len(paths):
            reporter.info(f"{len(paths) - len(waiting)} images are predicted already")
        predicted = predict_files(
            predictor,
            waiting,
            batch_size=config.batch_size,
            reading_threads=config.reading_threads,
        )
        tracked = reporter.track(predicted, total=len(waiting), description="Predicting")
        for batch in in_batches(tracked, config.batch_size):
            predictions.add([_row(path, prediction, config) for path, prediction in batch])
        num_found = len(predictions.done.union(map(printable, paths))) + len(named.ignored)
        unreadable, counts, first = predictions.finish()
    ignored = [{"path": path, "reason": why.reason} for path, why in sorted(named.ignored.items())]
    left_out = write_left_out(output, unreadable, ignored)
    if unreadable:
        reporter.warn(f"{len(unreadable)} files cannot be used as images; see the end")
    return {
        "predicted_by": predictor.description,
        "output": str(output),
        "num_found": num_found,
        "num_images": sum(counts.values()),
        "predictions": dict(sorted(counts.items())),
        "unreadable": unreadable,
        "ignored": ignored,
        "left_out": None if left_out is None else str(left_out),
        "first": first,
        "seconds": stopwatch.seconds(),
    }


def plan(config: PredictExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check the images and the model; predict and write nothing."""
    named = list_named_images(_names(config.images))
    report_ignored(named.ignored, invocation.reporter)
    check_model_source(config)
    return {
        "dry_run": True,
        "model": config.url or config.run,
        "num_images": len(named.files),
        "ignored": len(named.ignored),
        "output": str(_output(config, named.files)),
    }


def summarize(result: dict[str, Any]) -> str:
    """Format the result as text."""
    shown = [
        {
            "image": _shortened(row["path"]),
            "prediction": row["prediction"],
            **{
                f"{rank}.": f"{name} {confidence:.2f}"
                for rank, (name, confidence) in enumerate(row["top"], start=1)
            },
        }
        for row in result["first"]
    ]
    lines = [pd.DataFrame(shown).to_string(index=False), ""] if shown else []
    if result["num_images"] > len(shown):
        lines[-1:] = [f"... and {result['num_images'] - len(shown)} more", ""]
    counts = ", ".join(f"{name} {count}" for name, count in result["predictions"].items())
    lines += [f"Predictions: {counts or 'none'}", f"Written: {result['output']}"]
    if result["left_out"] is not None:
        lines.append(
            f"Left out: {len(result['unreadable'])} unreadable and {len(result['ignored'])} ignored"
            f" of {result['num_found']} found; see {result['left_out']}"
        )
    lines += [f"Unreadable: {row['path']} ({row['reason']})" for row in result["unreadable"]]
    return "\n".join(lines)


def _shortened(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else f"…{path[1 - _LONGEST_PATH :]}"


def _names(images: Sequence[str]) -> Iterator[str]:
    """Yield the names from the command line, and those from stdin in place of "-"."""
    check_names(images)
    for name in images:
        if name == STDIN:
            yield from lines_of_stdin()
        else:
            yield name


def _output(config: PredictExperiment, paths: Sequence[Path]) -> Path:
    """Return the output file; the same command continues its interrupted file."""
    if config.output is not None:
        return Path(config.output)
    options = [config.run, config.url, config.top_k, config.threshold, *map(printable, paths)]
    digest = hashlib.sha256(json.dumps(options).encode()).hexdigest()[:8]
    name = "server" if config.url else Path(config.run or "run").resolve().name
    folder = Path(config.outputs) / "predictions"
    suffixes = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    candidates = (folder / f"{name}-{digest}{suffix}.csv" for suffix in suffixes)
    return next(file for file in candidates if not file.exists())


def _open(config: PredictExperiment, num_images: int, invocation: Invocation) -> Predictor:
    check_model_source(config)
    if config.url is not None:
        client = RestClient(
            parse_address(config.url, model_name=config.model_name),
            timeout_seconds=config.timeout_seconds,
            retries=config.retries,
        )
        return ServerPredictor(client, config.url)
    run_directory = find_run(config.run, config.outputs, purpose="used for prediction")
    served = load_served_run(run_directory)
    runtime, network = open_runtime(
        served,
        run_directory,
        config.runtime,
        num_images=num_images,
        reporter=invocation.reporter,
    )
    overlays = None
    if config.grad_cam is not None:
        overlays = GradCamOverlays(served, Path(config.grad_cam))
    return RunPredictor(served, runtime, network, overlays)


@functools.cache
def abstention(class_names: tuple[str, ...]) -> str:
    """Return the word for a prediction that is not accepted; it is like no style's name."""
    more = (f"not accepted ({number})" for number in itertools.count(2))
    words = itertools.chain(("abstained", "not accepted"), more)
    return next(word for word in words if not near_styles(word, class_names))


def _row(path: Path, found: Prediction | str, config: PredictExperiment) -> dict[str, Any]:
    """Return what is stored for one image."""
    if isinstance(found, str):
        return {"path": printable(path), "unreadable": found}
    accepted = found.accepted
    if config.threshold is not None:
        accepted = found.confidence >= config.threshold
    row = {
        "path": printable(path),
        "prediction": abstention(found.class_names) if accepted is False else found.label,
        "label": found.label,
        "confidence": round(found.confidence, 6),
        "accepted": accepted,
        "top": [(name, round(probability, 6)) for name, probability in found.top(config.top_k)],
    }
    if found.neighbors:
        row["neighbors"] = [
            {"id": name, "distance": round(distance, 6)} for name, distance in found.neighbors
        ]
    return row
