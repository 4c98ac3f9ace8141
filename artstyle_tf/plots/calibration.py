"""Whether confidences can be believed, and what it helps not to answer."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from artstyle_tf.plots.theme import BLUE, GRAY, ORANGE, house_style, new_figure


@house_style()
def plot_calibration(
    reliability: pd.DataFrame, risk_coverage: pd.DataFrame, *, error: float, title: str
) -> Figure:
    """Draws a reliability diagram and the accuracy over the share of images that are answered.

    Args:
        reliability: one row a bin: lower, upper, confidence, accuracy, count.
        risk_coverage: one row a threshold: coverage, accuracy.
        error: expected calibration error, for the title.
        title: of the figure.

    Returns:
        Figure with two panels. Bins are as opaque as they are full, so that the accuracy of a bin
        with two images does not look like knowledge.
    """
    figure, (left, right) = new_figure(10, 4.4, columns=2)
    largest = max(int(reliability["count"].max()), 1)
    for lower, upper, accuracy, count in zip(
        *(reliability[name] for name in ("lower", "upper", "accuracy", "count")), strict=True
    ):
        opacity = min(0.2 + 0.8 * count / largest, 1.0)  # rounding makes 0.2 + 0.8 more than 1
        left.bar(lower, accuracy, width=upper - lower, align="edge", color=BLUE, alpha=opacity)
    left.plot([0, 1], [0, 1], color=GRAY, ls="--", lw=1, label="confidence = accuracy")
    left.plot(
        reliability["confidence"], reliability["accuracy"], "o", color=ORANGE, ms=4, label="bins"
    )
    left.set_title(f"Reliability (expected error {error:.3f})")
    left.set_xlabel("Confidence")
    left.set_ylabel("Accuracy")
    left.set_xlim(0, 1)
    left.set_ylim(0, 1.02)
    left.legend(loc="upper left")
    right.plot(risk_coverage["coverage"], risk_coverage["accuracy"], color=BLUE, lw=1.6)
    right.set_title("If only confident images are answered")
    right.set_xlabel("Share of the images that are answered")
    right.set_ylabel("Accuracy of the answers")
    right.set_xlim(0, 1.01)
    right.set_ylim(min(0.5, float(risk_coverage["accuracy"].min())) - 0.02, 1.02)
    for axis in (right.xaxis, right.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(" ".join(title.split()), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure
