"""How a search went: the score of each trial, and the best so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from artstyle_tf.plots.theme import BLUE, GRAY, ORANGE, RED, house_style, new_figure


@house_style()
def plot_tuning_history(
    numbers: Sequence[int],
    scores: Sequence[float | None],
    states: Sequence[str],
    *,
    score_name: str,
    lines: Mapping[str, float] | None = None,
) -> Figure:
    """Draws trials in the order in which they began.

    Args:
        numbers: of the trials.
        scores: of the trials; None where there is none.
        states: complete, pruned or failed.
        score_name: what the scores are.
        lines: name -> score that trials can be held against, e.g. the winner trained again.

    Returns:
        Figure; a pruned trial has its last score, a failed one is a cross on the axis.
    """
    figure, (axes,) = new_figure(9, 4.6)
    values = np.array([np.nan if score is None else score for score in scores], float)
    state = np.array(states)
    positions = np.array(numbers, float)
    complete = (state == "complete") & np.isfinite(values)
    for name, color, marker, filled in (
        ("complete", BLUE, "o", True),
        ("pruned", ORANGE, "v", False),
    ):
        chosen = (state == name) & np.isfinite(values)
        if chosen.any():
            face = color if filled else "none"
            axes.plot(
                positions[chosen], values[chosen], marker, color=color, mfc=face, ms=5, label=name
            )
    if complete.any():
        best = np.maximum.accumulate(np.where(complete, values, -np.inf))
        known = np.isfinite(best)
        axes.step(
            positions[known], best[known], where="post", color=BLUE, lw=1.5, label="best so far"
        )
    failed = state == "failed"
    if failed.any():
        bottom = axes.get_xaxis_transform()
        axes.plot(
            positions[failed],
            np.zeros(failed.sum()),
            "x",
            color=RED,
            transform=bottom,
            clip_on=False,
            label="failed",
        )
    for number, (name, value) in enumerate((lines or {}).items()):
        style = ("--", ":", "-.")[number % 3]
        axes.axhline(value, color=GRAY, ls=style, lw=1.2, label=f"{name}, {value:.3f}")
    axes.set_xlabel("Trial")
    axes.set_ylabel(score_name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title("The search, trial by trial", loc="left")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper")
    return figure
