"""The base of all settings: frozen, no unknown keys, strict types, lenient floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
)
from pydantic_core import core_schema

from artstyle_tf.system.visible_text import has_controls


def _parse_float(value: Any) -> Any:
    """Accept "1e-3", which PyYAML reads as a string because it lacks the decimal point."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


LenientFloat = Annotated[float, BeforeValidator(_parse_float), Field(allow_inf_nan=False)]
PositiveFloat = Annotated[LenientFloat, Field(gt=0)]
NonNegativeFloat = Annotated[LenientFloat, Field(ge=0)]
Fraction = Annotated[LenientFloat, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]


def one_of(names: Iterable[str]) -> GetPydanticSchema:
    """Restrict `str` to the names of a registry, like a `Literal`.

    Args:
        names: allowed names, in the order of error messages.

    Example:
        `FormatName = Annotated[str, one_of(FORMATS)]`
    """
    schema = core_schema.literal_schema(list(names))
    return GetPydanticSchema(lambda _source, _handler: schema)


class Schema(BaseModel):
    """Base class of all settings.

    Frozen, because a config that changes during a run cannot be repeated; extra keys are
    forbidden, because a misspelled key that is silently ignored costs a day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    retired: ClassVar[Mapping[str, str]] = {}
    """Removed keys -> what to do instead, for error messages."""


def _one_folder_name(name: str) -> str:
    if has_controls(name):
        raise ValueError("should be a plain folder name: no control characters")
    if not name or name.startswith(".") or any(character in '/\\:*?"<>|\0' for character in name):
        raise ValueError('should be a plain folder name: no slash, no leading dot, none of :*?"<>|')
    return name


RunName = Annotated[str, AfterValidator(_one_folder_name)]
