"""Calibration: a reliability diagram, and accuracy by coverage of selective prediction."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from artstyle_tf.plots.theme import BLUE, GRAY, ORANGE, house_style, new_figure, set_figure_title


@house_style()
def plot_calibration(
    reliability: pd.DataFrame, risk_coverage: pd.DataFrame, *, error: float, title: str
) -> Figure:
    """Draw a reliability diagram, and the accuracy of accepted predictions by coverage.

    Bins are as opaque as they are full, so that the accuracy of a bin with two images does not look
    reliable.

    Args:
        reliability: one row a bin: lower, upper, confidence, accuracy, count.
        risk_coverage: one row a threshold: coverage, accuracy.
        error: expected calibration error, for the title.
        title: of the figure.
    """
    figure, (left, right) = new_figure(10, 4.4, columns=2)
    largest = max(int(reliability["count"].max()), 1)
    for lower, upper, accuracy, count in zip(
        *(reliability[name] for name in ("lower", "upper", "accuracy", "count")), strict=True
    ):
        opacity = min(0.2 + 0.8 * count / largest, 1.0)  # rounding makes 0.2 + 0.8 more than 1
        left.bar(lower, accuracy, width=upper - lower, align="edge", color=BLUE, alpha=opacity)
    left.plot([0, 1], [0, 1], color=GRAY, ls="--", lw=1, label="perfect calibration")
    left.plot(
        reliability["confidence"], reliability["accuracy"], "o", color=ORANGE, ms=4, label="bins"
    )
    left.set_title(f"Reliability diagram (ECE {error:.3f})")
    left.set_xlabel("Confidence")
    left.set_ylabel("Accuracy")
    left.set_xlim(0, 1)
    left.set_ylim(0, 1.02)
    left.legend(loc="upper left")
    right.plot(risk_coverage["coverage"], risk_coverage["accuracy"], color=BLUE, lw=1.6)
    right.set_title("Selective prediction")
    right.set_xlabel("Coverage (share of accepted predictions)")
    right.set_ylabel("Accuracy of accepted predictions")
    right.set_xlim(0, 1.01)
    right.set_ylim(min(0.5, float(risk_coverage["accuracy"].min())) - 0.02, 1.02)
    for axis in (right.xaxis, right.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    set_figure_title(figure, " ".join(title.split()))
    return figure
