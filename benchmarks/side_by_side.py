"""Measure candidates alternately, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artstyle_tf.system.files import write_json
from artstyle_tf.system.progress import SILENT, Reporter


@dataclass(frozen=True)
class Measurement:
    """The values of one candidate, one per round.

    Attributes:
        name: name of the candidate.
        values: values in the order of the rounds, in the unit of the comparison.
    """

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of all rounds."""
        return statistics.median(self.values)

    @property
    def minimum(self) -> float:
        """Minimum of all rounds."""
        return min(self.values)

    @property
    def maximum(self) -> float:
        """Maximum of all rounds."""
        return max(self.values)

    def ratio_to(self, reference: Measurement) -> float:
        """Return the median ratio to the reference's value in the same round.

        Comparing within a round cancels other load on the machine in that round.
        """
        pairs = zip(self.values, reference.values, strict=True)
        return statistics.median(value / reference_value for value, reference_value in pairs)


@dataclass(frozen=True)
class Comparison:
    """The measurements of all candidates.

    Attributes:
        unit: unit of every value, e.g. "images/s" or "s".
        reference: name of the candidate that has ratio 1.
        measurements: name of a candidate -> its measurement.
        left_out: name of a candidate that was not measured -> the reason.
    """

    unit: str
    reference: str
    measurements: Mapping[str, Measurement]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def ratio(self, name: str) -> float:
        """Return the ratio of a candidate to the reference; see `Measurement.ratio_to`."""
        return self.measurements[name].ratio_to(self.measurements[self.reference])


def measure_side_by_side(
    candidates: Mapping[str, Callable[[], float]],
    *,
    unit: str,
    reference: str,
    repeats: int,
    warm_up_rounds: int = 1,
    left_out: Mapping[str, str] | None = None,
    reporter: Reporter = SILENT,
) -> Comparison:
    """Call every candidate once per round, in alternating order.

    Args:
        candidates: name -> function that does the work once and returns its value, > 0.
        unit: unit of the values, e.g. "images/s" or "s".
        reference: name of the candidate the others are compared with.
        repeats: number of measured rounds, at least 1.
        warm_up_rounds: unmeasured rounds before these, to fill caches and trace functions.
        left_out: name of a candidate that cannot be measured here -> the reason.
        reporter: reports the progress.

    Returns:
        The measurements of all candidates.
    """
    values: dict[str, list[float]] = {name: [] for name in candidates}
    turns: list[tuple[int, str]] = []
    for round_number in range(warm_up_rounds + repeats):
        # Alternate the direction, so that no candidate always follows the same one.
        order = list(candidates)
        if round_number % 2:
            order.reverse()
        turns.extend((round_number, name) for name in order)
    tracked = reporter.track(turns, total=len(turns), description="Measuring", unit="turns")
    for round_number, name in tracked:
        value = candidates[name]()
        if round_number >= warm_up_rounds:
            values[name].append(value)
    measurements = {name: Measurement(name, tuple(values[name])) for name in candidates}
    return Comparison(unit, reference, measurements, left_out or {})


def print_table(comparison: Comparison, *, decimals: int = 1) -> None:
    """Print medians, extremes and ratios to stdout, then the unmeasured candidates and reasons."""
    names = [*comparison.measurements, *comparison.left_out]
    width = max(len(name) for name in [*names, comparison.unit])
    print(f"{comparison.unit:<{width}}  {'median':>10} {'min':>10} {'max':>10} {'ratio':>7}")
    for name, measurement in comparison.measurements.items():
        numbers = (measurement.median, measurement.minimum, measurement.maximum)
        columns = " ".join(f"{number:>10.{decimals}f}" for number in numbers)
        print(f"{name:<{width}}  {columns} {comparison.ratio(name):>7.2f}")
    for name, reason in comparison.left_out.items():
        print(f"{name:<{width}}  not measured: {reason}")
    rounds = len(comparison.measurements[comparison.reference].values)
    print(f"Rounds: {rounds}. Ratio: {comparison.unit} relative to '{comparison.reference}'")
    print("in the same round, median over the rounds.")


def write_result(
    path: Path, comparison: Comparison, *, benchmark: str, settings: Mapping[str, Any]
) -> None:
    """Write the comparison, its environment and its settings as JSON.

    Args:
        path: path of the file.
        comparison: the measurements.
        benchmark: name of the benchmark, e.g. "input_pipeline".
        settings: JSON values needed to repeat it; no paths, which differ between machines.

    Raises:
        ArtstyleError: if the file cannot be written.
    """
    # Imported late: it imports Keras, and --help must respond at once.
    from artstyle_tf.runs.environment import describe_environment

    results = [
        {
            "name": name,
            "median": measurement.median,
            "minimum": measurement.minimum,
            "maximum": measurement.maximum,
            "ratio": comparison.ratio(name),
            "values": list(measurement.values),
        }
        for name, measurement in comparison.measurements.items()
    ]
    content = {
        "benchmark": benchmark,
        "environment": describe_environment(),
        "settings": dict(settings),
        "unit": comparison.unit,
        "reference": comparison.reference,
        "repeats": len(comparison.measurements[comparison.reference].values),
        "results": results,
        "left_out": dict(comparison.left_out),
    }
    write_json(path, content)
