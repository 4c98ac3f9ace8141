"""Compare the time per trial of a hyperparameter search with plain Keras fit.

  plain Keras fit       every forward pass starts at the pixels, which are in memory; all epochs;
                        sequential trials on all cores
  tune.py, no pruning   trunk cache filled before, one worker per core, all epochs
  tune.py               the same, with the pruner of the config

Plain fit repeats a random sample of the trials that tune.py has run without pruning. The times
exclude what is done once: preparing images, filling the cache, and for plain fit also the import of
TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from exit_codes import exit_code_of

from artstyle_tf.config.loading import load_config
from artstyle_tf.images.prepare_data import index_and_split
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.threads import usable_cores
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS, TuneExperiment
from artstyle_tf.tuning.study_plan import base_experiment, trial_config
from artstyle_tf.tuning.trial_processes import ONE_TRIAL, TrialProcesses

_ROOT = Path(__file__).parents[1]
_TRAIN = "artstyle_tf.tuning.trial_training:train_trial"
_PREPARE = "artstyle_tf.tuning.study_images:prepare_study"


def main() -> int:
    options = _parse()
    return exit_code_of(lambda: _run(options, Reporter(quiet=options.quiet)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--config", type=Path, default=_ROOT / "configs" / "tune_direct.yaml", metavar="FILE")
    add("--trials", type=int, default=8, help="trials per run of tune.py (default: %(default)s)")
    add("--plain", type=int, default=3, help="number of them for plain fit (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the result here")
    add("--quiet", action="store_true", help="no progress on stderr")
    add("overrides", nargs="*", metavar="key=value", help="e.g. data.images=... model.weights=...")
    return parser.parse_intermixed_args()


def _run(options: argparse.Namespace, reporter: Reporter) -> None:
    config: Any = load_config(TUNE_EXPERIMENTS, options.config, options.overrides)
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        outputs = config.outputs if _keeps_outputs(options.overrides) else folder
        sweep = _Sweep(options, outputs)
        sweep.tune("filling", "--trials", "1", "tuning.pruner.name=none")
        whole = sweep.tune("whole", "tuning.pruner.name=none")
        pruned = sweep.tune("pruned")
        trials = pd.read_csv(Path(whole["study"]) / "trials.csv")
        plain = _fit_plainly(config, trials, options.plain, Path(folder), reporter)
    sampled = trials[trials["trial"].isin(plain)]
    num_workers = usable_cores()
    result = {
        "plain Keras fit, s a trial": sum(plain.values()) / len(plain),
        "tune.py, no pruning, s for the same trials": sampled["seconds"].mean() / num_workers,
        "tune.py, no pruning, s a trial": whole["seconds"]["trials"] / options.trials,
        "tune.py, s a trial": pruned["seconds"]["trials"] / options.trials,
        "trials pruned": pruned["trials"].get("pruned", 0),
    }
    reference = result["plain Keras fit, s a trial"]
    for name, value in result.items():
        times = f"   {reference / value:.1f} times as fast" if name.startswith("tune.py") else ""
        print(f"{name:<44} {value:8.1f}{times}")
    if options.json is not None:
        content = {"trials": options.trials, "fitted_plainly": plain, "results": result}
        write_json(options.json, {"benchmark": "sweep", **content})


def _keeps_outputs(overrides: list[str]) -> bool:
    return any(override.startswith("outputs=") for override in overrides)


class _Sweep:
    """Run tune.py as a user does, without confirmation."""

    def __init__(self, options: argparse.Namespace, outputs: str) -> None:
        self._options = options
        self._outputs = outputs
        self._started = f"{time.time():.0f}"

    def tune(self, name: str, *extra_options: str) -> dict[str, Any]:
        options = self._options
        command = [sys.executable, str(_ROOT / "scripts" / "tune.py"), *options.overrides]
        command += ["--config", str(options.config), "--outputs", self._outputs, "--json"]
        command += ["--trials", str(options.trials), *extra_options]
        command += ["--run-name", f"sweep-{self._started}-{name}", "tuning.confirmation.top=0"]
        command += ["--quiet"] if options.quiet else []
        completed = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if completed.returncode != 0:
            raise ArtstyleError("tune.py failed", received=completed.stdout.strip()[:500])
        return json.loads(completed.stdout)


def _fit_plainly(
    config: TuneExperiment, trials: pd.DataFrame, count: int, folder: Path, reporter: Reporter
) -> dict[int, float]:
    """Return trial number -> seconds of plain fit, for a random sample of trials."""
    base = base_experiment(config)
    processes = TrialProcesses(
        1,
        preload=[_TRAIN.partition(":")[0]],
        log_file=folder / "plain.log",
        num_threads=usable_cores(),
        limits=ONE_TRIAL,
    )
    objective = config.tuning.objective
    job = (base, objective, *index_and_split(config.data, reporter))
    images = processes.run_alone(_PREPARE, job, reporter.info, what="preparing")
    complete = trials[trials["state"] == "complete"]
    sample = random.Random(0).sample(sorted(complete["trial"]), min(count, len(complete)))
    seconds = {}
    for number in sample:
        row = complete[complete["trial"] == number].iloc[0]
        values = {key: _plain_value(row[key]) for key in config.tuning.space if pd.notna(row[key])}
        trial = trial_config(base, {**values, "training.trunk_cache.mode": "never"})
        seconds[int(number)] = _time(processes, (trial, objective, images, False))
        reporter.info(f"Plain fit of trial {number}: {seconds[int(number)]:.0f} s")
    return seconds


def _time(processes: TrialProcesses, job: Any) -> float:
    processes.start("plain", _TRAIN, job)
    while True:
        for event in processes.events(1.0):
            if event.kind == "report":
                processes.answer("plain", prune=False)
            elif event.kind == "done":
                return event.seconds
            elif event.kind != "message":
                raise ArtstyleError("Plain fit failed", received=str(event.content))


def _plain_value(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


if __name__ == "__main__":
    sys.exit(main())
