"""Long lists in short messages."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_EXAMPLES = 3


def examples(values: Iterable[object]) -> str:
    """Names up to three values and says how many more there are."""
    everything = [str(value) for value in values]
    rest = len(everything) - _MOST_EXAMPLES
    shown = ", ".join(everything[:_MOST_EXAMPLES])
    return f"{shown} and {rest} more" if rest > 0 else shown
