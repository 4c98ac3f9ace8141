"""What the tests of whole jobs need beside tests/conftest.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image


@pytest.fixture(autouse=True, scope="module")
def _figures_without_pixels():
    """Figures are made, but written blank: drawing takes a third of a tiny training.

    How they look is tested in tests/plots, and the scripts in tests/smoke write them as they are.
    """
    save = Figure.savefig

    def save_quickly(self, file, **options):
        del options
        if str(file).endswith(".png"):
            Image.new("RGB", (8, 8)).save(file)
        else:
            self.set_layout_engine("none")
            save(self, file, dpi=100)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save_quickly)
        yield


@pytest.fixture(scope="module")
def first_workplace(
    tmp_path_factory, write_images, name_tiny_network
) -> Callable[..., AbstractContextManager[Path]]:
    """Function (styles, texts of files by name) -> a context whose folder has images and these.

    For what a module does once: a training takes seconds, a copy of it does not. It is the working
    directory meanwhile, and `model.backbone=tiny` is known.
    """

    @contextmanager
    def enter(styles: Mapping[str, int], files: Mapping[str, str]) -> Iterator[Path]:
        folder = tmp_path_factory.mktemp("first workplace")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            name_tiny_network(patch)
            write_images(folder / "images", styles)
            for name, text in files.items():
                (folder / name).write_text(text)
            yield folder

    return enter


@pytest.fixture
def enter_copy(tmp_path, monkeypatch) -> Callable[[Path], Path]:
    """Function: goes to a copy of a folder, which belongs to the test alone, and returns it."""

    def enter(folder: Path) -> Path:
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return enter
