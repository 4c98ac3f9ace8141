"""Draw two runs of metric learning in one figure: without and with the guard against a collapse.

    python benchmarks/collapse_guard.py outputs/models/WITHOUT outputs/models/WITH --out FILE

Both are runs of the same config, such as configs/reference_triplet.yaml, the second one with
`training.collapse_guard={}`. Epochs that the guard discarded are marked.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import BLUE, ORANGE, RED, house_style, new_figure
from artstyle_tf.plots.training_curves import set_epoch_axis
from artstyle_tf.runs.run_directory import open_run


class _Panel(NamedTuple):
    column: str
    title: str


_PANELS = (
    _Panel("mean_distance", "Mean pairwise distance"),
    _Panel("active_triplets", "Share of active triplets"),
    _Panel("val_macro_f1", "Validation macro-F1"),
)


@house_style()
def plot_guard(without: pd.DataFrame, guarded: pd.DataFrame) -> Figure:
    """Draw the histories of both runs, a panel for each measure.

    Args:
        without: columns epoch, mean_distance, active_triplets, val_macro_f1 and alarm.
        guarded: the same, of the run with the guard.
    """
    figure, panels = new_figure(12, 3.6, columns=len(_PANELS))
    runs = (("without the guard", without, ORANGE, "--"), ("with the guard", guarded, BLUE, "-"))
    for axes, panel in zip(panels, _PANELS, strict=True):
        for label, history, color, line in runs:
            axes.plot(
                history["epoch"], history[panel.column], line, marker="o", color=color, label=label
            )
        discarded = guarded[guarded["alarm"].notna()]
        axes.plot(
            discarded["epoch"],
            discarded[panel.column],
            "x",
            ms=11,
            mew=2,
            color=RED,
            label="discarded by the guard",
        )
        axes.set_title(panel.title)
        set_epoch_axis(axes, pd.concat([without, guarded])["epoch"].to_numpy(dtype="float64"))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def main() -> None:
    """Read both runs and write the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("without", type=Path, help="folder of the run without the guard")
    parser.add_argument("guarded", type=Path, help="folder of the run with the guard")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="PNG to write")
    options = parser.parse_args()
    histories = [
        pd.read_csv(open_run(folder).history_file) for folder in (options.without, options.guarded)
    ]
    save_figure(plot_guard(*histories), options.out)


if __name__ == "__main__":
    main()
