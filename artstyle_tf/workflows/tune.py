"""tune: search the keys of an experiment, and train the best again before one is named.

This process proposes trials and remembers them; TensorFlow is only in those that train.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.config.tuning import TuneExperiment
from artstyle_tf.files import write_json, write_text
from artstyle_tf.threads import usable_cores
from artstyle_tf.tuning.importances import parameter_importances
from artstyle_tf.tuning.live_board import LiveBoard, short_value
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.study import Study, TrialRecord, best_first
from artstyle_tf.tuning.study_loop import run_study
from artstyle_tf.tuning.trial_processes import TrialProcesses
from artstyle_tf.workflows.invocation import Invocation
from artstyle_tf.workflows.tuning.study_confirmation import choose_candidates, train_again
from artstyle_tf.workflows.tuning.study_engine import check_engine, open_study
from artstyle_tf.workflows.tuning.study_folder import StudyFolder
from artstyle_tf.workflows.tuning.study_plan import (
    base_experiment,
    check_space,
    groups_to_fill,
    trial_config,
    unpack_space,
)
from artstyle_tf.workflows.tuning.study_results import draw_figures, write_trials
from artstyle_tf.workflows.tuning.study_verdict import Verdict, judge, judge_without_training

# By name, because they import TensorFlow, and processes can only be forked from one that has not
# used it.
_STUDY_PICTURES = "artstyle_tf.workflows.tuning.study_pictures"
_TRIAL_TRAINING = "artstyle_tf.workflows.tuning.trial_training"
_TRAIN = f"{_TRIAL_TRAINING}:train_trial"
PRELOADED = [
    _TRIAL_TRAINING,
    _STUDY_PICTURES,
    "artstyle_tf.data.picture_transforms",  # which the others import when they need it
]
"""What is imported once for all trials."""


def run(config: TuneExperiment, invocation: Invocation) -> dict[str, Any]:
    """Searches, confirms, writes; returns the contract that --json prints."""
    return _TuningJob(config, invocation).run()


def plan(config: TuneExperiment, invocation: Invocation) -> dict[str, Any]:
    """Checks space, engine and pictures and says what `run` would do; writes nothing."""
    job = _TuningJob(config, invocation)
    tuning, space = config.tuning, job.space
    # Here, because they import TensorFlow, see above; a plan forks no process.
    from artstyle_tf.workflows.prepare_data import count_splits
    from artstyle_tf.workflows.tuning.study_pictures import check_study

    _, pictures = check_study(job.base, tuning.objective, invocation.reporter)
    return {
        "dry_run": True,
        "study": str(job.place.path),
        "engine": tuning.engine,
        "space": {
            parameter.key: _range_in_words(space, parameter.key) for parameter in space.parameters
        },
        "objective": list(tuning.objective.metrics),
        "num_trials": tuning.num_trials,
        "workers": job.num_workers,
        "num_pictures": count_splits(pictures),
    }


def summarise(result: dict[str, Any]) -> str:
    """The result as text."""
    if result.get("dry_run"):
        lines = [f"{key}: {value}" for key, value in result.items() if key != "dry_run"]
        return "Dry run: nothing was written.\n" + "\n".join(lines)
    states = ", ".join(f"{count} {state}" for state, count in result["trials"].items() if count)
    lines = [f"Trials:  {states}"]
    if result["best"] is None:
        return "\n".join([*lines, f"Results: {result['study']}"])
    values = {key: short_value(value) for key, value in result["best"]["values"].items()}
    width = max(map(len, values), default=0)
    lines += [
        f"Winner:  trial {result['best']['trial']}",
        *(f"  {key:<{width}}  {value}" for key, value in values.items()),
        *result["confirmation"],
        *(f"{text[0].upper()}{text[1:]}." for text in result["verdicts"]),
        f"Config:  {result['best_config']}",
        f"Figures: {result['figures']}",
        f"Results: {result['study']} ({result['seconds']['total']:.0f} s)",
    ]
    return "\n".join(lines)


class _TuningJob:
    """What can be wrong is asked for here, before anything is written."""

    def __init__(self, config: TuneExperiment, invocation: Invocation) -> None:
        self.config = config
        self.invocation = invocation
        self.tuning = config.tuning
        folder = f"param-optim-{config.kind}"
        self.place = StudyFolder(Path(config.outputs) / folder / (config.run_name or "study"))
        self.space = unpack_space(self.tuning)
        self.base = base_experiment(config)
        check_space(self.base, self.space)
        check_engine(self.tuning)
        confirmation = self.tuning.confirmation
        for further in ({}, confirmation.baseline or {}):
            trial_config(self.base, {**confirmation.changes, **further})
        self.num_workers = self.tuning.workers or usable_cores()
        self.num_threads = max(1, usable_cores() // self.num_workers)

    def run(self) -> dict[str, Any]:
        with contextlib.closing(
            open_study(self.config, self.base, self.space, self.place)
        ) as study:
            return self._run(study)

    def _run(self, study: Study) -> dict[str, Any]:
        invocation, tuning, reporter = self.invocation, self.tuning, self.invocation.reporter
        write_text(self.place.config_file, dump_yaml(self.config))
        processes = TrialProcesses(
            self.num_workers,
            preload=PRELOADED,
            log_file=self.place.log_file,
            num_threads=self.num_threads,
        )
        with invocation.stopwatch.stage("preparation"):
            self._pictures = processes.run_alone(
                f"{_STUDY_PICTURES}:prepare_study",
                (self.base, tuning.objective),
                reporter.info,
                what="preparing the pictures",
            )
        if not study.is_finished():
            with invocation.stopwatch.stage("trunk_cache"):
                self._fill(processes, groups_to_fill(self.base, self.space))
        try:
            with invocation.stopwatch.stage("trials"):
                run_study(
                    study,
                    processes,
                    function=_TRAIN,
                    job_of=lambda proposal: self._job(trial_config(self.base, proposal.values)),
                    board=LiveBoard(reporter, study.metrics, study.num_trials),
                    heartbeat_seconds=tuning.heartbeat_seconds,
                    reporter=reporter,
                )
        finally:
            write_trials(self.place, study.records(), self.space, study.metrics)
        return self._finish(study, processes)

    def _finish(self, study: Study, processes: TrialProcesses) -> dict[str, Any]:
        invocation, place = self.invocation, self.place
        records = study.records()
        best = best_first(records, study.metrics)
        verdict = None
        if best:
            with invocation.stopwatch.stage("confirmation"):
                verdict = self._judge(best, processes)
            self._write_winner(best, verdict)
        with invocation.stopwatch.stage("figures"):
            importances = parameter_importances(records, self.space, seed=self.config.seed)
            draw_figures(
                place,
                records,
                self.space,
                study.metrics,
                importances,
                scheme=self.tuning.objective.scheme,
                lines={} if verdict is None else verdict.lines,
            )
        result = {
            "study": str(place.path),
            "kind": self.config.kind,
            "engine": self.tuning.engine,
            "trials": pd.Series([record.state for record in records]).value_counts().to_dict(),
            "best": None if verdict is None else _best_entry(best, verdict),
            "front": [_record_entry(record) for record in best] if len(study.metrics) > 1 else [],
            "recipes": [] if verdict is None else verdict.recipes,
            "confirmation": [] if verdict is None else verdict.sentences,
            "verdicts": [] if verdict is None else verdict.verdicts,
            "importances": importances,
            "best_config": None if verdict is None else str(place.best_config_file),
            "figures": str(place.figures),
            "seconds": invocation.stopwatch.seconds(),
        }
        write_json(place.summary_file, result)
        return result

    def _judge(self, best: Sequence[TrialRecord], processes: TrialProcesses) -> Verdict:
        settings = self.tuning.confirmation
        num_pictures = self._num_judged()
        if settings.top == 0:
            verdict = judge_without_training(best, num_pictures)
        else:
            candidates = choose_candidates(self.base, best, settings)
            if settings.changes:
                configs = {candidate.name: [candidate.config] for candidate in candidates}
                self._fill(processes, list(configs.values()))
            recipes, labels = train_again(
                candidates,
                self.place.confirmations,
                processes,
                function=_TRAIN,
                job_of=lambda config: self._job(config, wants_predictions=True),
                num_seeds=settings.seeds,
                reporter=self.invocation.reporter,
            )
            verdict = judge(
                recipes,
                labels,
                best,
                num_classes=len(self._pictures.class_names),
                seed=self.config.seed,
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
        note = (
            f"# Trial {record.number} of the study {self.place.path.name}.\n"
            f"# python scripts/train_{self.config.kind}.py --config {self.place.best_config_file}\n"
        )
        write_text(self.place.best_config_file, note + dump_yaml(winner))
        write_json(self.place.best_file, _best_entry(best, verdict))

    def _fill(
        self, processes: TrialProcesses, groups: Sequence[Sequence[TrainingExperiment]]
    ) -> None:
        """Computes what all trials will read, so that they do not wait for each other."""
        for group in groups:
            processes.run_alone(
                f"{_STUDY_PICTURES}:fill_trunk_cache",
                (group, self.tuning.objective, self._pictures),
                self.invocation.reporter.info,
                what="filling the trunk cache",
            )

    def _job(self, config: TrainingExperiment, *, wants_predictions: bool = False) -> Any:
        return (config, self.tuning.objective, self._pictures, wants_predictions)

    def _num_judged(self) -> int:
        splits = self._pictures.table["split"]
        if self.tuning.objective.scheme == "validation":
            return int((splits == "val").sum())
        return int((splits != "test").sum())


def _best_entry(best: Sequence[TrialRecord], verdict: Verdict) -> dict[str, Any]:
    record = next(record for record in best if record.number == verdict.winner)
    confirmed = next((r for r in verdict.recipes if r["trial"] == record.number), None)
    return {
        **_record_entry(record),
        "confirmed_macro_f1": None if confirmed is None else confirmed["mean"],
    }


def _record_entry(record: TrialRecord) -> dict[str, Any]:
    return {"trial": record.number, "values": record.values, "scores": record.scores}


def _range_in_words(space: SearchSpace, key: str) -> str:
    parameter = space[key]
    if parameter.kind == "categorical":
        words = " | ".join(str(token) for token in parameter.tokens)
    else:
        words = f"{parameter.low:g} to {parameter.high:g}" + (", log" if parameter.log else "")
    conditions = [f"{name} in {list(values)}" for name, values in parameter.when.items()]
    return words + (f", if {' and '.join(conditions)}" if conditions else "")
