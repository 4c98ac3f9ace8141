"""The reasons why images must not be divided, for errors about styles that are too small."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from artstyle_tf.images.index.groups import connected

_KINDS = {
    "group": "share the name of a group",
    "bytes": "have the same bytes as another one",
    "look": "look the same as another one",
}


class Ties:
    """Images that must stay together: they share a group's name, their bytes or their look.

    Args:
        paths: of N images, for messages.
        group: name of each one's group; None where groups may be divided.
        digest: of each file's bytes; None if unknown.
        looks_like: equal for images that look the same; None if unknown or to be ignored.
    """

    def __init__(
        self,
        paths: Iterable[str],
        *,
        group: Iterable[object] | None = None,
        digest: Iterable[object] | None = None,
        looks_like: Iterable[object] | None = None,
    ) -> None:
        self._paths = np.asarray(list(paths), dtype=object)
        keys = {"group": group, "bytes": digest, "look": looks_like}
        self._keys = {
            kind: pd.factorize(np.asarray(list(values), dtype=object))[0]
            for kind, values in keys.items()
            if values is not None
        }
        self.clusters = connected(range(len(self._paths)), *self._keys.values())
        """int [N] in [0, G), the same number for images that have to stay together."""

    def why_so_few(self, members: np.ndarray) -> str:
        """Return why a style, with members bool [N], has so few groups, to append to their number.

        For example " (12 look the same as another one, e.g. a/1.jpg and a/2.jpg)"; "" without ties.
        """
        reasons = "; ".join(self._reasons(members).values())
        return f" ({reasons})" if reasons else ""

    def remedy(self, styles: Iterable[np.ndarray]) -> str | None:
        """Return how to fix that for styles, bool [N] each; None if no images are tied."""
        kinds = {kind for members in styles for kind in self._reasons(members)}
        advice = []
        if "group" in kinds:
            advice.append("add images of other groups, or correct the groups")
        if kinds & {"bytes", "look"}:
            advice.append("replace the copies by other images")
        if "look" in kinds:
            advice.append("if they are no copies, data.near_duplicates=ignore divides them")
        return "; ".join(advice) or None

    def _reasons(self, members: np.ndarray) -> dict[str, str]:
        """Count the tied images of a style by kind of tie, with a pair as example."""
        if len(np.unique(self.clusters[members])) == members.sum():
            return {}
        reasons = {}
        for kind, values in self._keys.items():
            # That files with the same bytes also look the same explains nothing.
            items = self._keys.get("bytes") if kind == "look" else None
            items = np.arange(len(values)) if items is None else items
            table = pd.DataFrame({"value": values, "item": items})
            tied = members & (table.groupby("value")["item"].transform("nunique") > 1).to_numpy()
            if not tied.any():
                continue
            largest = pd.Series(values[tied]).mode()[0]
            first = np.flatnonzero(tied & (values == largest))[0]
            others = (values == largest) & (items != items[first])
            second = np.flatnonzero(others & members if (others & members).any() else others)[0]
            pair = f"{self._paths[first]} and {self._paths[second]}"
            reasons[kind] = f"{tied.sum()} {_KINDS[kind]}, e.g. {pair}"
        return reasons


def size_in_words(num_images: int, num_groups: int) -> str:
    """Format sizes, for example "12 images in 1 group"."""
    images = "image" if num_images == 1 else "images"
    return f"{num_images} {images} in {num_groups} {'group' if num_groups == 1 else 'groups'}"
