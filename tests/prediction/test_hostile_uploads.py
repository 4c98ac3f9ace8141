"""A server that receives untrusted files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "reliability" / "hostile_server.py"
MEGABYTES = 2000


@pytest.mark.reliability
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
@pytest.mark.parametrize("num_files", [1000])
def test_no_file_ends_the_server_or_affects_other_predictions(exports, num_files):
    environment = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, SERVER, exports["direct"].saved_model, str(num_files), str(MEGABYTES)],
        env=environment | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["wrong"] == 0
    assert result["at_the_limit"] == ["ok"] * 6
    assert sum(result["statuses"].values()) >= num_files
    for reason in ("too large", "damaged", "an animated WebP", "a BMP", "a GIF", "no image"):
        assert any(status.startswith(reason) for status in result["statuses"]), reason
