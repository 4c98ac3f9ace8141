"""Signs of a collapse over the epochs of metric learning."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from artstyle_tf.plots.theme import BLUE, RED, house_style, new_figure

_PANELS = (
    ("mean_distance", "Mean distance between pictures"),
    ("active_triplets", "Share of active triplets"),
    ("embedding_rank", "Effective rank"),
)


@house_style()
def plot_embedding_health(history: pd.DataFrame) -> Figure:
    """Draws how far apart pictures are, how many triplets are unsolved, and the rank.

    Args:
        history: one row an epoch with epoch, mean_distance, active_triplets, embedding_rank and
            alarm, which is text in epochs that were taken back. A column may be missing.

    Returns:
        Figure with three panels; epochs with an alarm are marked.
    """
    figure, panels = new_figure(11, 3.4, columns=len(_PANELS))
    alarms = history["alarm"].notna() if "alarm" in history else pd.Series(dtype=bool)
    for axes, (column, title) in zip(panels, _PANELS, strict=True):
        axes.set_title(title)
        axes.set_xlabel("Epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if column not in history:
            continue
        values = pd.to_numeric(history[column])
        axes.plot(history["epoch"], values, marker="o", ms=3.5, lw=1.4, color=BLUE)
        for number, epoch in enumerate(history["epoch"][alarms[alarms].index]):
            label = "taken back" if number == 0 else None
            axes.axvline(float(epoch), color=RED, ls="--", lw=1.2, label=label)
        axes.set_ylim(bottom=0)
    if alarms.any():
        panels[0].legend(loc="lower left")
    return figure
