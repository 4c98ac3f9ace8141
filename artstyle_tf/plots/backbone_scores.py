"""Scores of frozen backbones against the time of their forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from artstyle_tf.plots.score_intervals import SCHEME_TITLES
from artstyle_tf.plots.theme import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    class_labels,
    house_style,
    new_panels,
    scale_logarithmically,
    set_title,
)

_COLORS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Of the longest and the shortest time; below, a logarithmic axis would have hardly any labels.
_LEAST_LOGARITHMIC_RATIO = 5.0


@dataclass(frozen=True)
class TimedScores:
    """One network.

    Attributes:
        name: of the network.
        milliseconds: of the forward pass of one image.
        scores: "random" and "group", as far as measured -> macro-F1 and its interval.
    """

    name: str
    milliseconds: float
    scores: Mapping[str, tuple[float, tuple[float, float]]]


@house_style()
def plot_scores_against_time(points: Sequence[TimedScores], *, recommended: str) -> Figure:
    """Draw macro-F1 with its interval against milliseconds per image, a panel for each scheme.

    The legend lists the networks by time, the fastest first.

    Args:
        points: one or more networks, with scores of the same schemes.
        recommended: name of the network that is marked.
    """
    points = sorted(points, key=lambda point: point.milliseconds)
    labels = class_labels([point.name for point in points], longest=44)
    schemes = [scheme for scheme in SCHEME_TITLES if scheme in points[0].scores]
    is_logarithmic = points[-1].milliseconds > _LEAST_LOGARITHMIC_RATIO * points[0].milliseconds > 0
    height = max(4.0, 1.0 + 0.22 * len(points))
    figure, panels = new_panels(len(schemes), 3.0 + 4.0 * len(schemes), height)
    for axes, scheme in zip(panels[0], schemes, strict=True):
        for number, (point, label) in enumerate(zip(points, labels, strict=True)):
            # Another marker after each round of colors.
            color = _COLORS[number % len(_COLORS)]
            marker = _MARKERS[(number + number // len(_COLORS)) % len(_MARKERS)]
            score, interval = point.scores[scheme]
            time = point.milliseconds
            is_recommended = point.name == recommended
            axes.plot([time, time], interval, color=color, lw=2, solid_capstyle="butt")
            axes.plot(
                time,
                score,
                marker,
                color=color,
                ms=8,
                mec=BLACK if is_recommended else "white",
                mew=1.8 if is_recommended else 0.8,
                label=f"{label} (recommended)" if is_recommended else label,
            )
        if is_logarithmic:
            scale_logarithmically(axes)
        axes.set_xlabel("Forward pass in ms per image")
        set_title(axes, SCHEME_TITLES[scheme])
    panels[0][0].set_ylabel("Macro-F1 with 95 % interval")
    panels[0][-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure
