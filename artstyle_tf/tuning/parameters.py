"""The parameters of a search space, as settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from artstyle_tf.config.base import LenientFloat, PositiveFloat, PositiveInt, Schema


def token_of(value: Any) -> Any:
    """Return a scalar as it is, anything else as JSON text."""
    is_scalar = value is None or isinstance(value, bool | int | float | str)
    return value if is_scalar else json.dumps(value, sort_keys=True)


class ParameterConfig(Schema):
    """The range of one key of the experiment.

    `when` names other keys of the space, each with the values for which this one is searched; for
    any other value the experiment keeps its own. Optimizers draw tokens: numbers and texts as they
    are, other choices as JSON text.

    Attributes:
        when: other key of the space -> values for which this key is searched.
    """

    when: dict[str, tuple[Any, ...]] = Field(default_factory=dict)

    def token_of(self, value: Any) -> Any:
        """Return the token that an optimizer draws for a value."""
        return value

    def value_of(self, token: Any) -> Any:
        """Return the value that a token represents."""
        return token

    def on_grid(self, value: Any) -> Any:
        """Return the value as `tokens_up_to` does: optimizers round float steps differently."""
        return value


class NumberParameterConfig(ParameterConfig):
    """A number between two others; `log` draws its logarithm uniformly.

    Attributes:
        low: smallest value.
        high: largest value, included.
        log: draw the logarithm uniformly.
        step: distance of the values.
    """

    low: Any
    high: Any
    log: bool = False
    step: Any = None

    @model_validator(mode="after")
    def _range(self) -> NumberParameterConfig:
        if self.low > self.high:
            raise ValueError(f"low should not be above high, {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError("low should be above 0 for a logarithmic range")
        if self.log and self.step != type(self).model_fields["step"].default:
            raise ValueError("log and step exclude each other")
        return self

    def holds(self, value: Any) -> bool:
        """Return whether the value may have been drawn."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def examples(self) -> Sequence[Any]:
        """Return both ends of the range."""
        return [self.low, self.high]


class FloatParameterConfig(NumberParameterConfig):
    """A float between two others.

    Attributes:
        type: kind of the parameter.
        step: distance of the values; null for any value in between.
    """

    type: Literal["float"]
    low: LenientFloat
    high: LenientFloat
    step: PositiveFloat | None = None

    def all_values(self) -> None:
        """Return None: there are too many values to list."""

    def on_grid(self, value: Any) -> Any:
        """Return the value as `tokens_up_to` does: optimizers round float steps differently."""
        if not self.step or self.low == self.high:
            return value
        return self.low + self.step * round((value - self.low) / self.step)

    def tokens_up_to(self, most: int) -> Sequence[Any] | None:
        """Return every number that may be drawn; None if there are more than `most`."""
        if self.low == self.high:
            return [self.low]
        if self.step is None:
            return None
        # A little more, because 0.3 / 0.1 is 2.9999999999999996.
        last = int((self.high - self.low) / self.step + 1e-9)
        return None if last >= most else [self.low + self.step * n for n in range(last + 1)]


class IntParameterConfig(NumberParameterConfig):
    """An integer between two others.

    Attributes:
        type: kind of the parameter.
        step: distance of the values.
    """

    type: Literal["int"]
    low: int
    high: int
    step: PositiveInt = 1

    def all_values(self) -> Sequence[int]:
        """Return every value."""
        return range(self.low, self.high + 1, self.step)

    def tokens_up_to(self, most: int) -> Sequence[Any] | None:
        """Return every number that may be drawn; None if there are more than `most`."""
        values = self.all_values()
        return None if len(values) > most else values


class CategoricalParameterConfig(ParameterConfig):
    """One of several values of any kind, lists and mappings included.

    Attributes:
        type: kind of the parameter.
        choices: the values.
    """

    type: Literal["categorical"]
    choices: Annotated[tuple[Any, ...], Field(min_length=1)]

    @property
    def tokens(self) -> list[Any]:
        """The tokens of the choices."""
        return [token_of(choice) for choice in self.choices]

    def token_of(self, value: Any) -> Any:
        """Return the token that an optimizer draws for a value."""
        return token_of(value)

    def value_of(self, token: Any) -> Any:
        """Return the choice that a token represents; raises ValueError if there is none."""
        return self.choices[self.tokens.index(token)]

    def holds(self, value: Any) -> bool:
        """Return whether the value may have been drawn."""
        return token_of(value) in self.tokens

    def examples(self) -> Sequence[Any]:
        """Return every choice."""
        return self.choices

    def all_values(self) -> Sequence[Any]:
        """Return every choice."""
        return self.choices

    def tokens_up_to(self, most: int) -> list[Any]:
        """Return every token once, however many there are."""
        del most
        return list(dict.fromkeys(self.tokens))


Parameter = Annotated[
    FloatParameterConfig | IntParameterConfig | CategoricalParameterConfig,
    Field(discriminator="type"),
]
