"""What is searched: parameters named by dotted keys, with ranges, choices and conditions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from artstyle_tf.system.errors import ArtstyleError


@dataclass(frozen=True)
class Parameter:
    """One key and the values it may have.

    Attributes:
        key: dotted key of an experiment.
        kind: of the values.
        low: least value of a number.
        high: greatest value of a number.
        log: draw the logarithm of a number evenly.
        step: between neighboring values; None for any float, or every integer.
        choices: of a categorical parameter; any JSON values.
        when: other keys -> the values for which this parameter is searched.
    """

    key: str
    kind: Literal["float", "int", "categorical"]
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    choices: Sequence[Any] = ()
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def tokens(self) -> list[Any]:
        """The choices as scalars, which is what optimizers take: others become JSON text."""
        return [self.token_of(choice) for choice in self.choices]

    def value_of(self, token: Any) -> Any:
        """What a drawn number or token stands for."""
        if self.kind != "categorical":
            return token
        return self.choices[self.tokens.index(token)]

    def token_of(self, value: Any) -> Any:
        """What an optimizer has drawn for a value."""
        return _token(value) if self.kind == "categorical" else value

    def holds(self, value: Any) -> bool:
        """Whether the value may have been drawn."""
        if self.kind == "categorical":
            return _token(value) in self.tokens
        return isinstance(value, int | float) and self.low <= value <= self.high

    def examples(self) -> list[Any]:
        """Values from all corners of the range: both ends, or every choice."""
        if self.kind == "categorical":
            return list(self.choices)
        return [self.low, self.high]

    def all_values(self) -> list[Any] | None:
        """Every value there is; None if a float has too many."""
        if self.kind == "categorical":
            return list(self.choices)
        if self.kind == "int":
            return list(range(int(self.low), int(self.high) + 1, int(self.step or 1)))
        return None

    def on_grid(self, value: Any) -> Any:
        """The value as `tokens_up_to` gives it: optimizers round steps of floats differently."""
        if self.kind != "float" or not self.step or self.low == self.high:
            return value
        return self.low + self.step * round((value - self.low) / self.step)

    def tokens_up_to(self, most: int) -> list[Any] | None:
        """Every number or token that may be drawn; None if there are more than `most`."""
        if self.kind == "categorical":
            return list(dict.fromkeys(self.tokens))
        if self.low == self.high:
            return [self.low]
        if self.kind == "float" and self.step is None:
            return None
        step = self.step or 1
        # A little more, because 0.3 / 0.1 is 2.9999999999999996.
        last = int((self.high - self.low) / step + 1e-9)
        return None if last >= most else [self.low + step * n for n in range(last + 1)]


class SearchSpace:
    """Parameters, those that others depend on first.

    Args:
        parameters: in any order.

    Raises:
        ArtstyleError: if conditions go round in circles.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = _in_order(list(parameters))

    def __getitem__(self, key: str) -> Parameter:
        found = next((parameter for parameter in self.parameters if parameter.key == key), None)
        if found is None:
            raise KeyError(key)
        return found

    @property
    def keys(self) -> list[str]:
        """The dotted keys."""
        return [parameter.key for parameter in self.parameters]

    def draw(self, suggest: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Asks for a token of every parameter whose conditions hold.

        Args:
            suggest: parameter -> number, or one of its tokens.

        Returns:
            Key -> token. A parameter whose condition names one that was not drawn is not drawn.
        """
        drawn: dict[str, Any] = {}
        for parameter in self.parameters:
            if self._is_active(parameter, drawn):
                drawn[parameter.key] = suggest(parameter)
        return drawn

    def combinations(self, most: int) -> list[dict[str, Any]] | None:
        """The values of every trial that there can be; None if there are more than `most`."""
        found: list[dict[str, Any]] = [{}]
        for parameter in self.parameters:
            tokens = parameter.tokens_up_to(most)
            extended: list[dict[str, Any]] = []
            for drawn in found:
                if not self._is_active(parameter, drawn):
                    extended.append(drawn)
                elif tokens is None:
                    return None
                else:
                    extended += [{**drawn, parameter.key: token} for token in tokens]
                if len(extended) > most:
                    return None
            found = extended
        return [self.values_of(tokens) for tokens in found]

    def values_of(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """Key -> what its token stands for."""
        return {key: self[key].value_of(token) for key, token in tokens.items()}

    def describe(self) -> list[dict[str, Any]]:
        """All parameters as JSON values, by key."""
        described = [asdict(parameter) for parameter in self.parameters]
        # Through JSON, so that tuples and lists are the same thing.
        return json.loads(json.dumps(sorted(described, key=lambda entry: entry["key"])))

    def _is_active(self, parameter: Parameter, drawn: Mapping[str, Any]) -> bool:
        return all(
            key in drawn and drawn[key] in [_token(value) for value in values]
            for key, values in parameter.when.items()
        )


def digest_of(description: Any) -> str:
    """A short name for JSON values, equal only if they are equal."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]


def different_entries(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What differs between two descriptions of a study: dotted names, those of the space first.

    Args:
        known: has "space", as `SearchSpace.describe` gives it, and other entries.
        wanted: likewise.
    """
    old, new = (
        {f"space.{entry['key']}": entry for entry in about.get("space", [])}
        for about in (known, wanted)
    )
    for flat, about in ((old, known), (new, wanted)):
        flat |= {name: value for name, value in about.items() if name != "space"}
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return sorted(changed, key=lambda name: not name.startswith("space."))


def _token(value: Any) -> Any:
    is_scalar = value is None or isinstance(value, bool | int | float | str)
    return value if is_scalar else json.dumps(value, sort_keys=True)


def _in_order(waiting: list[Parameter]) -> list[Parameter]:
    ordered: list[Parameter] = []
    while waiting:
        known = {parameter.key for parameter in ordered}
        ready = [parameter for parameter in waiting if set(parameter.when) <= known]
        if not ready:
            raise ArtstyleError(
                "The conditions of the search space cannot be resolved",
                received=", ".join(parameter.key for parameter in waiting),
                expected="conditions on other keys of the space, not in circles",
                fix="change their `when`",
            )
        ordered += ready
        waiting = [parameter for parameter in waiting if parameter not in ready]
    return ordered
