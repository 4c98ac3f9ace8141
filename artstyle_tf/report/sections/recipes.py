"""In what the configurations of runs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from artstyle_tf.report.run_facts import RunFacts

# Where things lie says nothing about a recipe.
_LEFT_OUT = ("run_name", "outputs", "data.prepared", "cross_validation", "report")


def recipes(runs: Sequence[RunFacts]) -> dict[str, Any] | None:
    """Dotted keys that have different values, with the value in each run; None if none has."""
    flat = [dict(flat_config(facts.config)) for facts in runs]
    keys = list(dict.fromkeys(key for one in flat for key in one))
    rows = [
        (key, [one.get(key, "–") for one in flat])
        for key in keys
        if len({one.get(key) for one in flat}) > 1 and not _is_left_out(key)
    ]
    return {"runs": [facts.name for facts in runs], "rows": rows} if rows else None


def _is_left_out(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in _LEFT_OUT)


def flat_config(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys of a config with their values as text."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from flat_config(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", "null" if value is None else str(value)
