"""Two objectives of a search against each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLUE, GRAY, house_style, new_figure


@house_style()
def plot_pareto_front(
    scores: Sequence[float],
    costs: Sequence[float],
    is_front: Sequence[bool],
    numbers: Sequence[int],
    *,
    score_name: str,
    cost_name: str,
) -> Figure:
    """Draws all trials, and those that no other beats in both.

    Args:
        scores: of the trials; more is better.
        costs: of the trials; less is better.
        is_front: which no other trial beats in both.
        numbers: of the trials.
        score_name: what the scores are.
        cost_name: what the costs are.

    Returns:
        Figure; the front is named by the numbers of its trials.
    """
    figure, (axes,) = new_figure(7, 4.6)
    x, y, front = np.array(costs, float), np.array(scores, float), np.array(is_front, bool)
    axes.plot(x[~front], y[~front], "o", color=GRAY, mfc="none", ms=5, label="beaten in both")
    order = np.flatnonzero(front)[np.argsort(x[front])]
    axes.step(x[order], y[order], where="post", color=BLUE, lw=1.2)
    axes.plot(x[order], y[order], "o", color=BLUE, ms=6, label="not beaten")
    for position in order:
        axes.annotate(
            str(numbers[position]),
            (x[position], y[position]),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.margins(0.08)
    axes.set_xlabel(cost_name)
    axes.set_ylabel(score_name)
    axes.set_title("What more time buys; numbers are trials", loc="left")
    figure.legend(loc="outside right upper")
    return figure
