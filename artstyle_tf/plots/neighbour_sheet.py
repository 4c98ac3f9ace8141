"""Pictures with their nearest neighbours in the embedding space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.plots.prediction_gallery import plot_prediction_gallery

NUM_NEIGHBOURS = 8


def choose_queries(labels: np.ndarray, is_right: np.ndarray, *, most_rows: int = 24) -> list[int]:
    """Which pictures tell most: of each class one that is misplaced and one that is typical.

    Args:
        labels: int [N], classes of the queries.
        is_right: bool [N, k], whether each neighbour is of the query's class.
        most_rows: rows at most; classes take turns.

    Returns:
        Positions in [0, N), class by class: of each the query with the fewest right neighbours,
        then the one with the most. One alone if all its queries are equally right.
    """
    share = is_right.mean(axis=1)
    classes = np.unique(labels)
    rows_per_class = 2 if 2 * len(classes) <= most_rows else 1
    chosen = []
    for label in classes[:most_rows]:
        positions = np.flatnonzero(labels == label)
        order = positions[np.argsort(share[positions], kind="stable")]
        worst, best = int(order[0]), int(order[-1])
        chosen += [worst] if share[worst] == share[best] else [worst, best][:rows_per_class]
    return chosen


def plot_neighbour_sheet(
    queries: Sequence[np.ndarray],
    neighbours: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[tuple[str, bool]]],
    row_names: Sequence[str],
    *,
    title: str,
) -> Figure:
    """Draws a row for each query: itself, then its neighbours, the nearest first.

    Args:
        queries: uint8 [S, S, 3] each.
        neighbours: of each query, uint8 [S, S, 3].
        captions: of each neighbour, with whether it is of the query's class: framed green, or red.
        row_names: class of each query.
        title: of the figure.
    """
    return plot_prediction_gallery(
        [[query, *row] for query, row in zip(queries, neighbours, strict=True)],
        [[("query", None), *row] for row in captions],
        row_names,
        title=title,
    )
