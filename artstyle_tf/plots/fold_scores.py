"""Scores of a cross-validation side by side: network and baseline, random folds and group folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLUE, GRAY, house_style, new_figure

_NAMES = {"random": "Random folds", "group": "No group in two folds"}


@house_style()
def plot_fold_scores(summaries: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draws a score with its 95 % interval for network and baseline in each scheme.

    Args:
        summaries: scheme -> macro_f1, macro_f1_interval, folds (each with its macro_f1),
            baseline (with macro_f1 and macro_f1_interval).

    Returns:
        Figure with one row for each; small dots are single folds.
    """
    rows = [
        (f"{_NAMES[scheme]}:\n{name}", entry, color, summary["folds"]["macro_f1"] if fine else ())
        for scheme, summary in summaries.items()
        for name, entry, color, fine in (
            ("trained", summary, BLUE, True),
            ("baseline", summary["baseline"], GRAY, False),
        )
    ]
    figure, (axes,) = new_figure(8, 1.2 + 0.6 * len(rows))
    for position, (_, entry, color, folds) in enumerate(rows):
        low, high = entry["macro_f1_interval"]
        score = entry["macro_f1"]
        axes.plot([low, high], [position, position], color=color, lw=3, solid_capstyle="butt")
        axes.plot(score, position, "o", color=color, ms=9)
        axes.text(score, position - 0.2, f"{score:.3f}", ha="center", va="bottom", fontsize=9)
        axes.plot(folds, [position + 0.22] * len(folds), "|", color=color, ms=9)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.6)
    axes.set_xlabel("Macro-F1 of all images pooled, 95 % interval; small marks: single folds")
    axes.tick_params(axis="y", length=0)
    axes.set_title("What to expect of images the network has not seen", loc="left")
    return figure
