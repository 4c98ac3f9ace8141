"""The models of a comparison: runs, classifiers of features and baselines, with their costs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from artstyle_tf.analysis.classifiers import CLASSIFIER_IN_WORDS
from artstyle_tf.analysis.feature_classifiers import CLASSIFIERS_FOLDER
from artstyle_tf.analysis.feature_extraction import POOLED, build_feature_network
from artstyle_tf.analysis.paths import ANALYSIS_FILE, is_analysis
from artstyle_tf.evaluation.paths import find_compared_folders
from artstyle_tf.evaluation.settings import CompareExperiment
from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.metrics.neighbors import nearest_neighbors
from artstyle_tf.runs.gallery import load_run_gallery
from artstyle_tf.runs.known_images import copies_in_own_split
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory, open_run
from artstyle_tf.runs.run_files import Analysis, Metrics, not_as_expected, read_checked
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_tables import read_predictions
from artstyle_tf.runs.served_run import load_run_model
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.training.run_record import BASELINE_PREDICTIONS_FILE

KIND_IN_WORDS = {"direct": "direct classifier", "triplet": "metric learning"}
_REPEATS = 5
_BYTES_A_WEIGHT = 4


@dataclass(frozen=True)
class Contender:
    """A model with its predictions and costs.

    Attributes:
        name: for people; different for all that are compared.
        predictions: "validation" and "test", as far as there are such images -> table with the
            columns path, label and prediction.
        training_seconds: from images or features to the model; None if unknown.
        milliseconds: for one image, in batches, without decoding.
        size_bytes: of all files that a prediction needs.
        known: part -> paths of images that equal one that the model has seen in its training.
    """

    name: str
    predictions: dict[str, pd.DataFrame]
    training_seconds: float | None
    milliseconds: float
    size_bytes: int
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_contenders(
    config: CompareExperiment, reporter: Reporter, *, measure: bool = True
) -> list[Contender]:
    """Read the models of all folders; networks are timed one after the other.

    Args:
        config: of the comparison.
        reporter: reports what takes time.
        measure: whether to load and time networks; without, times and baselines' sizes are 0.

    Raises:
        ArtstyleError: if a folder is neither a finished run nor an analysis of one, or there are
            fewer than two contenders.
    """
    folders = find_compared_folders(config)
    timed = _TimedRuns(config.timed_images if measure else 0, reporter)
    contenders: list[Contender] = []
    baselines: list[Contender] = []
    for folder in folders:
        if is_analysis(folder):
            contenders += _classifiers(folder, config.classifiers, timed)
            continue
        run = open_run(folder)
        contenders.append(_run(run, timed))
        baselines += _baseline(run, timed, reporter)
    contenders = _with_different_names(contenders + _different(baselines))
    if len(contenders) < 2:
        raise ArtstyleError(
            "There is nothing to compare with",
            received=", ".join(contender.name for contender in contenders) or "no model",
            expected="at least two models",
            fix="name more folders after --runs",
        )
    return contenders


def warn_about_known_images(
    shared: Mapping[str, pd.DataFrame], contenders: Sequence[Contender], reporter: Reporter
) -> None:
    """Warn about models that have seen images that they are compared on.

    `shared` maps a part to a table of the images that count, with the column path.
    """
    for part, table in shared.items():
        counts = {
            each.name: int(table["path"].isin(each.known.get(part, frozenset())).sum())
            for each in contenders
        }
        found = [f"{name} {count}" for name, count in counts.items() if count]
        if found:
            reporter.warn(
                f"Some of the {len(table)} compared {part} images equal images that a model saw "
                f"in its training, so that its score is too high: {examples(found)}. "
                "evaluate.py reports a run's scores without them."
            )


class _Times(NamedTuple):
    """Milliseconds an image of a whole network, and up to its pooled top, with its weights."""

    whole: float
    pooled: float
    num_pooled_weights: int


class _TimedRuns:
    """Prediction times of the networks of runs; each is loaded and timed once."""

    def __init__(self, num_images: int, reporter: Reporter) -> None:
        self._num_images = num_images
        self._reporter = reporter
        self._known: dict[Path, _Times] = {}

    def times(self, run: RunDirectory) -> _Times:
        """Return the times of a run's network; zeros without images to time."""
        if run.path not in self._known:
            self._known[run.path] = self._measure(run) if self._num_images else _Times(0.0, 0.0, 0)
        return self._known[run.path]

    def _measure(self, run: RunDirectory) -> _Times:
        self._reporter.info(f"Timing {run.path.name} on {self._num_images} images.")
        model = load_run_model(run, read_run_config(run))
        shape = (self._num_images, *model.input_shape[1:])
        images = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
        pooled = build_feature_network(model, POOLED).model
        seconds, seconds_pooled = _best_times([model, pooled], images)
        if run.gallery_file.is_file():
            gallery, embeddings = load_run_gallery(run), model.predict_on_batch(images)
            started = time.perf_counter()
            nearest_neighbors(embeddings, gallery.embeddings, num_neighbors=5)
            seconds += time.perf_counter() - started
        scale = 1000 / self._num_images
        return _Times(scale * seconds, scale * seconds_pooled, pooled.count_params())


def _best_times(models: Sequence[keras.Model], images: np.ndarray) -> list[float]:
    """Return the fastest pass of each model in seconds; they alternate, as load varies."""
    times = []
    for _ in range(1 + _REPEATS):
        row = []
        for model in models:
            started = time.perf_counter()
            model.predict_on_batch(images)
            row.append(time.perf_counter() - started)
        times.append(row)
    return np.min(times[1:], axis=0).tolist()  # the first pass, which compiles, does not count


def _read_predictions(folder: Path, file_name: str) -> dict[str, pd.DataFrame]:
    found = {}
    for part in NAME_IN_RESULT.values():
        file = folder / part / file_name
        if file.is_file():
            table = read_predictions(file, with_confidence=False)
            found[part] = table[["path", "label", "prediction"]]
    return found


def _seconds(run: RunDirectory, stage: str) -> float | None:
    return read_checked(run.metrics_file, Metrics).seconds.get(stage)


def _run(run: RunDirectory, timed: _TimedRuns) -> Contender:
    files = [run.model_file, run.gallery_file]
    return Contender(
        name=f"{KIND_IN_WORDS[run.read_kind()]} ({run.path.name})",
        predictions=_read_predictions(run.path, "predictions.csv"),
        training_seconds=_seconds(run, "training"),
        milliseconds=timed.times(run).whole,
        size_bytes=sum(file.stat().st_size for file in files if file.is_file()),
        known=_known(run),
    )


def _known(run: RunDirectory) -> Mapping[str, frozenset[str]]:
    """Return the images of each part that equal one that the run has seen in its training."""
    trained = read_run_config(run)
    return {
        part: copies_in_own_split(run, trained, split, SILENT)
        for split, part in NAME_IN_RESULT.items()
    }


def _baseline(run: RunDirectory, timed: _TimedRuns, reporter: Reporter) -> Iterator[Contender]:
    predictions = _read_predictions(run.path, BASELINE_PREDICTIONS_FILE)
    if not predictions:
        reporter.warn(
            f"{run.path.name} is of an earlier version, which did not save predictions of its "
            "baseline."
        )
        return
    times = timed.times(run)
    size_px = read_run_config(run).model.image_size_px
    refitted = ", refitted" if read_checked(run.metrics_file, Metrics).refitted else ""
    yield Contender(
        name=f"baseline ({size_px} px{refitted})",
        predictions=predictions,
        training_seconds=_seconds(run, "baseline"),
        milliseconds=times.pooled,
        size_bytes=_BYTES_A_WEIGHT * times.num_pooled_weights,
        known=_known(run),
    )


def _classifiers(
    folder: Path, selected: Sequence[str] | None, timed: _TimedRuns
) -> Iterator[Contender]:
    analysis = read_checked(folder / ANALYSIS_FILE, Analysis)
    if analysis.run is None or not analysis.classifiers:
        raise ArtstyleError(
            f"The analysis {folder} has no classifiers of a run's features",
            fix="create one with analyze_features.py --run DIR and without classifiers=null",
        )
    path = Path(analysis.run)
    # Relative to the working directory of the analysis; otherwise next to the analysis.
    run = open_run(path if path.is_dir() else folder.parent.parent / "models" / path.name)
    for name, entry in analysis.classifiers.items():
        if name not in CLASSIFIER_IN_WORDS:
            raise not_as_expected(folder / ANALYSIS_FILE, "classifiers", f"unknown {name[:80]!r}")
        if selected is not None and name not in selected:
            continue
        yield Contender(
            name=f"{CLASSIFIER_IN_WORDS[name]} ({run.path.name}, {analysis.layer})",
            predictions=_read_predictions(folder / CLASSIFIERS_FOLDER / name, "predictions.csv"),
            training_seconds=entry.search_seconds + entry.fit_seconds,
            milliseconds=timed.times(run).whole + entry.milliseconds_per_image,
            size_bytes=run.model_file.stat().st_size + (entry.size_bytes or 0),
            known=_known(run),
        )


def _different(baselines: Sequence[Contender]) -> list[Contender]:
    """Keep one of equal baselines: runs of the same network and size share theirs."""
    different: list[Contender] = []
    for baseline in baselines:
        if not any(_same_predictions(baseline, other) for other in different):
            different.append(baseline)
    return different


def _same_predictions(one: Contender, other: Contender) -> bool:
    return one.predictions.keys() == other.predictions.keys() and all(
        table.equals(other.predictions[part]) for part, table in one.predictions.items()
    )


def _with_different_names(contenders: Sequence[Contender]) -> list[Contender]:
    seen: dict[str, int] = {}
    named = []
    for contender in contenders:
        seen[contender.name] = seen.get(contender.name, 0) + 1
        number = seen[contender.name]
        name = contender.name if number == 1 else f"{contender.name} {number}"
        named.append(dataclasses.replace(contender, name=name))
    return named
