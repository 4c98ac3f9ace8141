"""The best trials trained again with new seeds, and against a baseline."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, write_json
from artstyle_tf.system.interruption import safe_point
from artstyle_tf.system.locks import LOCK_FILE, held
from artstyle_tf.system.progress import Reporter, format_seconds
from artstyle_tf.tuning.search_space import digest_of
from artstyle_tf.tuning.settings import ConfirmationConfig
from artstyle_tf.tuning.study_plan import trial_config
from artstyle_tf.tuning.trial_processes import TrialProcesses
from artstyle_tf.tuning.trial_records import TrialRecord

BASELINE = "baseline"

_SEEDS_FROM = 1000  # far from those that people choose
_MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Candidate:
    """A recipe that is trained with several seeds.

    Attributes:
        name: for people and files.
        config: of its trainings, whatever the seed.
        number: of its trial; None for the baseline.
    """

    name: str
    config: TrainingExperiment
    number: int | None


@dataclass(frozen=True)
class Recipe:
    """One configuration, trained with R seeds.

    Attributes:
        name: for people.
        scores: macro-F1 of each training, as training reports it.
        predictions: int [R, N], for the same images.
        best_epochs: from which each network is; 0 for its start, before any phase. None where a
            training is several, one a fold.
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
        """Whether no epoch of any training was better than what it began with."""
        return len(self.best_epochs) > 0 and all(epoch == 0 for epoch in self.best_epochs)


def choose_candidates(
    base: TrainingExperiment, best: Sequence[TrialRecord], settings: ConfirmationConfig
) -> list[Candidate]:
    """The best different recipes, and the baseline if there is one.

    Args:
        base: the experiment around which was searched.
        best: trials, best first.
        settings: how many, and what is changed.

    Raises:
        ArtstyleError: if the changes are no keys of the experiment.
    """
    different: dict[str, Candidate] = {}
    for record in best:
        config = trial_config(base, {**record.values, **settings.changes})
        recipe = digest_of(config.model_dump(mode="json"))
        # The changes may take away in what two trials differed.
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
    job_of: Any,
    num_seeds: int,
    reporter: Reporter,
) -> tuple[list[Recipe], np.ndarray]:
    """Trains each candidate with new seeds; what has been trained before is read.

    Args:
        candidates: what to train.
        folder: for the results, a file each.
        processes: where it happens.
        function: "module:function" of a training.
        job_of: config -> what the function gets.
        num_seeds: of each candidate.
        reporter: where progress goes.

    Returns:
        The candidates with their scores, and the labels int [N] of the images that were judged.

    Raises:
        ArtstyleError: if a training fails.
    """
    files = {
        (candidate.name, number): folder / _file_name(candidate, number)
        for candidate in candidates
        for number in range(num_seeds)
    }
    with _alone(folder, reporter):
        waiting = {key: file for key, file in files.items() if not file.is_file()}
        jobs = {
            (candidate.name, number): job_of(_seeded(candidate.config, number))
            for candidate in candidates
            for number in range(num_seeds)
        }
        _train(waiting, jobs, processes, function, reporter)
    results = {key: json.loads(file.read_text(encoding="utf-8")) for key, file in files.items()}
    recipes = [
        _recipe(candidate.name, [results[candidate.name, number] for number in range(num_seeds)])
        for candidate in candidates
    ]
    return recipes, np.array(next(iter(results.values()))["labels"])


@contextlib.contextmanager
def _alone(folder: Path, reporter: Reporter) -> Iterator[None]:
    """While another command confirms the same study, its results are waited for."""

    def tell(holder: str) -> None:
        reporter.info(f"Waiting for another command that trains the best again ({holder}).")

    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / LOCK_FILE, busy=tell))
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield


def _recipe(name: str, results: Sequence[Mapping[str, Any]]) -> Recipe:
    return Recipe(
        name,
        scores=[result["macro_f1"] for result in results],
        predictions=np.array([result["predictions"] for result in results]),
        best_epochs=[result.get("best_epoch") for result in results],
    )


def _train(
    waiting: Mapping[tuple[str, int], Path],
    jobs: Mapping[tuple[str, int], Any],
    processes: TrialProcesses,
    function: str,
    reporter: Reporter,
) -> None:
    left = list(waiting)
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
                    processes.answer(key, give_up=False)
                elif event.kind == "done":
                    done += 1
                    write_json(waiting[key], event.content)
                    reporter.info(
                        f"Trained again {done}/{len(waiting)}: {key[0]}, seed {key[1] + 1}, "
                        f"macro-F1 {event.content['macro_f1']:.3f}, {format_seconds(event.seconds)}"
                    )
                elif event.kind == "killed" and attempts[key] < _MOST_ATTEMPTS:
                    left.append(key)
                elif event.kind != "message":
                    raise _failed(key[0], event.content)
            safe_point()
    finally:
        processes.stop()


def _failed(name: str, content: Any) -> ArtstyleError:
    reason = content["reason"] if isinstance(content, dict) else content
    return ArtstyleError(
        f"Training {name} again has failed",
        received=reason,
        fix="the same command tries again; tuning.confirmation.top=0 leaves it out",
    )


def _seeded(config: TrainingExperiment, number: int) -> TrainingExperiment:
    return config.model_copy(update={"seed": config.seed + _SEEDS_FROM + number})


def _file_name(candidate: Candidate, number: int) -> str:
    """Another config, e.g. after other changes, is another file."""
    digest = digest_of(candidate.config.model_dump(mode="json"))[:8]
    return f"{candidate.name.replace(' ', '-')}-{digest}-seed-{number + 1}.json"
