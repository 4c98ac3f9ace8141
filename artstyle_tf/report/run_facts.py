"""What a report is made of: the results of a run as plain values, wherever they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_FALSE_ALARMS = 0.05

PART_OF_SPLIT = {"val": "validation", "test": "test"}
"""Splits that judge, as results call them."""


@dataclass(frozen=True)
class Judged:
    """What a run says of the N images of one part, and how right it is.

    Attributes:
        part: "test" or "validation".
        predictions: N rows: path, label, prediction, confidence, a probability a class.
        per_class: class, precision, recall, f1, support and perhaps the ends of intervals.
        reliability: see `metrics.calibration`; None for a run of before there was one.
        risk_coverage: see `metrics.calibration`; None for a run of before there was one.
    """

    part: str
    predictions: pd.DataFrame
    per_class: pd.DataFrame
    reliability: pd.DataFrame | None = None
    risk_coverage: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.predictions)

    def mistakes(self) -> pd.DataFrame:
        """Rows whose prediction is not the label, the most confident first."""
        wrong = self.predictions[self.predictions["prediction"] != self.predictions["label"]]
        return wrong.sort_values("confidence", ascending=False, kind="stable")


@dataclass(frozen=True)
class RunFacts:
    """A finished run.

    Attributes:
        name: of the run.
        kind: "direct" or "triplet".
        folder: of the run, as a command names it.
        class_names: in the order of the outputs.
        results: metrics.json.
        environment: environment.json.
        times: run.json: state, started, changed.
        config: of the run, as YAML gives it.
        config_text: the same as text.
        images: one row an image that is no augmented copy: source, label, split, group.
        num_copies: augmented copies beside them.
        history: one row an epoch.
        judged: the part that judges: test where there is one.
        leaks: kind of leak -> what was found, in words.
    """

    name: str
    kind: str
    folder: str
    class_names: Sequence[str]
    results: Mapping[str, Any]
    environment: Mapping[str, Any]
    times: Mapping[str, Any]
    config: Mapping[str, Any]
    config_text: str
    images: pd.DataFrame
    num_copies: int
    history: pd.DataFrame
    judged: Judged
    leaks: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_embedding(self) -> bool:
        """Whether neighbors answer."""
        return self.kind == "triplet"

    @property
    def scores(self) -> Mapping[str, float]:
        """Of the part that judges."""
        return self.results[self.judged.part]

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Of a score of the part that judges; None for a run of before there was one."""
        found = self.results.get("intervals", {}).get(self.judged.part, {}).get(metric)
        return None if found is None else (float(found[0]), float(found[1]))

    @property
    def baseline(self) -> Mapping[str, Any] | None:
        """What the baseline scores on the part that judges, with the verdict."""
        return self.results.get("baseline", {}).get(self.judged.part)


def outcome_of(baseline: Mapping[str, Any]) -> str:
    """Whether the run is "better" or "worse" than the baseline, or "same": it cannot be told.

    Runs of before did not note it; there interval and exact test decide, as they do now.
    """
    if "outcome" in baseline:
        return str(baseline["outcome"])
    found = baseline["trained_against_baseline"]
    low, high = found["interval"]
    if found.get("p_value", 0.0) >= _FALSE_ALARMS:
        return "same"
    return "better" if low > 0 else "worse" if high < 0 else "same"


class Confusion(NamedTuple):
    """Images of one style that were called another.

    Attributes:
        label: what they are.
        prediction: what they were called.
        num_images: how many.
        share: of the images that are `label`.
    """

    label: str
    prediction: str
    num_images: int
    share: float


def confusions(judged: Judged) -> list[Confusion]:
    """Pairs of styles that are mixed up, most images first, then the larger share."""
    support = judged.predictions["label"].value_counts()
    counts = judged.mistakes().groupby(["label", "prediction"], sort=True).size()
    found = [
        Confusion(label, prediction, int(count), float(count / support[label]))
        for (label, prediction), count in counts.items()  # pyright: ignore[reportGeneralTypeIssues]
    ]
    return sorted(found, key=lambda pair: (-pair.num_images, -pair.share))


def confusion_counts(judged: Judged, class_names: Sequence[str]) -> np.ndarray:
    """int [C, C], rows are the true classes."""
    table = pd.crosstab(judged.predictions["label"], judged.predictions["prediction"])
    names = list(class_names)
    return table.reindex(index=names, columns=names, fill_value=0).to_numpy(dtype=int)


@dataclass(frozen=True)
class FurtherResults:
    """What was found out about a run after it was made, as far as there is any.

    Attributes:
        analysis: analysis.json of its newest analysis, with its `name`.
        cross_validation: metrics.json of the newest one with the same recipe.
        inspection: summary.json of the newest one of the same folder of images.
        comparisons: comparison.json of those in which the run takes part, with their `name`.
        tuning: what tuning studies of this kind of training found; see `sections.tuning`.
        formats: formats.csv of its export; empty for a SavedModel alone, None without an export.
    """

    analysis: Mapping[str, Any] | None = None
    cross_validation: Mapping[str, Any] | None = None
    inspection: Mapping[str, Any] | None = None
    comparisons: Sequence[Mapping[str, Any]] = ()
    tuning: Sequence[Mapping[str, Any]] = ()
    formats: pd.DataFrame | None = None


@dataclass(frozen=True)
class Atlas:
    """Images as points.

    Attributes:
        points: path, label, split, prediction, confidence (the last two may be missing), x, y.
        note: where the points come from, as a sentence.
    """

    points: pd.DataFrame
    note: str


@dataclass(frozen=True)
class NeighborRow:
    """An image with the training images next to it, the nearest first.

    Attributes:
        path: of the image.
        label: its style.
        prediction: what its neighbors say.
        neighbors: path, style and distance of each.
    """

    path: str
    label: str
    prediction: str
    neighbors: Sequence[tuple[str, str, float]]
