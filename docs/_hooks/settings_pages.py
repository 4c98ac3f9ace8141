"""MkDocs hook: the reference of the settings, made from their classes.

One page for each shipped config file: keys, values, defaults, and what the docstrings of the
classes say about them. A key without a line in its docstring ends the build.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import griffe
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from pydantic import BaseModel

from artstyle_tf.cli.verbs import VERBS
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS, TuningConfig

_FOLDER = "reference/settings"

_SIGNS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}

_INDEX = """# Settings

These pages are generated from the classes that hold the defaults. Each verb reads one config file,
given with `--config`; without it the shipped file of the verb, which holds the defaults. Single
keys are set behind the command, `model.image_size_px=224`, and as keywords in a notebook,
`art.train_direct(images, image_size_px=224)`. `--print-config` prints all keys with their values.

| file | verbs |
|---|---|
"""


class _Section(NamedTuple):
    """A class of settings at its place.

    Attributes:
        path: dotted key, "" for the top level.
        schema: the class.
    """

    path: str
    schema: type[BaseModel]

    @property
    def title(self) -> str:
        """Its path, with the type where several classes stand at one place."""
        kind = self.schema.model_fields.get("type")
        return self.path if kind is None else f"{self.path}, {typing.get_args(kind.annotation)[0]}"

    @property
    def anchor(self) -> str:
        """On its page."""
        return re.sub(r"\W+|_", "-", self.title).lower()


def on_files(files: Any, config: Any) -> Any:
    """Adds a page for each config file, and one that lists them."""
    shown: dict[_Section, str] = {}
    index = [_INDEX]
    for name, verbs in _verbs_of_files().items():
        page = _page(name, verbs, shown)
        files.append(File.generated(config, f"{_FOLDER}/{name}.md", content=page))
        index.append(f"| [{name}.yaml]({name}.md) | {_joined(verbs)} |\n")
    files.append(File.generated(config, f"{_FOLDER}/index.md", content="".join(index)))
    return files


def _verbs_of_files() -> dict[str, list[str]]:
    """Config file without its ending -> the verbs that take it, in the order of the verbs."""
    files: dict[str, list[str]] = {}
    for verb in VERBS.values():
        kinds = {verb.config_file: None}
        if isinstance(verb.schema, Mapping):  # its other files are those of the other kinds
            kinds |= {verb.config_file.replace("direct", kind): None for kind in verb.schema}
        for file in kinds:
            files.setdefault(file.removesuffix(".yaml"), []).append(verb.name)
    return files


def _schema_of(name: str, verbs: list[str]) -> type[BaseModel]:
    schema = VERBS[verbs[-1]].schema
    if not isinstance(schema, Mapping):
        return schema
    return next(one for kind, one in schema.items() if name.endswith(kind))


def _page(name: str, verbs: list[str], shown: dict[_Section, str]) -> str:
    schema = _schema_of(name, verbs)
    lines = [f"# {name}.yaml", "", _introduction(schema), "", f"Read by {_joined(verbs)}.", ""]
    whole = _Section("", schema)
    if schema in TUNE_EXPERIMENTS.values():
        kind = name.rpartition("_")[2]
        lines += [f"All keys of [{kind}.yaml]({kind}.md), and the section `tuning`.", ""]
        whole = _Section("tuning", TuningConfig)
    return "\n".join([*lines, *_described(whole, name, shown)])


def _described(section: _Section, page: str, shown: dict[_Section, str]) -> list[str]:
    """A table of the keys of a section, then the sections below it.

    Args:
        section: what is described.
        page: on which.
        shown: the sections that were described before, and where; gets this one.
    """
    lines: list[str] = []
    if section.path:
        level = "#" * min(2 + section.path.count("."), 4)
        lines += [f"{level} {section.title} {{#{section.anchor}}}", ""]
    if section in shown:
        there = shown[section]
        return [*lines, f"As in [{there}.yaml]({there}.md#{section.anchor}).", ""]
    if section.path:
        lines += [_introduction(section.schema), ""]
        shown[section] = page
    lines += _table(section)
    for name, field in section.schema.model_fields.items():
        for step, inside in _schemas_inside(field.annotation):
            below = _Section(f"{section.path}.{name}{step}".lstrip("."), inside)
            lines += _described(below, page, shown)
    return lines


def _schemas_inside(annotation: Any, step: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Classes of settings in a type, each with the step to it: .N in lists, .KEY in mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield step, annotation
        return
    step += {tuple: ".N", dict: ".KEY"}.get(typing.get_origin(annotation), "")
    for argument in typing.get_args(annotation):
        yield from _schemas_inside(argument, step)


def _table(section: _Section) -> list[str]:
    shapes = section.schema.model_json_schema()
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in section.schema.model_fields.items():
        key, shape = f"{section.path}.{name}".lstrip("."), shapes["properties"][name]
        value = _value(shape | _limits(field))
        places = [_Section(key + step, one) for step, one in _schemas_inside(field.annotation)]
        if places:
            value = value.replace("section", f"[section](#{places[0].anchor})", 1)
        default = _default(shape, bool(places), field.is_required())
        lines.append(f"| `{name}` | {value} | {default} | {_meaning(section.schema, name)} |")
    return [*lines, ""]


def _limits(described: Any) -> dict[str, Any]:
    """Limits of a number that its JSON schema leaves out, because text is converted first."""
    names = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
    limits: dict[str, Any] = {}
    for part in [*getattr(described, "metadata", ()), *typing.get_args(described)]:
        limits |= {to: getattr(part, name) for name, to in names.items() if hasattr(part, name)}
        limits |= _limits(part)
    annotation = getattr(described, "annotation", None)
    return limits if annotation is None else limits | _limits(annotation)


def _value(shape: dict[str, Any]) -> str:
    """What a key may be, in words, from its JSON schema."""
    for several in ("anyOf", "oneOf"):
        if several in shape:
            limits = {name: shape[name] for name in _SIGNS if name in shape}
            choices = [_value(one | limits) for one in shape[several]]
            return " or ".join(dict.fromkeys(choices))
    if "$ref" in shape or shape.get("type") == "object":
        return "section" if "$ref" in shape else "mapping" + _of(shape, "to")
    if "enum" in shape:
        return ", ".join(f"`{choice}`" for choice in shape["enum"])
    if "const" in shape:
        return f"`{shape['const']}`"
    if shape.get("type") == "array":
        return "list" + _of(shape, "of")
    names = {"string": "text", "boolean": "`true` or `false`", "null": "`null`"}
    kind = shape.get("type", "any value")
    return f"{kind}{_range(shape)}" if kind in ("integer", "number") else names.get(kind, kind)


def _of(shape: dict[str, Any], preposition: str) -> str:
    inside = shape.get("items") or shape.get("additionalProperties")
    return f" {preposition} {_value(inside)}" if isinstance(inside, dict) and inside else ""


def _range(shape: dict[str, Any]) -> str:
    if "exclusiveMinimum" in shape:
        shape = {**shape, "minimum": None}
    given = {sign: shape[name] for name, sign in _SIGNS.items() if shape.get(name) is not None}
    limits = [f"{sign} {limit:,}" for sign, limit in given.items()]
    return f" {', '.join(limits)}" if limits else ""


def _default(shape: dict[str, Any], is_section: bool, required: bool) -> str:
    if required:
        return "required"
    value = shape.get("default", {})
    if is_section and value not in (None, [], {}):
        return "below" if isinstance(value, dict) else f"`{_yaml(value)}`"
    return f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_yaml(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_yaml(each)}' for name, each in value.items())}}}"
    return value if isinstance(value, str) else json.dumps(value)


def _meaning(schema: type[BaseModel], name: str) -> str:
    for owner in schema.__mro__:
        described = _attributes(owner)
        if name in described:
            return _as_text(described[name])
    raise PluginError(f"The docstring of {schema.__name__} says nothing about {name}.")


def _as_text(description: str) -> str:
    """A sentence with a capital, and words as code that have signs of Markdown or HTML."""
    words = [
        f"`{word}`" if re.search(r"[<>^*_=]", word) and "`" not in word else word
        for word in description.replace("|", r"\|").split()
    ]
    text = re.sub(r"`(\S+?)([.,;:]+)`", r"`\1`\2", " ".join(words))
    return text[:1].upper() + text[1:] if words and "`" not in words[0] else text


def _attributes(schema: type) -> dict[str, str]:
    for part in _parsed(schema):
        if part.kind is griffe.DocstringSectionKind.attributes:
            return {item.name: " ".join(item.description.split()) for item in part.value}
    return {}


def _introduction(schema: type[BaseModel]) -> str:
    texts = [p.value for p in _parsed(schema) if p.kind is griffe.DocstringSectionKind.text]
    return "\n\n".join(texts)


def _parsed(schema: type) -> list[Any]:
    # A class without annotations for griffe to look at: types come from the schema.
    text = re.sub(r"\n {4}", "\n", schema.__doc__ or "")
    return griffe.Docstring(text, parent=None).parse("google", warnings=False)


def _joined(verbs: list[str]) -> str:
    return ", ".join(f"[`{verb}`](../command-line.md#{verb})" for verb in verbs)
