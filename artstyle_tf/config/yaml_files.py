"""Load untrusted YAML: plain values only, no duplicate keys, a limited number of values."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from artstyle_tf.system.errors import ArtstyleError

_MAX_VALUES = 100_000
_MOST_KEYS_SHOWN = 5

# A config is a few kilobytes. Reading YAML takes about 8 seconds for a megabyte.
_MOST_BYTES = 2**18


class _UniqueKeyLoader(yaml.SafeLoader):
    """Reject equal keys, of which PyYAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        counts = Counter(key.value for key, _ in node.value if isinstance(key.value, str))
        repeated = sorted(key for key, count in counts.items() if count > 1)
        if repeated:
            shown = ", ".join(repeated[:_MOST_KEYS_SHOWN])
            more = len(repeated) - _MOST_KEYS_SHOWN
            shown += f" and {more} more" if more > 0 else ""
            raise yaml.constructor.ConstructorError(
                None, None, f"key given twice: {shown}", node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ArtstyleError: if the file is missing, is not YAML, or is not a mapping.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(_MOST_BYTES + 1)
        if len(start) > _MOST_BYTES:
            raise ArtstyleError(
                f"The config file {file} is too large for a config",
                received=f"more than {_MOST_BYTES // 2**10} KiB",
                expected="keys and values, a few kilobytes",
                fix=_suggest_file(file),
            )
        text = start.decode("utf-8")
    except OSError as error:
        raise ArtstyleError(
            f"Cannot read the config file {file}",
            received=error.strerror,
            expected="a YAML file",
            fix=_suggest_file(file),
        ) from error
    except UnicodeDecodeError as error:
        raise ArtstyleError(f"The config file {file} is not UTF-8 text") from error
    try:
        content = yaml.load(text, Loader=_UniqueKeyLoader)
        _refuse_too_many_values(content)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ArtstyleError(
            f"The config file {file} is not valid YAML", received=" ".join(str(error).split())
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ArtstyleError(
            f"The config file {file} should hold keys and values",
            received=type(content).__name__,
            expected="a mapping such as 'seed: 42'",
        )
    return content


def _refuse_too_many_values(content: Any) -> None:
    """Refuse content with too many values: nested aliases expand beyond the available memory.

    Raises:
        ValueError: if there are more values than any config needs.
    """
    waiting, seen = [content], 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > _MAX_VALUES:
            raise ValueError(f"more than {_MAX_VALUES:,} values; aliases that name each other?")
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _suggest_file(file: Path) -> str | None:
    folder = file.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist"
    files = sorted(path.name for path in folder.glob("*.yaml"))
    return f"{folder} holds {', '.join(files)}" if files else f"{folder} holds no .yaml file"


def read_value(text: str) -> Any:
    """Read a single value.

    Raises:
        ValueError: if it is not valid YAML.
    """
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    _refuse_too_many_values(value)
    return value
