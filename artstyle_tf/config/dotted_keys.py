"""Dotted keys: one name for each value of a nested configuration."""

from __future__ import annotations

import itertools
from typing import Any

from artstyle_tf.system.errors import ArtstyleError


def set_value(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a value in nested mappings and lists.

    Args:
        content: changed in place; missing mappings are created.
        key: such as "training.phases.0.epochs".
        value: replaces the present one.

    Raises:
        ArtstyleError: if the key leads through a value without keys, or past the end of a list.
    """
    parts = key.strip().split(".")
    node: Any = content
    for part, following in itertools.pairwise(parts):
        node = _descend(node, part, key, create=not following.isdigit())
    if isinstance(node, list):
        node[_list_index(node, parts[-1], key)] = value
    else:
        node[parts[-1]] = value


def _descend(node: Any, part: str, key: str, *, create: bool) -> Any:
    if isinstance(node, list):
        return node[_list_index(node, part, key)]
    child = node.get(part)
    if child is None and create:
        child = node[part] = {}
    if not isinstance(child, dict | list):
        raise ArtstyleError(
            f"The override {key} goes through {part}, which has no keys of its own",
            received=f"{part}={child!r}",
        )
    return child


def _list_index(items: list[Any], part: str, key: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        raise ArtstyleError(
            f"The override {key} refers to an item that does not exist",
            received=repr(part),
            expected=f"a position from 0 to {len(items) - 1}",
        )
    return int(part)
