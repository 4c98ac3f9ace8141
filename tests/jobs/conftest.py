"""Fixtures of the tests of whole jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="module")
def _blank_figures(figures_without_pixels):
    with figures_without_pixels():
        yield


@pytest.fixture(scope="module")
def first_workplace(
    tmp_path_factory, write_images, name_tiny_network, running_without_graphs
) -> Callable[..., AbstractContextManager[Path]]:
    """Function (styles, texts of files by name) -> a context whose folder has images and these.

    For trainings that several tests of a module read: a training takes seconds, a copy of its
    files does not. In the context the folder is the working directory, `model.backbone=tiny` is
    known, and TensorFlow runs without graphs, unless `graphs=True`.
    """

    @contextmanager
    def enter(
        styles: Mapping[str, int], files: Mapping[str, str], *, graphs: bool = False
    ) -> Iterator[Path]:
        folder = tmp_path_factory.mktemp("first workplace")
        running = nullcontext() if graphs else running_without_graphs()
        with pytest.MonkeyPatch.context() as patch, running:
            patch.chdir(folder)
            name_tiny_network(patch)
            write_images(folder / "images", styles)
            for name, text in files.items():
                (folder / name).write_text(text)
            yield folder

    return enter


@pytest.fixture
def enter_copy(tmp_path, monkeypatch) -> Callable[[Path], Path]:
    """Function: copy a folder for one test, make the copy the working directory, and return it."""

    def enter(folder: Path) -> Path:
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return enter


@pytest.fixture
def enter_workplace(
    tmp_path, monkeypatch, write_images, tiny_network_by_name
) -> Callable[[str, Mapping[str, int]], Path]:
    """Function (config, styles): write config.yaml and images into a new working directory."""

    def enter(config: str, styles: Mapping[str, int]) -> Path:
        monkeypatch.chdir(tmp_path)
        Path("config.yaml").write_text(config)
        write_images(Path("images"), styles)
        return tmp_path

    return enter
