"""What the tests of whole workflows need beside tests/conftest.py."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure


@pytest.fixture(autouse=True, scope="module")
def _figures_without_layout():
    """Figures are drawn, but small and not laid out, which takes a third of a tiny training.

    How they look is tested in tests/plots, and the scripts in tests/smoke write them as they are.
    """
    save = Figure.savefig

    def save_quickly(self, file, **options):
        del options
        self.set_layout_engine("none")
        save(self, file, dpi=100)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save_quickly)
        yield
