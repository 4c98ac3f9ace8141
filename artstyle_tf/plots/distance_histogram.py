"""Histograms of the embedding distances within styles and between styles."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from artstyle_tf.plots.theme import BLACK, BLUE, GRAY, ORANGE, house_style, new_figure, set_title

_LARGEST_ON_THE_SPHERE = 2.0
_KINDS = (("same style", BLUE), ("different styles", ORANGE))


@house_style()
def plot_distance_histogram(
    same: np.ndarray, different: np.ndarray, *, margin: float | None = None, title: str
) -> Figure:
    """Draw both distributions over each other, as shares of the pairs in each bin.

    The axis reaches from 0 at least to 2, the largest distance on the unit sphere: figures of
    several embeddings can be compared, and a collapsed one is recognized. The legend has the means
    and, where there are pairs of both kinds, the overlap of the distributions: 100% if distances
    carry no information about the style.

    Args:
        same: float [M], distances between images of the same style. M and N may be millions, or
            0; values that are not finite are left out.
        different: float [N], distances between images of different styles.
        margin: L2 distance by which different styles should be farther apart, drawn as a bar that
            begins at the mean of the same style; None for none.
        title: of the figure.
    """
    samples = [_finite(same), _finite(different)]
    upper = max(_LARGEST_ON_THE_SPHERE, *(float(sample.max(initial=0)) for sample in samples))
    if margin is not None and samples[0].size:
        upper = max(upper, _mean(samples[0]) + margin)
    edges = np.linspace(0, upper, _num_bins(samples) + 1)
    figure, (axes,) = new_figure(8.5, 4.2)
    shares = []
    for sample, (name, color) in zip(samples, _KINDS, strict=True):
        counts, _ = np.histogram(sample, bins=len(edges) - 1, range=(0, upper))
        shares.append(counts / max(len(sample), 1))
        _draw_distribution(axes, sample, shares[-1], edges, name=name, color=color)
    if all(sample.size for sample in samples):
        _draw_overlap(axes, np.minimum(*shares), edges)
    if margin is not None and samples[0].size:
        _draw_margin(axes, _mean(samples[0]), margin, upper)
    set_title(axes, title)
    axes.set_xlabel("L2 distance between embeddings")
    axes.set_xlim(0, upper)
    _label_shares(axes, 1.25 * (np.max(shares) or 1))  # with room for the margin
    axes.grid(visible=False, axis="x")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _finite(distances: np.ndarray) -> np.ndarray:
    distances = np.asarray(distances)
    return distances[np.isfinite(distances)]


def _mean(sample: np.ndarray) -> float:
    return float(sample.mean(dtype=np.float64))


def _num_bins(samples: list[np.ndarray]) -> int:
    """Return the Rice rule for the smaller sample: with more bins, noise would separate the two."""
    smaller = min((len(sample) for sample in samples if sample.size), default=0)
    return int(np.clip(2 * smaller ** (1 / 3), 12, 80))


def _draw_distribution(
    axes: Axes, sample: np.ndarray, shares: np.ndarray, edges: np.ndarray, *, name: str, color: str
) -> None:
    summary = "no pairs"
    if len(sample):
        summary = f"mean {_mean(sample):.2f}, {len(sample):,} pair{'s' * (len(sample) > 1)}"
    look = {"facecolor": to_rgba(color, 0.3), "edgecolor": color, "lw": 1.6}
    axes.stairs(shares, edges, fill=True, label=f"{name}: {summary}", **look)
    if sample.size:
        axes.vlines(
            _mean(sample), 0, 1, transform=axes.get_xaxis_transform(), color=color, ls="--", lw=1.2
        )


def _draw_overlap(axes: Axes, shares: np.ndarray, edges: np.ndarray) -> None:
    """Draw the overlap, hatched, because the mixed color of two fills is not understood."""
    axes.stairs(
        shares,
        edges,
        fill=True,
        facecolor="none",
        edgecolor=GRAY,
        hatch="////",
        lw=0,
        label=f"overlap: {shares.sum():.0%}",
    )


def _label_shares(axes: Axes, top: float) -> None:
    axes.set_ylabel("Share of the pairs")
    axes.set_ylim(0, top)
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= min(top, 1)])
    # PercentFormatter would write 40.0%.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))


def _draw_margin(axes: Axes, start: float, margin: float, upper: float) -> None:
    """Draw a bar as long as the margin; its name is over it, away from the edge of the figure."""
    transform, height = axes.get_xaxis_transform(), 0.91
    ends = [start, start + margin]
    axes.plot(ends, [height] * 2, color=BLACK, lw=2.5, solid_capstyle="butt", transform=transform)
    from_its_start = start < 0.8 * upper
    axes.annotate(
        f"margin {margin:g}",
        (ends[0] if from_its_start else ends[1], height),
        xycoords=transform,
        xytext=(2 if from_its_start else -2, 5),
        textcoords="offset points",
        ha="left" if from_its_start else "right",
        va="bottom",
        fontsize=9,
        # The line of a mean may pass behind it.
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
