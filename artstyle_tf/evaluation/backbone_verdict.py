"""The results of a comparison of backbones: paired tests, and which one to use."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from artstyle_tf.evaluation.backbone_candidates import Candidate, settings_line
from artstyle_tf.evaluation.backbone_costs import BYTES_A_PARAMETER, BackboneCosts
from artstyle_tf.evaluation.fold_results import (
    SCHEME_IN_WORDS,
    UNIT,
    SchemeResult,
    summarize_scheme,
)
from artstyle_tf.metrics.comparison import Difference, compare_models, verdict
from artstyle_tf.metrics.exact_tests import SIGNIFICANCE, holm_adjusted

_SCORES = ("macro_f1", "macro_f1_interval", "accuracy")


@dataclass(frozen=True)
class MeasuredCandidate:
    """A candidate with its predictions and costs.

    Attributes:
        candidate: the network.
        results: scheme -> its predictions for the same N images.
        costs: time and size.
    """

    candidate: Candidate
    results: Mapping[str, SchemeResult]
    costs: BackboneCosts

    @property
    def name(self) -> str:
        """Name of the candidate."""
        return self.candidate.name


def compare_candidates(
    candidates: Sequence[MeasuredCandidate], labels: np.ndarray
) -> dict[str, Any]:
    """Score candidates, compare them with the best, and choose one.

    Folds without a common group decide where there are any, else random folds. The candidate to
    use is the fastest that is not significantly worse than the best.

    Args:
        candidates: one or more, evaluated by the same schemes.
        labels: int [N], class ids.

    Returns:
        candidates (best first), decided_by, best, recommended, recommendation and settings, as
        described in docs/reference/metrics.md.
    """
    schemes = list(candidates[0].results)
    decisive = "group" if "group" in schemes else schemes[0]
    scores = {
        each.name: {
            scheme: summarize_scheme(result, labels) for scheme, result in each.results.items()
        }
        for each in candidates
    }
    ordered = sorted(candidates, key=lambda each: -scores[each.name][decisive]["macro_f1"])
    best, *others = ordered
    against_best = {scheme: _against(best, others, scheme, labels) for scheme in schemes}
    worse = {name for name, entry in against_best[decisive].items() if entry["is_worse"]}
    recommended = min(
        (each for each in ordered if each.name not in worse),
        key=_time,
    )
    entries = [
        {
            **_describe(each),
            **{
                scheme: {
                    **{name: scores[each.name][scheme][name] for name in _SCORES},
                    "against_best": against_best[scheme].get(each.name),
                }
                for scheme in schemes
            },
        }
        for each in ordered
    ]
    return {
        "candidates": entries,
        "decided_by": decisive,
        "best": best.name,
        "recommended": recommended.name,
        "recommendation": _recommend(recommended, best, others, against_best[decisive], decisive),
        "settings": settings_line(recommended.candidate.model),
    }


def _against(
    best: MeasuredCandidate,
    others: Sequence[MeasuredCandidate],
    scheme: str,
    labels: np.ndarray,
) -> dict[str, dict[str, Any]]:
    """Compare candidates with the best: name -> difference, tests and verdict, as JSON values.

    Intervals hold for all of them at once (Bonferroni); p-values are adjusted by Holm's method.
    """
    reference = best.results[scheme]
    differences: dict[str, Difference] = {
        other.name: compare_models(
            labels,
            list(other.results[scheme].predictions),
            list(reference.predictions),
            num_classes=reference.probabilities.shape[2],
            clusters=reference.clusters,
            level=1 - SIGNIFICANCE / len(others),
        )
        for other in others
    }
    adjusted = holm_adjusted({name: found.p_value for name, found in differences.items()})
    return {
        name: {
            **dataclasses.asdict(found),
            "adjusted_p_value": adjusted[name],
            "is_worse": found.is_significant_at(adjusted[name]) and found.difference < 0,
            "verdict": verdict(
                found, (name, best.name), adjusted_p_value=adjusted[name], unit=UNIT
            ),
        }
        for name, found in differences.items()
    }


def _describe(measured: MeasuredCandidate) -> dict[str, Any]:
    candidate, costs = measured.candidate, measured.costs
    model = candidate.model
    return {
        "name": candidate.name,
        "backbone": model.backbone,
        "weights": model.weights,
        "image_size_px": model.image_size_px,
        "head": model.head,
        "license": candidate.license,
        "parameters": costs.parameters,
        "size_bytes": BYTES_A_PARAMETER * costs.parameters,
        "milliseconds_per_image": round(costs.milliseconds_per_image, 3),
        "runtime": costs.runtime,
        "run": str(candidate.run_directory.path),
    }


def _recommend(
    recommended: MeasuredCandidate,
    best: MeasuredCandidate,
    others: Sequence[MeasuredCandidate],
    against_best: Mapping[str, Mapping[str, Any]],
    scheme: str,
) -> str:
    """Return in words which candidate to use, and why."""
    where = SCHEME_IN_WORDS[scheme]
    if not others:
        return f"{best.name} is the only candidate"
    if recommended is not best:
        low, _ = against_best[recommended.name]["interval"]
        return (
            f"{best.name} has the highest macro-F1 on {where} but cannot be told apart from "
            f"{recommended.name}, which needs {_time(recommended):.3g} instead of "
            f"{_time(best):.3g} ms per image and may be up to {max(-100.0 * low, 0.0):.1f} points "
            f"worse; use {recommended.name}"
        )
    if any(_time(each) < _time(best) for each in others):
        return (
            f"Use {best.name}: it has the highest macro-F1 on {where}, and all faster candidates "
            "are significantly worse"
        )
    return f"Use {best.name}: it has the highest macro-F1 on {where}, and none is faster"


def _time(measured: MeasuredCandidate) -> float:
    """Return milliseconds per image."""
    return measured.costs.milliseconds_per_image


def candidates_csv(result: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per candidate, with one column per number."""
    rows = []
    for entry in result["candidates"]:
        row = {name: value for name, value in entry.items() if not isinstance(value, dict)}
        for scheme in _schemes_of(entry):
            scores = entry[scheme]
            row[f"{scheme}_macro_f1"] = scores["macro_f1"]
            row[f"{scheme}_low"], row[f"{scheme}_high"] = scores["macro_f1_interval"]
            against = scores["against_best"]
            low, high = (None, None) if against is None else against["interval"]
            row[f"{scheme}_difference"] = None if against is None else against["difference"]
            row[f"{scheme}_difference_low"], row[f"{scheme}_difference_high"] = low, high
            row[f"{scheme}_verdict"] = "best" if against is None else against["verdict"]
        rows.append(row)
    return pd.DataFrame(rows)


def candidates_table(result: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table for reading: a row for each candidate, cells as text."""
    decisive = result["decided_by"]
    rows = {}
    for entry in result["candidates"]:
        row = {}
        for scheme in _schemes_of(entry):
            low, high = entry[scheme]["macro_f1_interval"]
            row[SCHEME_IN_WORDS[scheme]] = f"{entry[scheme]['macro_f1']:.3f} ({low:.3f}-{high:.3f})"
        against = entry[decisive]["against_best"]
        row["difference in points"] = "best"
        if against is not None:
            low, high = (100.0 * end for end in against["interval"])
            row["difference in points"] = (
                f"{100.0 * against['difference']:.1f} ({low:.1f} to {high:.1f})"
            )
        row["ms/image"] = f"{entry['milliseconds_per_image']:.3g}"
        row["M parameters"] = f"{entry['parameters'] / 1e6:.2f}"
        row["MB"] = f"{entry['size_bytes'] / 1e6:.1f}"
        row["license of weights"] = entry["license"]
        rows[entry["name"]] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _schemes_of(entry: Mapping[str, Any]) -> list[str]:
    return [scheme for scheme in SCHEME_IN_WORDS if scheme in entry]
