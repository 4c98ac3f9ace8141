"""A progress bar in the output of the running notebook cell."""

from __future__ import annotations

import html
import importlib
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

_SECONDS_BETWEEN_UPDATES = 0.2


def is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def ignore_missing_widgets() -> None:
    """Silence the warning of tqdm, imported by Optuna and UMAP, that ipywidgets is missing."""
    warnings.filterwarnings("ignore", message="IProgress not found")


def track_in_notebook(items: Iterable[Item], *, total: int, description: str) -> Iterator[Item]:
    """Yield items under a progress bar.

    Args:
        items: to iterate over.
        total: how many items there are.
        description: what is being done.
    """
    displays = importlib.import_module("IPython.display")  # there is one wherever `is_notebook`
    start = last = time.monotonic()
    bar = displays.HTML(_bar(description, 0, total, None))
    shown: Any = displays.display(bar, display_id=True)
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_UPDATES or done == total:
            last = now
            left = (now - start) / done * (total - done)
            shown.update(displays.HTML(_bar(description, done, total, left)))


def _bar(description: str, done: int, total: int, seconds_left: float | None) -> str:
    left = f", {seconds_left:.0f} s left" if seconds_left and done < total else ""
    return (
        f"<div>{html.escape(description)} <progress value='{done}' max='{total}'></progress> "
        f"{done}/{total}{left}</div>"
    )
