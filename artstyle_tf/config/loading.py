"""YAML file + `key=value` overrides -> a validated schema, or one readable error."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from artstyle_tf.config.base import Schema
from artstyle_tf.config.dotted_keys import set_value
from artstyle_tf.config.renamed_keys import current_name
from artstyle_tf.config.yaml_files import read_value, read_yaml
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import yaml_text
from artstyle_tf.system.redaction import without_passwords

SchemaType = TypeVar("SchemaType", bound=Schema)

_MOST_ERRORS_SHOWN = 5


def load_config(
    schema: type[SchemaType] | Mapping[str, type[SchemaType]],
    file: Path | None = None,
    overrides: Sequence[str] = (),
) -> SchemaType:
    """Read a YAML file, apply dotted overrides, and validate the result.

    The overrides are set in the plain mapping and validated together with it: pydantic's
    `model_copy(update=...)` would not validate them.

    Args:
        schema: schema to validate against; or several, selected by the config's `kind`, by
            default the first.
        file: YAML file, or None for the defaults of the schema.
        overrides: items such as "model.image_size_px=320" or "training.phases.0.epochs=3"; the
            value is read as YAML, and a mapping replaces the whole mapping.

    Returns:
        The validated, frozen config.

    Raises:
        ArtstyleError: naming the file and the keys that are wrong.
    """
    content = {} if file is None else read_yaml(file)
    for override in overrides:
        _set_override(content, override)
    source = "the defaults" if file is None else str(file)
    if isinstance(schema, Mapping):
        schema = _chosen_schema(schema, content, source)
    return validate(schema, content, source=source)


def _chosen_schema(
    schemas: Mapping[str, type[SchemaType]], content: Any, source: str
) -> type[SchemaType]:
    kind = content.get("kind", next(iter(schemas))) if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in schemas:
        raise ArtstyleError(
            f"The configuration ({source}) has no valid kind of training",
            received=f"kind: {kind}",
            expected=f"kind: {' or '.join(schemas)}",
        )
    return schemas[kind]


def validate(schema: type[SchemaType], content: Any, *, source: str) -> SchemaType:
    """Validate a plain mapping.

    Validation uses JSON because strict mode then still accepts a list for a tuple.

    Raises:
        ArtstyleError: with all invalid keys.
    """
    try:
        return schema.model_validate_json(json.dumps(content))
    except ValidationError as error:
        # Only those that are shown: finding similar names takes time.
        problems = error.errors()[:_MOST_ERRORS_SHOWN]
        shown = "; ".join(_describe(schema, problem) for problem in problems)
        more = error.error_count() - _MOST_ERRORS_SHOWN
        raise ArtstyleError(
            f"The configuration ({source}, with overrides) is not valid: {shown}"
            + (f"; and {more} more" if more > 0 else ""),
            fix="correct the keys named above; --print-config shows all keys with their values",
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtstyleError(
            f"The configuration ({source}) contains a value that JSON cannot express: {error}",
            expected="numbers, strings, true/false, null, lists and mappings",
        ) from error


def with_values(config: SchemaType, values: Mapping[str, Any], *, source: str) -> SchemaType:
    """Return the config with some dotted keys changed, validated as a whole.

    Args:
        config: not changed.
        values: dotted key -> JSON value; a mapping replaces the whole mapping.
        source: of the values, for errors.

    Raises:
        ArtstyleError: with all invalid keys.
    """
    content = config.model_dump(mode="json")
    for key, value in values.items():
        set_value(content, key, value)
    return validate(type(config), content, source=source)


def dump_yaml(config: Schema) -> str:
    """Format the config as YAML, from which `load_config` gives an equal config.

    Passwords in addresses are left out; they are read from the environment.
    """
    content = without_passwords(config.model_dump(mode="json"))
    return yaml_text(content)


def different_keys(first: Schema, second: Schema, *, ignore: set[str]) -> list[str]:
    """List dotted keys whose values differ between two configs of one schema.

    Args:
        first: one config.
        second: the other.
        ignore: dotted keys that may differ, including keys below them.

    Returns:
        The keys, sorted; a list or a mapping that one of them lacks counts as one key.
    """
    # One of them may have been saved without passwords.
    one, other = (
        flatten(without_passwords(config.model_dump(mode="json"))) for config in (first, second)
    )
    keys = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return sorted(
        key for key in keys if not any(f"{key}.".startswith(f"{name}.") for name in ignore)
    )


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as dotted key -> value."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _set_override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ArtstyleError(
            "An override is invalid",
            received=repr(override),
            expected="key=value with a dotted key, such as model.image_size_px=320",
        )
    try:
        value = read_value(text)
    except ValueError as error:
        raise ArtstyleError(
            f"The value of {key} is not valid YAML",
            received=repr(text),
            fix="put it into quotes",
        ) from error
    set_value(content, key, value)


def _describe(schema: type[BaseModel], problem: Any) -> str:
    location = _readable_location(problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {location!r}{_did_you_mean(schema, problem['loc'])}"
    if problem["type"] == "missing":
        return f"{location} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    received = problem["input"]
    if isinstance(received, dict | list):
        return f"{location or 'top level'}: {message}"
    return f"{location}={received!r}: {message}"


def _readable_location(location: tuple[int | str, ...]) -> str:
    # pydantic puts the tried branch of a union, such as "literal['all']", at the end.
    return ".".join(
        str(part) for part in location if "[" not in str(part) and part not in _BRANCHES
    )


_BRANCHES = {"int", "str", "float", "bool", "constrained-int", "constrained-float"}


def _did_you_mean(schema: type[BaseModel], location: tuple[int | str, ...]) -> str:
    parent = _schema_at(schema, location[:-1])
    if parent is None:
        return ""
    retired = getattr(parent, "retired", {}).get(location[-1])
    if retired is not None:
        return f" ({retired})"
    names = list(parent.model_fields)
    prefix = "".join(f"{part}." for part in location[:-1])
    renamed = current_name(str(location[-1]), names)
    if renamed is not None:
        return f" (it is called '{prefix}{renamed}' now)"
    close = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.6)
    if close:
        return f" (did you mean '{prefix}{close[0]}'?)"
    return f" (known here: {', '.join(names)})"


def _schema_at(schema: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = schema
    for part in location:
        if isinstance(part, int) or current is None:
            continue
        field = current.model_fields.get(part)
        current = None if field is None else schema_inside(field.annotation)
    return current


def schema_inside(annotation: Any, *, in_collections: bool = True) -> type[BaseModel] | None:
    """Return the schema in `Schema`, `Schema | None` or `tuple[Schema, ...]`.

    Args:
        annotation: of a field.
        in_collections: look into tuples and mappings, too.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if not in_collections and typing.get_origin(annotation) in (tuple, dict):
        return None
    for argument in typing.get_args(annotation):
        inside = schema_inside(argument, in_collections=in_collections)
        if inside is not None:
            return inside
    return None
