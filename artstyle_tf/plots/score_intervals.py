"""Scores of several models on the same images, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from artstyle_tf.plots.theme import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    class_labels,
    house_style,
    new_figure,
)

_COLORS = (BLUE, ORANGE, GREEN, PURPLE)
_MARKERS = ("o", "s", "^", "D")


@house_style()
def plot_score_intervals(
    scores: Mapping[str, Sequence[tuple[str, float, tuple[float, float] | None]]],
    *,
    xlabel: str,
    title: str,
) -> Figure:
    """Draws a row for each model and in it a mark for each score.

    Args:
        scores: name of the model -> name, value and interval of each of up to four scores.
        xlabel: what is measured, and what the lines are.
        title: of the figure.

    Returns:
        A figure that grows with the models; the legend lies on the right of the data.
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
    axes.set_title(" ".join(title.split()), loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure
