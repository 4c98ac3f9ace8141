"""Every trial as a line through its values and its score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from artstyle_tf.plots.theme import BLACK, class_labels, house_style, new_figure
from artstyle_tf.plots.tuning_slices import SearchedParameter

_TICKS = 5
# Dark is good; the lightest yellow would not show on white.
_COLORS = colormaps["viridis_r"]


@house_style()
def plot_parallel_coordinates(
    parameters: Sequence[SearchedParameter],
    scores: Sequence[float],
    is_complete: Sequence[bool],
    *,
    score_name: str,
) -> Figure:
    """Draws trials from the parameters on the left to the score on the right.

    Args:
        parameters: with values of N trials; a line has a gap where a trial lacks one.
        scores: of the trials; a pruned one has its last.
        is_complete: which trials were not pruned; the best of these is black.
        score_name: what the scores are.

    Returns:
        Figure; good trials are dark and on top, the best is black.
    """
    figure, (axes,) = new_figure(2.0 + 1.75 * (len(parameters) + 1), 4.8)
    values = np.array(scores, float)
    score_axis = SearchedParameter(score_name, list(values))
    every = [*parameters, score_axis]
    heights = np.stack([_heights(parameter) for parameter in every])
    low, high = float(values.min()), float(values.max())
    norm = Normalize(low - 0.15 * (high - low or 1.0), high)
    complete = np.array(is_complete, bool)
    # The best of the complete ones comes last, so that it is on top.
    order = sorted(range(len(values)), key=lambda trial: (complete[trial], values[trial]))
    for rank, trial in enumerate(order):
        is_best = rank == len(order) - 1 and complete[trial]
        axes.plot(
            range(len(every)),
            heights[:, trial],
            color=BLACK if is_best else _COLORS(norm(values[trial])),
            lw=2.2 if is_best else 1.0,
            alpha=1.0 if is_best else 0.75,
            marker="o",
            ms=2.5,
        )
    for position, parameter in enumerate(every):
        _draw_axis(axes, position, parameter)
    axes.set_xlim(-0.4, len(every) - 0.4)
    axes.set_ylim(-0.07, 1.05)
    axes.set_yticks([])
    names = class_labels([parameter.name for parameter in every], longest=22)
    axes.set_xticks(range(len(every)), [name.replace("…", "…\n") for name in names])
    axes.tick_params(axis="x", length=0, labelsize=9)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    mappable = ScalarMappable(norm, _COLORS)
    figure.colorbar(mappable, ax=axes, label=f"{score_name} (black: the best)", pad=0.02)
    return figure


def _heights(parameter: SearchedParameter) -> np.ndarray:
    """Values -> float [N] in [0, 1], from the least value to the greatest."""
    low, high = _ends(parameter)
    return (_scaled(parameter, parameter.positions()) - low) / ((high - low) or 1.0)


def _scaled(parameter: SearchedParameter, positions: np.ndarray) -> np.ndarray:
    return np.log10(positions) if parameter.log else positions


def _ends(parameter: SearchedParameter) -> tuple[float, float]:
    if parameter.choices is not None:
        return 0.0, float(max(len(parameter.choices) - 1, 1))
    scaled = _scaled(parameter, parameter.positions())
    known = scaled[np.isfinite(scaled)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def _draw_axis(axes: Axes, position: int, parameter: SearchedParameter) -> None:
    axes.vlines(position, 0, 1, color="#9CA3AF", lw=1, zorder=1)
    low, high = _ends(parameter)
    if parameter.choices is not None:
        ticks = np.arange(len(parameter.choices), dtype=float)
        texts = class_labels(list(parameter.choices), longest=12)
    else:
        ticks = np.linspace(low, high, _TICKS) if high > low else np.array([low])
        if not parameter.log and parameter.is_whole and high - low <= 2 * _TICKS:
            ticks = np.arange(low, high + 1)
        texts = [f"{10**tick if parameter.log else tick:.3g}" for tick in ticks]
    for tick, text in zip(ticks, texts, strict=True):
        height = (tick - low) / ((high - low) or 1.0)
        axes.annotate(
            text,
            (position, height),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6},
            zorder=5,
        )
