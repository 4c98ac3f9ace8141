from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from artstyle_tf.system.notebook_progress import is_notebook
from artstyle_tf.system.progress import Reporter


@pytest.fixture
def displayed(monkeypatch):
    """Simulate a notebook's kernel; return what its cell shows at the end."""
    outputs: list[str] = []

    def display(content, *, display_id):
        assert display_id
        outputs.append(content)
        number = len(outputs) - 1
        return SimpleNamespace(update=lambda new: outputs.__setitem__(number, new))

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    displays = SimpleNamespace(display=display, HTML=lambda text: text)
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    return outputs


def test_a_notebook_shows_one_bar_that_fills(displayed, capsys):
    assert is_notebook()
    assert list(Reporter().track("abc", total=3, description="<b>Reading")) == ["a", "b", "c"]
    assert displayed == ["<div>&lt;b&gt;Reading <progress value='3' max='3'></progress> 3/3</div>"]
    assert capsys.readouterr().err == ""


def test_quiet_shows_none(displayed):
    list(Reporter(quiet=True).track("abc", total=3, description="Reading"))
    assert displayed == []


def test_a_terminal_of_ipython_is_no_notebook(monkeypatch):
    shell = SimpleNamespace()  # no kernel
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert not is_notebook()
