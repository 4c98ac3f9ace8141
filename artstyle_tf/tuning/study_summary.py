"""What is said of a study, as JSON values and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.live_board import short_value
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.study_verdict import Verdict
from artstyle_tf.tuning.trial_records import TrialRecord


def in_words(result: dict[str, Any]) -> str:
    """The result as text."""
    if result.get("dry_run"):
        lines = [f"{key}: {value}" for key, value in result.items() if key != "dry_run"]
        return "Dry run: nothing was written.\n" + "\n".join(lines)
    states = ", ".join(f"{count} {state}" for state, count in result["trials"].items() if count)
    lines = [f"Trials:  {states}"]
    if result["ended_early"] is not None:
        lines.append(f"Ended:   {result['ended_early']}")
    values = {key: short_value(value) for key, value in result["best"]["values"].items()}
    width = max(map(len, values), default=0)
    lines += [
        f"Winner:  trial {result['best']['trial']}",
        *(f"  {key:<{width}}  {value}" for key, value in values.items()),
        *result["confirmation"],
        *(f"{text[0].upper()}{text[1:]}." for text in result["verdicts"]),
        f"Config:  {result['best_config']}",
        f"Figures: {result['figures']}",
        f"Results: {result['study']} ({result['seconds']['total']:.0f} s)",
    ]
    return "\n".join(lines)


def best_entry(best: Sequence[TrialRecord], verdict: Verdict) -> dict[str, Any]:
    """The winner, as `best.json` has it."""
    record = next(record for record in best if record.number == verdict.winner)
    confirmed = next((r for r in verdict.recipes if r["trial"] == record.number), None)
    return {
        **record_entry(record),
        "confirmed_macro_f1": None if confirmed is None else confirmed["mean"],
    }


def record_entry(record: TrialRecord) -> dict[str, Any]:
    """A trial by its number, values and scores."""
    return {"trial": record.number, "values": record.values, "scores": record.scores}


def no_valid_trial(records: Sequence[TrialRecord]) -> ArtstyleError:
    """The error for a study in which nothing can be named the winner."""
    states = Counter(record.state for record in records)
    counted = ", ".join(f"{count} {state}" for state, count in states.items()) or "no trial"
    reason = next((f"; trial {r.number} {r.state}: {r.reason}" for r in records if r.reason), "")
    return ArtstyleError(
        "No trial has a score, so there is no best one",
        received=f"{counted}{reason}",
        expected="at least one complete trial",
        fix="repair that and choose another --run-name, or let the study go on with more --trials",
    )


def range_in_words(space: SearchSpace, key: str) -> str:
    """What a key may be, and when."""
    parameter = space[key]
    if parameter.kind == "categorical":
        words = " | ".join(str(token) for token in parameter.tokens)
    else:
        words = f"{parameter.low:g} to {parameter.high:g}" + (", log" if parameter.log else "")
    conditions = [f"{name} in {list(values)}" for name, values in parameter.when.items()]
    return words + (f", if {' and '.join(conditions)}" if conditions else "")
