"""Settings as keyword arguments: `backbone="efficientnet_v2_b0"` instead of a config file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from artstyle_tf.config.base import Schema
from artstyle_tf.config.dotted_keys import set_value
from artstyle_tf.config.loading import schema_inside, validate
from artstyle_tf.config.renamed_keys import current_name
from artstyle_tf.system.errors import ArtstyleError

SchemaType = TypeVar("SchemaType", bound=Schema)


def config_from_keywords(
    schema: type[SchemaType], fixed: Mapping[str, Any], keywords: Mapping[str, Any]
) -> SchemaType:
    """Build a config from defaults and keywords.

    Args:
        schema: of the config.
        fixed: dotted key -> value set by the function itself.
        keywords: each is one of
            - a key of the top level, such as `seed=1`; a mapping changes some keys of a section:
              `training={"optimizer": {"weight_decay": 0.1}}`,
            - a dotted key, in `**{"training.optimizer.weight_decay": 0.1}`,
            - the last part of a dotted key, where that is unique: `weight_decay=0.1`.

    Returns:
        The validated config.

    Raises:
        ArtstyleError: at an unknown keyword, with a similar one; at an ambiguous one, with all
            candidates; and at invalid values.
    """
    sections = dict(_dotted_keys(schema))
    content: dict[str, Any] = {}
    # The function's own values come last, so that keywords cannot override its arguments.
    for name, value in [*keywords.items(), *fixed.items()]:
        for key, plain in _flat(_key_of(name, list(sections)), _plain(value), sections):
            set_value(content, key, plain)
    return validate(schema, content, source="the keywords")


def _key_of(name: str, keys: list[str]) -> str:
    if name in keys:
        return name
    found = [key for key in keys if key.rpartition(".")[2] == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArtstyleError(
            f"The keyword {name} is ambiguous",
            received=f"{name}=...",
            expected=" or ".join(found),
            fix=f"give the whole key: **{{{found[0]!r}: ...}}",
        )
    # A dotted key below a mapping with free keys, such as a tuning space, is left to pydantic.
    if "." in name:
        return name
    names = {key.rpartition(".")[2] for key in keys}
    renamed = current_name(name, names)
    close = [renamed] if renamed is not None else difflib.get_close_matches(name, names, n=1)
    raise ArtstyleError(
        f"There is no setting called {name}",
        received=f"{name}=...",
        expected=f"did you mean {close[0]}?" if close else "a key of the configuration",
        fix="print(run.config) or --print-config shows all keys with their values",
    )


def _dotted_keys(schema: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Yield all keys and whether each is a section, top level first."""
    below = []
    for name, field in schema.model_fields.items():
        # Tuples and mappings have no fixed keys: they are set as a whole.
        section = schema_inside(field.annotation, in_collections=False)
        yield prefix + name, section is not None
        if section is not None:
            below.append((section, f"{prefix}{name}."))
    for section, its_prefix in below:
        yield from _dotted_keys(section, its_prefix)


def _flat(key: str, value: Any, sections: Mapping[str, bool]) -> Iterator[tuple[str, Any]]:
    """Flatten a mapping for a section, so that its other keys keep their defaults."""
    if isinstance(value, dict) and value and sections.get(key):
        for name, each in value.items():
            yield from _flat(f"{key}.{name}", each, sections)
    else:
        yield key, value


def _plain(value: Any) -> Any:
    """Convert paths, NumPy scalars and models to JSON values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        return value.item()
    return value
