"""Loss and macro-F1 over the epochs, with the phases."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from artstyle_tf.plots.theme import BLUE, GREY, ORANGE, new_figure


def plot_training_curves(history: pd.DataFrame) -> Figure:
    """Draws the history of a run.

    Args:
        history: one row an epoch with epoch, phase, loss, val_loss, macro_f1, val_macro_f1; epoch
            0, the linear probe, has validation figures only.

    Returns:
        Figure with the loss on the left and macro-F1 on the right; the best epoch is marked.
    """
    figure, (loss, score) = new_figure(11, 4.2, columns=2)
    for axes, name, label in ((loss, "loss", "Loss"), (score, "macro_f1", "Macro-F1")):
        _shade_phases(axes, history)
        for column, text, colour in (
            (name, "training", ORANGE),
            (f"val_{name}", "validation", BLUE),
        ):
            rows = history[["epoch", column]].dropna()
            axes.plot(rows["epoch"], rows[column], marker="o", ms=4, color=colour, label=text)
        axes.set_title(label)
        axes.set_xlabel("Epoch (0 is the linear probe)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _mark_best(score, history)
    loss.legend()
    score.legend(loc="lower right")
    return figure


def _shade_phases(axes: Axes, history: pd.DataFrame) -> None:
    """A band a phase, named at the top, so that a jump in a curve explains itself."""
    runs = history["phase"].ne(history["phase"].shift()).cumsum()
    for number, (_, rows) in enumerate(history.groupby(runs, sort=False)):
        first, last = rows["epoch"].iloc[0] - 0.5, rows["epoch"].iloc[-1] + 0.5
        axes.axvspan(first, last, color="#F3F4F6" if number % 2 else "#FFFFFF", zorder=0, lw=0)
        if rows["phase"].iloc[0] != "linear probe":
            axes.text(
                (first + last) / 2,
                1.0,
                rows["phase"].iloc[0],
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize=8,
                color=GREY,
            )
    axes.title.set_position((0.5, 1.08))
    axes.set_xlim(history["epoch"].min() - 0.5, history["epoch"].max() + 0.5)


def _mark_best(axes: Axes, history: pd.DataFrame) -> None:
    scores = history["val_macro_f1"].dropna()
    if scores.empty:
        return
    best = history.loc[scores.idxmax()]
    axes.plot(best["epoch"], best["val_macro_f1"], "o", ms=11, mfc="none", mec=BLUE, mew=1.6)
    axes.annotate(
        f"{best['val_macro_f1']:.3f}",
        (best["epoch"], best["val_macro_f1"]),
        xytext=(0, 10),
        textcoords="offset points",
        ha="center",
        fontsize=9,
        color=BLUE,
    )
