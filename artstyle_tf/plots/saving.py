"""Write figures: at once, or rendered by other processes while this one computes something else.

Rendering holds Python's lock, so threads would not help.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import pickle
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from artstyle_tf.plots.theme import house_style
from artstyle_tf.system.files import replaced_atomically
from artstyle_tf.system.interruption import end_with_parent
from artstyle_tf.system.standard_streams import prepare_standard_streams
from artstyle_tf.system.threads import usable_cores

IN_BACKGROUND = True
"""False renders all figures at once; tests set it, because starting a process takes a second."""


class _Rendering(NamedTuple):
    path: Path
    figure: bytes
    dpi: int
    rendered: Future[bytes]


class _Renderer:
    """Other processes, and the figures that they render."""

    def __init__(self, num_processes: int) -> None:
        # "spawn", because forking a process in which TensorFlow has threads can hang.
        self._executor = ProcessPoolExecutor(
            num_processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_set_up_process,
        )
        self._executor.submit(_import_matplotlib)
        self._waiting: list[_Rendering] = []

    def submit(self, figure: Figure, path: Path, dpi: int) -> bool:
        """Render a figure as it is now; return False if it cannot be sent to another process."""
        try:
            sent = pickle.dumps(figure)
            rendered = self._executor.submit(_render_sent, sent, path.suffix, dpi)
        except (pickle.PicklingError, AttributeError, TypeError, BrokenProcessPool):
            return False  # such as a formatter that is a lambda
        self._waiting.append(_Rendering(path, sent, dpi, rendered))
        return True

    def write(self) -> None:
        """Wait for all figures and write them."""
        for one in self._waiting:
            try:
                content = one.rendered.result()
            except BrokenProcessPool:  # it was killed, perhaps because memory ran out
                content = _render_sent(one.figure, one.path.suffix, one.dpi)
            _write(content, one.path)

    def close(self) -> None:
        """End the processes."""
        self._executor.shutdown(cancel_futures=True)


_active: list[_Renderer] = []
"""Those of the `with` blocks around the running code; the last one is used."""


@contextlib.contextmanager
def figures_in_background(num_processes: int = 1) -> Iterator[None]:
    """Let `save_figure` in the `with` block return at once; the files exist when it ends.

    An error of writing a file is raised at the end. On a machine with one core, and where
    `IN_BACKGROUND` is false, nothing changes.

    Args:
        num_processes: at most one per core is started.
    """
    if usable_cores() == 1 or not IN_BACKGROUND:
        yield
        return
    renderer = _Renderer(min(num_processes, usable_cores()))
    _active.append(renderer)
    try:
        yield
        renderer.write()
    finally:
        _active.remove(renderer)
        renderer.close()


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Write a figure atomically; in `figures_in_background`, later.

    Args:
        figure: to write.
        path: such as curves.png, curves.pdf or curves.svg, whose suffix is the format; its folder
            is created.
        dpi: pixels per inch.

    Raises:
        ArtstyleError: if the file cannot be written.
    """
    if not (_active and _active[-1].submit(figure, path, dpi)):
        _write(_render(figure, path.suffix, dpi), path)


def _write(content: bytes, path: Path) -> None:
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(content)


def _render(figure: Figure, suffix: str, dpi: int) -> bytes:
    rendered = io.BytesIO()
    with house_style(), warnings.catch_warnings():
        # A title may contain letters that no font has, which are drawn as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(
            rendered,
            format=suffix.removeprefix("."),
            dpi=dpi,
            facecolor="white",
            bbox_inches="tight",
            pad_inches=0.1,
        )
    return rendered.getvalue()


def _render_sent(figure: bytes, suffix: str, dpi: int) -> bytes:
    return _render(pickle.loads(figure), suffix, dpi)


def _set_up_process() -> None:
    prepare_standard_streams()
    end_with_parent()


def _import_matplotlib() -> None:
    """Do nothing: importing this module is what takes time."""
