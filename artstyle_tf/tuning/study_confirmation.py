"""The best trials trained again with new seeds, and a baseline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.interruption import safe_point
from artstyle_tf.system.locks import LOCK_FILE
from artstyle_tf.system.progress import Reporter, format_seconds
from artstyle_tf.tuning.search_space import digest_of
from artstyle_tf.tuning.settings import ConfirmationConfig
from artstyle_tf.tuning.study_folder import one_command_at_a_time
from artstyle_tf.tuning.study_plan import trial_config
from artstyle_tf.tuning.trial_processes import TrialProcesses
from artstyle_tf.tuning.trial_records import TrialRecord

BASELINE = "baseline"

_FIRST_SEED = 1000  # added to the config's; far from seeds that users choose
_MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Candidate:
    """A recipe to be trained with several seeds.

    Attributes:
        name: for people and files.
        config: of its trainings, but for the seed.
        number: of its trial; None for the baseline.
    """

    name: str
    config: TrainingExperiment
    number: int | None

    def file_name(self, seed_number: int) -> str:
        """Name of the result; another config, e.g. after other changes, is another file."""
        digest = digest_of(self.config.model_dump(mode="json"))[:8]
        return f"{self.name.replace(' ', '-')}-{digest}-seed-{seed_number + 1}.json"


@dataclass(frozen=True)
class Recipe:
    """One configuration, trained with R seeds.

    Attributes:
        name: for people.
        scores: macro-F1 of each training, as training reports it.
        predictions: int [R, N], for the same images.
        best_epochs: of each network; 0 for its start, before any phase. None where a training is
            several, one a fold.
    """

    name: str
    scores: Sequence[float]
    predictions: np.ndarray
    best_epochs: Sequence[int | None] = ()

    @property
    def mean(self) -> float:
        """Mean macro-F1 over the seeds."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one seed."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else None

    @property
    def kept_its_start(self) -> bool:
        """Whether no epoch of any training was better than the initialized network."""
        return len(self.best_epochs) > 0 and all(epoch == 0 for epoch in self.best_epochs)


def choose_candidates(
    base: TrainingExperiment, best: Sequence[TrialRecord], settings: ConfirmationConfig
) -> list[Candidate]:
    """Return the best different recipes of trials, best first, and the baseline if there is one.

    Raises:
        ArtstyleError: if `settings.changes` or its baseline are no keys of the base experiment.
    """
    different: dict[str, Candidate] = {}
    for record in best:
        config = trial_config(base, {**record.values, **settings.changes})
        recipe = digest_of(config.model_dump(mode="json"))
        # The changes may remove the difference between two trials.
        if len(different) < settings.top and recipe not in different:
            different[recipe] = Candidate(f"trial {record.number}", config, record.number)
    candidates = list(different.values())
    if settings.baseline is not None and candidates:
        config = trial_config(base, {**settings.changes, **settings.baseline})
        candidates.append(Candidate(BASELINE, config, None))
    return candidates


def train_again(
    candidates: Sequence[Candidate],
    folder: Path,
    processes: TrialProcesses,
    *,
    function: str,
    job_of: Callable[[TrainingExperiment], Any],
    num_seeds: int,
    reporter: Reporter,
) -> tuple[list[Recipe], np.ndarray]:
    """Train each candidate with new seeds; results of an earlier call are read.

    Args:
        candidates: recipes to train.
        folder: for the results, a file each.
        processes: run the trainings.
        function: "module:function" of a training.
        job_of: config -> argument of the function.
        num_seeds: for each candidate.
        reporter: gets the progress.

    Returns:
        The candidates with their scores, and the labels int [N] of the evaluated images.

    Raises:
        ArtstyleError: if a training fails.
    """
    files, jobs = {}, {}
    for candidate in candidates:
        for number in range(num_seeds):
            seeded = {"seed": candidate.config.seed + _FIRST_SEED + number}
            key = (candidate.name, number)
            files[key] = folder / candidate.file_name(number)
            jobs[key] = job_of(candidate.config.model_copy(update=seeded))
    # The results of another command that confirms the same study are waited for.
    with one_command_at_a_time(folder / LOCK_FILE, reporter, "trains the best trials again"):
        missing = {key: file for key, file in files.items() if not file.is_file()}
        _train(missing, jobs, processes, function, reporter)
    results = {key: json.loads(file.read_text(encoding="utf-8")) for key, file in files.items()}
    recipes = []
    for candidate in candidates:
        of_seeds = [results[candidate.name, number] for number in range(num_seeds)]
        recipes.append(
            Recipe(
                candidate.name,
                scores=[result["macro_f1"] for result in of_seeds],
                predictions=np.array([result["predictions"] for result in of_seeds]),
                best_epochs=[result.get("best_epoch") for result in of_seeds],
            )
        )
    return recipes, np.array(next(iter(results.values()))["labels"])


def _train(
    missing: Mapping[tuple[str, int], Path],
    jobs: Mapping[tuple[str, int], Any],
    processes: TrialProcesses,
    function: str,
    reporter: Reporter,
) -> None:
    left = list(missing)
    attempts = dict.fromkeys(left, 0)
    done = 0
    try:
        while left or processes.running:
            while left and processes.has_room:
                key = left.pop(0)
                attempts[key] += 1
                processes.start(key, function, jobs[key])
            for event in processes.events(0.5):
                key: Any = event.key
                if event.kind == "report":
                    processes.answer(key, prune=False)
                elif event.kind == "done":
                    done += 1
                    write_json(missing[key], event.content)
                    reporter.info(
                        f"Trained again {done}/{len(missing)}: {key[0]}, seed {key[1] + 1}, "
                        f"macro-F1 {event.content['macro_f1']:.3f}, {format_seconds(event.seconds)}"
                    )
                elif event.kind == "killed" and attempts[key] < _MOST_ATTEMPTS:
                    left.append(key)
                elif event.kind != "message":
                    content = event.content
                    raise ArtstyleError(
                        f"Training {key[0]} again has failed",
                        received=content["reason"] if isinstance(content, dict) else content,
                        fix="the same command tries again; tuning.confirmation.top=0 skips it",
                    )
            safe_point()
    finally:
        processes.stop()
