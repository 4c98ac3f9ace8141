"""Checks for NaN and infinity, which must not become results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from artstyle_tf.system.errors import ArtstyleError


class NotFiniteError(ArtstyleError):
    """A computation gave NaN or infinity; nothing that depends on it is a result."""


def all_finite(arrays: Iterable[np.ndarray]) -> bool:
    """Return whether no array contains NaN or infinity."""
    return all(bool(np.isfinite(array).all()) for array in arrays)


def check_finite(
    rows: np.ndarray, what: str, *, fix: str, names: Sequence[str] | None = None
) -> None:
    """Refuse rows that contain NaN or infinity.

    Args:
        rows: float [N, ...], one row per image.
        what: description of the rows in the plural, e.g. "features of train images".
        fix: for the message.
        names: N names of the rows; the message has the first one affected.

    Raises:
        NotFiniteError: if there are such rows.
    """
    is_finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
    if is_finite.all():
        return
    affected = np.flatnonzero(~is_finite)
    first = "" if names is None else f", the first of them {names[affected[0]]}"
    raise NotFiniteError(
        f"{what[0].upper()}{what[1:]} are not finite",
        received=f"NaN or infinity in {len(affected)} of {len(rows)}{first}",
        fix=fix,
    )
