"""Times of imports: sums by package, and the command on a real import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

LINES = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   _io
I0000 a message of native code
import time:       250 |        350 | json.decoder
import time:      2000 |       2000 |     numpy.linalg
import time:      1000 |       3000 |   numpy
import time:       500 |       3500 | artstyle_tf.cli
"""


def test_sums_by_package_add_up(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from startup import sum_by_package

    sums = sum_by_package(LINES.splitlines())
    assert sums == {"numpy": 0.003, "artstyle_tf": 0.0005, "standard library": 0.00035}
    assert list(sums) == ["numpy", "artstyle_tf", "standard library"]
    assert sum(sums.values()) == pytest.approx(3850e-6)


@pytest.mark.slow
def test_imports_are_measured_in_fresh_processes(tmp_path):
    options = ["--modules", "artstyle_tf", "--repeats", "1", "--top", "1", "--quiet"]
    answer = subprocess.run(
        [sys.executable, BENCHMARKS / "startup.py", *options, "--json", tmp_path / "startup.json"],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    reference, own = json.loads((tmp_path / "startup.json").read_text())["results"]
    assert [reference["module"], own["module"]] == ["tensorflow", "artstyle_tf"]
    assert "tensorflow" in reference["packages_s"]
    assert own["best_s"] == min(own["values"])
    assert own["ratio"] == own["best_s"] / reference["best_s"]
    # `import artstyle_tf` imports nothing heavy.
    assert not {"tensorflow", "keras", "numpy"} & set(own["packages_s"])
    assert own["ratio"] < reference["ratio"] == 1
    assert answer.stdout.splitlines()[1].split()[:2] == ["tensorflow", f"{reference['best_s']:.2f}"]
