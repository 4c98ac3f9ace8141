"""tune: search the keys of an experiment, and confirm the best trials before choosing a winner.

This process proposes trials and stores their results; only the processes that train import
TensorFlow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.prepare_data import count_splits, index_and_split
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json, write_text
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.redaction import has_password
from artstyle_tf.system.threads import usable_cores
from artstyle_tf.tuning.live_board import LiveBoard
from artstyle_tf.tuning.optuna_conversion import parameter_importances
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import TuneExperiment
from artstyle_tf.tuning.study import Study, best_first, different_recipes
from artstyle_tf.tuning.study_confirmation import choose_candidates, train_again
from artstyle_tf.tuning.study_engine import check_engine, open_study
from artstyle_tf.tuning.study_folder import (
    StudyFolder,
    check_owner,
    claim_folder,
    folder_description,
    identity_of,
)
from artstyle_tf.tuning.study_loop import StudyLoop
from artstyle_tf.tuning.study_plan import (
    base_experiment,
    check_space,
    description_of,
    groups_to_fill,
    trial_config,
)
from artstyle_tf.tuning.study_results import (
    best_entry,
    describe_space,
    draw_figures,
    no_valid_trial,
    record_entry,
    summarize_study,
    write_trials,
)
from artstyle_tf.tuning.study_verdict import Verdict, choose_by_confirmation, choose_by_search
from artstyle_tf.tuning.trial_processes import ONE_TRIAL, TrialProcesses
from artstyle_tf.tuning.trial_records import TrialRecord

# By name, because they import TensorFlow, and processes can only be forked from one that has not
# used it.
_STUDY_IMAGES = "artstyle_tf.tuning.study_images"
_TRAIN = "artstyle_tf.tuning.trial_training:train_trial"
PRELOADED = [
    _TRAIN.partition(":")[0],
    _STUDY_IMAGES,
    "artstyle_tf.images.reading.transforms",  # which the others import when they need it
]
"""Modules that are imported once for all trials."""


def run(config: TuneExperiment, invocation: Invocation) -> dict[str, Any]:
    """Search, confirm and write the results; return what --json prints."""
    return _TuningJob(config, invocation).run()


def plan(config: TuneExperiment, invocation: Invocation) -> dict[str, Any]:
    """Check space, engine and images and return what `run` would do; writes nothing."""
    job = _TuningJob(config, invocation)
    tuning = config.tuning
    # Imported here, because it imports TensorFlow, see above; a plan forks no process.
    from artstyle_tf.tuning.study_images import check_study

    index, images = job.find_images()
    check_study(job.base, tuning.objective, index, images, invocation.reporter)
    return {
        "dry_run": True,
        "study": str(job.folder.path),
        "engine": tuning.engine,
        "space": describe_space(job.space),
        "objective": list(tuning.objective.metrics),
        "num_trials": tuning.num_trials,
        "workers": job.num_workers,
        "num_images": count_splits(images),
    }


def summarize(result: dict[str, Any]) -> str:
    """Format the result as text."""
    return summarize_study(result)


class _TuningJob:
    """A tuning job; the constructor checks the config before anything is written."""

    def __init__(self, config: TuneExperiment, invocation: Invocation) -> None:
        self.config = config
        self.invocation = invocation
        self.tuning = config.tuning
        kind = f"param-optim-{config.kind}"
        self.folder = StudyFolder(Path(config.outputs) / kind / (config.run_name or "study"))
        self.space = SearchSpace(self.tuning.space)
        self.base = base_experiment(config)
        check_space(self.base, self.space)
        check_engine(self.tuning)
        confirmation = self.tuning.confirmation
        for further in ({}, confirmation.baseline or {}):
            trial_config(self.base, {**confirmation.changes, **further})
        self.num_workers = self.tuning.workers or usable_cores()
        self.num_threads = max(1, usable_cores() // self.num_workers)

    def run(self) -> dict[str, Any]:
        if self.tuning.storage is not None and has_password(self.tuning.storage):
            self.invocation.reporter.warn(
                "tuning.storage contains a password, which others on this machine can see in the "
                "list of processes or in the config file. Put it into PGPASSWORD or ~/.pgpass "
                "instead; no file of the study contains it"
            )
        with self.invocation.stopwatch.stage("preparation"):
            index, table = self.find_images()
        about = {**description_of(self.config), **identity_of(table)}
        with contextlib.closing(
            open_study(
                self.config,
                self.base,
                self.space,
                self.folder,
                basis=about,
                reporter=self.invocation.reporter,
            )
        ) as study:
            claim_folder(self.folder, self._folder_description(about))
            return self._run(study, index, table)

    def find_images(self) -> tuple[ImageIndex, pd.DataFrame]:
        """List and split the images, and check that the folder is not another study's.

        Raises:
            ArtstyleError: if it is, before anything is written.
        """
        about = description_of(self.config)
        check_owner(self.folder, self._folder_description(about))
        index, table = index_and_split(self.config.data, self.invocation.reporter)
        about |= identity_of(table)
        check_owner(self.folder, self._folder_description(about))
        return index, table

    def _folder_description(self, about: Mapping[str, Any]) -> dict[str, Any]:
        return folder_description(self.tuning, {"space": self.space.describe(), **about})

    def _run(self, study: Study, index: ImageIndex, table: pd.DataFrame) -> dict[str, Any]:
        tuning, reporter = self.tuning, self.invocation.reporter
        stage = self.invocation.stopwatch.stage
        write_text(self.folder.config_file, dump_yaml(self.config))
        processes = TrialProcesses(
            self.num_workers,
            preload=PRELOADED,
            log_file=self.folder.log_file,
            num_threads=self.num_threads,
            # An earlier trial may have traced the step of a later one, which is no merit of that.
            limits=ONE_TRIAL if "training_seconds" in tuning.objective.metrics else None,
        )
        with stage("preparation"):
            self._images = processes.run_alone(
                f"{_STUDY_IMAGES}:prepare_study",
                (self.base, tuning.objective, index, table),
                reporter.info,
                what="preparing the images",
            )
        if not study.is_finished():
            with stage("trunk_cache"):
                self._fill(processes, groups_to_fill(self.base, self.space))
        loop = StudyLoop(
            study,
            processes,
            function=_TRAIN,
            job_of=lambda proposal: self._job(trial_config(self.base, proposal.values)),
            board=LiveBoard(reporter, study.metrics, study.num_trials),
            heartbeat_seconds=tuning.heartbeat_seconds,
            reporter=reporter,
        )
        try:
            with stage("trials"):
                loop.run()
        except BaseException:
            # The error of the loop is raised, not that the table cannot be written either.
            with contextlib.suppress(ArtstyleError):
                self._write_trials(study)
            raise
        self._write_trials(study)
        if study.ended_early is not None:
            reporter.info(f"{study.ended_early}.")
        return self._finish(study, processes)

    def _write_trials(self, study: Study) -> None:
        write_trials(self.folder, study.records(), self.space, study.metrics)

    def _finish(self, study: Study, processes: TrialProcesses) -> dict[str, Any]:
        folder, stopwatch = self.folder, self.invocation.stopwatch
        records = study.records()
        best = different_recipes(best_first(records, study.metrics), study.recipes)
        if not best:
            raise no_valid_trial(records)
        with stopwatch.stage("confirmation"):
            verdict = self._choose_winner(best, processes)
        self._write_winner(best, verdict)
        with stopwatch.stage("figures"):
            importances = parameter_importances(records, self.space, seed=self.config.seed)
            draw_figures(
                folder,
                records,
                self.space,
                study.metrics,
                importances,
                scheme=self.tuning.objective.scheme,
                lines=verdict.lines,
            )
        result = {
            "study": str(folder.path),
            "kind": self.config.kind,
            "engine": self.tuning.engine,
            "trials": pd.Series([record.state for record in records]).value_counts().to_dict(),
            "ended_early": study.ended_early,
            "best": best_entry(best, verdict),
            "front": [record_entry(record) for record in best] if len(study.metrics) > 1 else [],
            "recipes": verdict.recipes,
            "confirmation": verdict.sentences,
            "verdicts": verdict.verdicts,
            "importances": importances,
            "best_config": str(folder.best_config_file),
            "figures": str(folder.figures),
            "seconds": stopwatch.seconds(),
        }
        write_json(folder.summary_file, result)
        return result

    def _choose_winner(self, best: Sequence[TrialRecord], processes: TrialProcesses) -> Verdict:
        settings = self.tuning.confirmation
        if settings.top == 0:
            splits = self._images.table["split"]
            on_validation = self.tuning.objective.scheme == "validation"
            evaluated = splits == "val" if on_validation else splits != "test"
            verdict = choose_by_search(best, int(evaluated.sum()))
        else:
            candidates = choose_candidates(self.base, best, settings)
            if settings.changes:
                configs = {candidate.name: [candidate.config] for candidate in candidates}
                self._fill(processes, list(configs.values()))
            recipes, labels = train_again(
                candidates,
                self.folder.confirmations,
                processes,
                function=_TRAIN,
                job_of=lambda config: self._job(config, with_predictions=True),
                num_seeds=settings.seeds,
                reporter=self.invocation.reporter,
            )
            verdict = choose_by_confirmation(
                recipes,
                labels,
                best,
                num_classes=len(self._images.class_names),
                changed=bool(settings.changes),
            )
        for warning in verdict.warnings:
            self.invocation.reporter.warn(warning)
        return verdict

    def _write_winner(self, best: Sequence[TrialRecord], verdict: Verdict) -> None:
        record = next(record for record in best if record.number == verdict.winner)
        changes = self.tuning.confirmation.changes if self.tuning.confirmation.top else {}
        winner = trial_config(self.base, {**record.values, **changes})
        winner = winner.model_copy(update={"run_name": None})
        self.folder.write_winner(winner, number=record.number)
        write_json(self.folder.best_file, best_entry(best, verdict))

    def _fill(
        self, processes: TrialProcesses, groups: Sequence[Sequence[TrainingExperiment]]
    ) -> None:
        """Compute the activations that all trials read, so that they do not wait for each other."""
        for group in groups:
            processes.run_alone(
                f"{_STUDY_IMAGES}:fill_trunk_cache",
                (group, self.tuning.objective, self._images),
                self.invocation.reporter.info,
                what="filling the trunk cache",
            )

    def _job(self, config: TrainingExperiment, *, with_predictions: bool = False) -> Any:
        return (config, self.tuning.objective, self._images, with_predictions)
