"""How far apart pictures of the same style and of different styles lie."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLUE, GREY, ORANGE, house_style, new_figure

_NUM_BINS = 60


@house_style()
def plot_distance_histogram(
    same: np.ndarray, different: np.ndarray, *, margin: float | None = None, title: str
) -> Figure:
    """Draws both distributions over each other.

    Args:
        same: float [M], distances between pictures of the same style.
        different: float [N], distances between pictures of different styles.
        margin: of the loss, drawn as a scale; None for none.
        title: of the figure.

    Returns:
        Figure with a share of the pairs for each distance, the means, and what both have in
        common: 100 % if distances say nothing about the style.
    """
    figure, (axes,) = new_figure(8, 4)
    values = np.concatenate([same, different])
    largest = float(values.max()) if values.size else 0.0
    edges = np.linspace(0.0, max(largest * 1.001, 1e-3), _NUM_BINS + 1)
    shares = []
    for distances, name, colour in ((same, "same style", BLUE), (different, "different", ORANGE)):
        counts, _ = np.histogram(distances, bins=edges)
        shares.append(counts / max(counts.sum(), 1))
        mean = f", mean {distances.mean():.2f}" if len(distances) else ", none"
        axes.stairs(shares[-1], edges, fill=True, color=colour, alpha=0.35)
        axes.stairs(shares[-1], edges, color=colour, lw=1.6, label=f"{name}{mean}")
        if len(distances):
            axes.axvline(float(distances.mean()), color=colour, ls="--", lw=1)
    if margin is not None and len(same):
        _draw_margin(axes, float(same.mean()), margin)
    overlap = float(np.minimum(*shares).sum())
    axes.set_title(f"{title}: {overlap:.0%} in common", loc="left")
    axes.set_xlabel("L2 distance between embeddings")
    axes.set_ylabel("share of the pairs")
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _draw_margin(axes: Axes, start: float, margin: float) -> None:
    """A bar as long as the margin, from the mean distance within a style."""
    height = 0.97
    transform = axes.get_xaxis_transform()
    axes.plot([start, start + margin], [height] * 2, color=GREY, lw=2, transform=transform)
    axes.annotate(
        f"margin {margin:g}",
        (start + margin, height),
        xycoords=transform,
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=GREY,
    )
