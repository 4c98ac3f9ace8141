"""The search space: parameters by dotted key, with ranges, choices and conditions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.parameters import Parameter, token_of


class SearchSpace:
    """A search space, whose parameters come after those that their conditions name.

    Args:
        parameters: dotted key of the experiment -> its values, in any order.

    Raises:
        ArtstyleError: if conditions are circular.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.parameters: dict[str, Parameter] = {}
        waiting = dict(parameters)
        while waiting:
            ready = {k: p for k, p in waiting.items() if set(p.when) <= set(self.parameters)}
            if not ready:
                raise ArtstyleError(
                    "The conditions of the search space cannot be resolved",
                    received=", ".join(waiting),
                    expected="conditions on other keys of the space, without circles",
                    fix="change their `when`",
                )
            self.parameters |= ready
            waiting = {key: p for key, p in waiting.items() if key not in ready}

    def draw(self, suggest: Callable[[str, Parameter], Any]) -> dict[str, Any]:
        """Draw a token of every parameter whose conditions hold.

        Args:
            suggest: key and parameter -> token.

        Returns:
            Key -> token. A parameter whose condition names one that was not drawn is not drawn.
        """
        drawn: dict[str, Any] = {}
        for key, parameter in self.parameters.items():
            if _is_active(parameter, drawn):
                drawn[key] = suggest(key, parameter)
        return drawn

    def combinations(self, most: int) -> list[dict[str, Any]] | None:
        """Return the values of every possible trial; None if there are more than `most`."""
        found: list[dict[str, Any]] = [{}]
        for key, parameter in self.parameters.items():
            tokens = parameter.tokens_up_to(most)
            extended: list[dict[str, Any]] = []
            for drawn in found:
                if not _is_active(parameter, drawn):
                    extended.append(drawn)
                elif tokens is None:
                    return None
                else:
                    extended += [{**drawn, key: token} for token in tokens]
                if len(extended) > most:
                    return None
            found = extended
        return [self.values_of(tokens) for tokens in found]

    def values_of(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """Return key -> value for key -> token."""
        return {key: self.parameters[key].value_of(token) for key, token in tokens.items()}

    def describe(self) -> list[dict[str, Any]]:
        """Return all parameters as JSON values, sorted by key."""
        return [
            {"key": key, **parameter.model_dump(mode="json")}
            for key, parameter in sorted(self.parameters.items())
        ]


def _is_active(parameter: Parameter, drawn: Mapping[str, Any]) -> bool:
    return all(
        key in drawn and drawn[key] in [token_of(value) for value in values]
        for key, values in parameter.when.items()
    )


def digest_of(description: Any) -> str:
    """Return 16 hexadecimal digits that are equal for equal JSON values only."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]


def different_entries(known: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return the dotted names that differ between two descriptions of a study, the space first.

    Either has "space", as `SearchSpace.describe` returns it, and other entries.
    """
    old, new = (
        {f"space.{entry['key']}": entry for entry in about.get("space", [])}
        for about in (known, current)
    )
    for flat, about in ((old, known), (new, current)):
        flat |= {name: value for name, value in about.items() if name != "space"}
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return sorted(changed, key=lambda name: not name.startswith("space."))
