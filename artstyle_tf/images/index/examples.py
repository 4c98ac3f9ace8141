"""Long lists in short messages."""

from __future__ import annotations

from collections.abc import Iterable

_MAX_EXAMPLES = 3


def examples(values: Iterable[object]) -> str:
    """Name up to three values, and how many more there are."""
    everything = [str(value) for value in values]
    rest = len(everything) - _MAX_EXAMPLES
    shown = ", ".join(everything[:_MAX_EXAMPLES])
    return f"{shown} and {rest} more" if rest > 0 else shown
