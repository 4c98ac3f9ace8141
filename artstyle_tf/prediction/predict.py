"""predict: which style images have, said by a finished run or by a server."""

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
from artstyle_tf.prediction.answering import (
    Answering,
    Prediction,
    RunAnswering,
    answer_files,
)
from artstyle_tf.prediction.grad_cam_overlays import GradCamOverlays
from artstyle_tf.prediction.prediction_file import PredictionFile, write_left_out
from artstyle_tf.prediction.prediction_runtime import open_runtime
from artstyle_tf.prediction.server.rest_client import RestClient
from artstyle_tf.prediction.server.server_address import parse_address
from artstyle_tf.prediction.server_answering import ServerAnswering
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.prediction.who_answers import check_who_answers
from artstyle_tf.runs.run_finding import find_run
from artstyle_tf.runs.run_model import load_served_run
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.standard_streams import lines_of_stdin
from artstyle_tf.system.threads import in_batches

_LONGEST_PATH = 48


def run(config: PredictExperiment, invocation: Invocation) -> dict[str, Any]:
    """Answers for all images; returns what --json prints."""
    reporter, stopwatch = invocation.reporter, invocation.stopwatch
    named = list_named_images(_names(config.images))
    paths = named.files
    report_ignored(named.ignored, reporter)
    output = _output(config, paths)
    with stopwatch.stage("opening"):
        answering = _open(config, len(paths), invocation)
    settings = {"top_k": config.top_k, "threshold": config.threshold}
    with (
        contextlib.closing(answering),
        PredictionFile(output, {**answering.description, **settings}) as predictions,
        stopwatch.stage("answering"),
    ):
        waiting = [path for path in paths if printable(path) not in predictions.done]
        if len(waiting) < len(paths):
            reporter.info(f"{len(paths) - len(waiting)} images are answered already")
        answers = answer_files(
            answering,
            waiting,
            batch_size=config.batch_size,
            reading_threads=config.reading_threads,
        )
        tracked = reporter.track(answers, total=len(waiting), description="Answering")
        for batch in in_batches(tracked, config.batch_size):
            predictions.add([_row(path, said, config) for path, said in batch])
        num_found = len(predictions.done.union(map(printable, paths))) + len(named.ignored)
        unreadable, counts, first = predictions.finish()
    ignored = [{"path": path, "reason": why.reason} for path, why in sorted(named.ignored.items())]
    left_out = write_left_out(output, unreadable, ignored)
    if unreadable:
        reporter.warn(f"{len(unreadable)} files cannot be used as images; see the end")
    return {
        "answered_by": answering.description,
        "output": str(output),
        "num_found": num_found,
        "num_images": sum(counts.values()),
        "answers": dict(sorted(counts.items())),
        "unreadable": unreadable,
        "ignored": ignored,
        "left_out": None if left_out is None else str(left_out),
        "first": first,
        "seconds": stopwatch.seconds(),
    }


def plan(config: PredictExperiment, invocation: Invocation) -> dict[str, Any]:
    """Checks the images and the run; answers nothing, writes nothing."""
    named = list_named_images(_names(config.images))
    report_ignored(named.ignored, invocation.reporter)
    check_who_answers(config)
    return {
        "dry_run": True,
        "would_ask": config.url or config.run,
        "num_images": len(named.files),
        "ignored": len(named.ignored),
        "output": str(_output(config, named.files)),
    }


def summarize(result: dict[str, Any]) -> str:
    """The result as text."""
    shown = [
        {
            "image": _shortened(row["path"]),
            "answer": row["answer"],
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
    counts = ", ".join(f"{name} {count}" for name, count in result["answers"].items())
    lines += [f"Answers: {counts or 'none'}", f"Written: {result['output']}"]
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
    """What is named on the command line, and on stdin where it says "-"."""
    check_names(images)
    for name in images:
        if name == STDIN:
            yield from lines_of_stdin()
        else:
            yield name


def _output(config: PredictExperiment, paths: Sequence[Path]) -> Path:
    """Where predictions go. The same command finds again what it has begun."""
    if config.output is not None:
        return Path(config.output)
    asked = [config.run, config.url, config.top_k, config.threshold, *map(printable, paths)]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
    name = "server" if config.url else Path(config.run or "run").resolve().name
    folder = Path(config.outputs) / "predictions"
    candidates = (f"{name}-{digest}{again}.csv" for again in _numbered())
    return next(folder / each for each in candidates if not (folder / each).exists())


def _numbered() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in itertools.count(2))


def _open(config: PredictExperiment, num_images: int, invocation: Invocation) -> Answering:
    check_who_answers(config)
    if config.url is not None:
        return _open_server(config, config.url)
    run_directory = find_run(config.run, config.outputs, purpose="asked")
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
    return RunAnswering(served, runtime, network, overlays)


def _open_server(config: PredictExperiment, url: str) -> ServerAnswering:
    client = RestClient(
        parse_address(url, model_name=config.model_name),
        timeout_seconds=config.timeout_seconds,
        retries=config.retries,
    )
    return ServerAnswering(client, url)


@functools.cache
def do_not_know(class_names: tuple[str, ...]) -> str:
    """The answer where none is sure enough, in words that no style is called by, not even nearly.

    Args:
        class_names: of whoever answers.
    """
    more = (f"not accepted ({number})" for number in itertools.count(2))
    words = itertools.chain(("don't know", "not accepted"), more)
    return next(answer for answer in words if not near_styles(answer, class_names))


def _row(path: Path, said: Prediction | str, config: PredictExperiment) -> dict[str, Any]:
    """What is kept of one image."""
    if isinstance(said, str):
        return {"path": printable(path), "unreadable": said}
    is_sure = said.accepted
    if config.threshold is not None:
        is_sure = said.confidence >= config.threshold
    row = {
        "path": printable(path),
        "answer": do_not_know(said.class_names) if is_sure is False else said.label,
        "label": said.label,
        "confidence": round(said.confidence, 6),
        "accepted": is_sure,
        "top": [(name, round(share, 6)) for name, share in said.top(config.top_k)],
    }
    if said.neighbors:
        row["neighbors"] = [
            {"id": name, "distance": round(distance, 6)} for name, distance in said.neighbors
        ]
    return row
