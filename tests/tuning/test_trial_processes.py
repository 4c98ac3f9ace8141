from __future__ import annotations

import gc
import multiprocessing
import sys

import pytest

from artstyle_tf.tuning.trial_processes import TrialProcesses
from artstyle_tf.tuning.tune import PRELOADED


def look_around(job, link):
    return {
        "frozen": gc.get_freeze_count(),
        "is_imported": {name: name in sys.modules for name in job},
    }


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="nothing is forked"
)
def test_modules_of_trials_are_preloaded_and_exempt_from_garbage_collection(tmp_path):
    processes = TrialProcesses(
        1, preload=PRELOADED, log_file=tmp_path / "trials.log", num_threads=1
    )
    seen = processes.run_alone(
        f"{__name__}:look_around", ["albumentations", "tensorflow"], print, what="looking"
    )
    assert all(seen["is_imported"].values())
    assert seen["frozen"] > 100_000
