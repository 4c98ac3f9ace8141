"""Names of results that docs/reference/metrics.md explains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def undocumented_names(result: Any) -> set[str]:
    """Return keys of a result, at any depth, that the page does not name.

    Stages, settings and dotted keys of a config are exempt.
    """
    documented = set(re.findall(r"`([a-z_0-9]+)`", _PAGE.read_text(encoding="utf-8")))
    return set(_names(result)) - documented


def _names(result: Any) -> Iterator[str]:
    if isinstance(result, dict):
        for name, value in result.items():
            yield name
            if name not in ("seconds", "num_images", "settings", "values", "importances"):
                yield from _names(value)
    elif isinstance(result, list):
        for value in result:
            yield from _names(value)
