"""Figures that another process renders are the same files, and errors are not lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from artstyle_tf.plots import saving
from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
from artstyle_tf.plots.saving import figures_in_background, save_figure
from artstyle_tf.system.errors import ArtstyleError


@pytest.fixture(autouse=True)
def _in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "IN_BACKGROUND", True)
    monkeypatch.setattr(saving, "usable_cores", lambda: 2)


def figure() -> Figure:
    return plot_confusion_matrix(np.eye(3, dtype=int), ["a", "b", "c"], normalized=True, title="t")


def test_figures_are_those_of_this_process(tmp_path: Path) -> None:
    save_figure(figure(), tmp_path / "now.png")
    with figures_in_background():
        save_figure(figure(), tmp_path / "new/later.png")
        save_figure(figure(), tmp_path / "new/later.pdf")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new/later.png").read_bytes() == (tmp_path / "now.png").read_bytes()
    assert (tmp_path / "new/later.pdf").read_bytes().startswith(b"%PDF")


def test_figure_that_cannot_be_sent_is_rendered_here(tmp_path: Path) -> None:
    drawn = figure()
    drawn.axes[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    with figures_in_background():
        save_figure(drawn, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").is_file()


def test_figure_of_a_killed_process_is_rendered_here(tmp_path: Path) -> None:
    with figures_in_background():
        (process,) = saving._active[-1]._executor._processes.values()
        process.kill()
        save_figure(figure(), tmp_path / "figure.png")
        save_figure(figure(), tmp_path / "second.png")
    save_figure(figure(), tmp_path / "now.png")
    for name in ("figure.png", "second.png"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "now.png").read_bytes()


def test_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtstyleError, match="Cannot write"), figures_in_background():
        save_figure(figure(), tmp_path / "file" / "figure.png")


def test_processes_end_with_the_block(tmp_path: Path) -> None:
    def interrupt() -> None:
        processes.extend(saving._active[-1]._executor._processes.values())
        save_figure(figure(), tmp_path / "figure.png")
        raise KeyboardInterrupt

    processes = []
    with pytest.raises(KeyboardInterrupt), figures_in_background(2):
        interrupt()
    assert not any(process.is_alive() for process in processes)
    assert not saving._active
    assert not (tmp_path / "figure.png").exists()


def test_one_core_renders_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "usable_cores", lambda: 1)
    with figures_in_background():
        save_figure(figure(), tmp_path / "figure.png")
        assert (tmp_path / "figure.png").is_file()
