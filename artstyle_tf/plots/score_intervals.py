"""Scores with their intervals: of several models, or of cross-validation folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from artstyle_tf.plots.theme import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    class_labels,
    house_style,
    new_figure,
    set_title,
)

_COLORS = (BLUE, ORANGE, GREEN, PURPLE)
_MARKERS = ("o", "s", "^", "D")
SCHEME_TITLES = {"random": "Random folds", "group": "Folds without a common group"}


@house_style()
def plot_score_intervals(
    scores: Mapping[str, Sequence[tuple[str, float, tuple[float, float] | None]]],
    *,
    xlabel: str,
    title: str,
) -> Figure:
    """Draw a row for each model, with a mark for each of its scores.

    Args:
        scores: name of the model -> name, value and interval of each of up to four scores.
        xlabel: name of the scores.
        title: of the figure.
    """
    names = class_labels(list(scores), longest=44)
    most_marks = max(map(len, scores.values()))
    figure, (axes,) = new_figure(9.5, 1.3 + (0.2 + 0.2 * most_marks) * len(scores))
    step = 0.76 / most_marks
    for row, marks in enumerate(scores.values()):
        for number, (name, value, interval) in enumerate(marks):
            position = row + step * (number - (len(marks) - 1) / 2)
            color, marker = _COLORS[number], _MARKERS[number]
            if interval is not None:
                axes.plot(interval, [position] * 2, color=color, lw=2.5, solid_capstyle="butt")
            label = name if row == 0 else None
            axes.plot(value, position, marker, color=color, ms=7, label=label)
            axes.annotate(
                f"{value:.3f}",
                (max(value, (interval or (value, value))[1]), position),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)
    axes.set_xlabel(xlabel)
    set_title(axes, title)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


@house_style()
def plot_fold_scores(summaries: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw cross-validated macro-F1 of model and baseline in each scheme.

    Args:
        summaries: scheme -> macro_f1, macro_f1_interval, folds (each with its macro_f1),
            baseline (with macro_f1 and macro_f1_interval).
    """
    rows = []
    for scheme, summary in summaries.items():
        name = SCHEME_TITLES[scheme]
        rows.append((f"{name}:\nmodel", summary, BLUE, summary["folds"]["macro_f1"]))
        rows.append((f"{name}:\nbaseline", summary["baseline"], GRAY, ()))
    figure, (axes,) = new_figure(8, 1.2 + 0.6 * len(rows))
    for position, (_, entry, color, folds) in enumerate(rows):
        score = entry["macro_f1"]
        ends = list(entry["macro_f1_interval"])
        axes.plot(ends, [position, position], color=color, lw=3, solid_capstyle="butt")
        axes.plot(score, position, "o", color=color, ms=9)
        axes.text(score, position - 0.2, f"{score:.3f}", ha="center", va="bottom", fontsize=9)
        axes.plot(folds, [position + 0.22] * len(folds), "|", color=color, ms=9)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.6)
    axes.set_xlabel("Macro-F1 of pooled predictions with 95 % interval; small marks: single folds")
    axes.tick_params(axis="y", length=0)
    axes.set_title("Cross-validation", loc="left")
    return figure
