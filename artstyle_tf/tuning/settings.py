"""Settings of tuning: an experiment, the search space of its keys, and the search."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from artstyle_tf.config.base import NonNegativeInt, PositiveFloat, PositiveInt, Schema
from artstyle_tf.config.experiment import DirectExperiment, TrainingExperiment, TripletExperiment
from artstyle_tf.tuning.parameters import Parameter

MetricName = Literal["macro_f1", "training_seconds"]
SamplerName = Literal["tpe", "random", "qmc", "nsga2", "cmaes", "gp"]
PrunerName = Literal["none", "median", "halving", "hyperband"]


class ObjectiveConfig(Schema):
    """What a trial is scored by.

    `validation` trains once and scores the validation images; `random` and `group` cross-validate
    over training and validation images, `group` without a common group (artist) in two folds. The
    test images are not used.

    Attributes:
        metrics: macro_f1, or macro_f1 and training_seconds for a Pareto front.
        scheme: which images a trial is scored on.
        num_folds: number of folds of the schemes random and group.
    """

    metrics: Annotated[tuple[MetricName, ...], Field(min_length=1, max_length=2)] = ("macro_f1",)
    scheme: Literal["validation", "random", "group"] = "validation"
    num_folds: Annotated[int, Field(ge=2)] = 3

    @model_validator(mode="after")
    def _macro_f1_first(self) -> ObjectiveConfig:
        if self.metrics[0] != "macro_f1" or len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics should be [macro_f1] or [macro_f1, training_seconds]")
        return self


class SamplerConfig(Schema):
    """How values are proposed; the first `startup_trials` are drawn at random.

    Attributes:
        name: how values are proposed; cmaes and gp need further packages.
        startup_trials: drawn at random first.
    """

    name: SamplerName = "tpe"
    startup_trials: NonNegativeInt = 10


class PrunerConfig(Schema):
    """When a trial is pruned.

    `median` compares an epoch with the same epoch of earlier trials, `startup_trials` of which are
    finished, and never prunes a trial in its first `warmup_steps`; `halving` and `hyperband`
    continue the best third after 1, 3, 9 ... epochs. Epochs count through all phases; with folds,
    a step is a fold.

    Attributes:
        name: which rule ends a trial early.
        startup_trials: trials that are finished before `median` ends one.
        warmup_steps: steps in which `median` never ends a trial.
    """

    name: PrunerName = "halving"
    startup_trials: NonNegativeInt = 5
    warmup_steps: NonNegativeInt = 0


class ConfirmationConfig(Schema):
    """The best trials trained again with new seeds, before a winner is named.

    `changes` are dotted keys for these trainings and for best.yaml, e.g. a higher resolution than
    the search could afford. `baseline` are dotted keys that turn the experiment into the recipe
    that the winner has to beat; null for no comparison.

    Attributes:
        top: how many of the best trials are trained again; 0 for none.
        seeds: new seeds for each of them.
        changes: dotted key -> value in these trainings and in best.yaml.
        baseline: dotted key -> value; the overrides that define the baseline of the search.
    """

    top: NonNegativeInt = 3
    seeds: PositiveInt = 2
    changes: dict[str, Any] = Field(default_factory=dict)
    baseline: dict[str, Any] | None = None


class TuningConfig(Schema):
    """How settings are searched.

    With `storage: null` a study is a SQLite file in its folder; a URL such as
    postgresql://user@host/database lets several machines work on it. `num_trials` and
    `timeout_seconds` are for all of them together.

    Attributes:
        engine: `optuna`, or `keras_tuner` for Bayesian optimization without pruning.
        space: dotted key of the experiment -> its range.
        objective: what a trial is scored by.
        sampler: how values are proposed.
        pruner: when a trial is ended early.
        num_trials: number of trials of all workers.
        timeout_seconds: no trial begins after so many seconds; null for no limit.
        workers: trials at a time on this machine; null for one per core.
        retries: further attempts at a trial whose process was killed.
        storage: URL of a database that several machines share; null for a SQLite file in the study
            folder.
        heartbeat_seconds: how often a worker reports that its trials are alive.
        confirmation: the best trials, trained again.
    """

    engine: Literal["optuna", "keras_tuner"] = "optuna"
    space: Annotated[dict[str, Parameter], Field(min_length=1)]
    objective: ObjectiveConfig = ObjectiveConfig()
    sampler: SamplerConfig = SamplerConfig()
    pruner: PrunerConfig = PrunerConfig()
    num_trials: PositiveInt = 100
    timeout_seconds: PositiveFloat | None = None
    workers: PositiveInt | None = None
    retries: NonNegativeInt = 2
    storage: str | None = None
    heartbeat_seconds: PositiveInt = 15
    confirmation: ConfirmationConfig = ConfirmationConfig()

    @model_validator(mode="after")
    def _what_goes_together(self) -> TuningConfig:
        for name, parameter in self.space.items():
            unknown = [key for key in parameter.when if key not in self.space]
            if unknown:
                raise ValueError(f"space.{name}.when names {unknown[0]}, which is not searched")
        if len(self.objective.metrics) > 1 and self.pruner.name != "none":
            raise ValueError("several objectives cannot be pruned: set pruner.name to none")
        if len(self.objective.metrics) > 1 and self.sampler.name in ("cmaes", "gp"):
            raise ValueError("several objectives need sampler.name tpe, nsga2, random or qmc")
        if self.engine == "keras_tuner":
            self._check_keras_tuner()
        return self

    def _check_keras_tuner(self) -> None:
        if self.pruner.name != "none" or len(self.objective.metrics) > 1 or self.storage:
            raise ValueError(
                "engine keras_tuner neither prunes nor has several objectives nor shares a "
                "database: set pruner.name to none, objective.metrics to [macro_f1] and storage "
                "to null"
            )


class DirectTuneExperiment(DirectExperiment):
    """A classifier's experiment and the space that is searched around it.

    Attributes:
        tuning: the search.
    """

    tuning: TuningConfig


class TripletTuneExperiment(TripletExperiment):
    """An embedding's experiment and the space that is searched around it.

    Attributes:
        tuning: the search.
    """

    tuning: TuningConfig


TuneExperiment = DirectTuneExperiment | TripletTuneExperiment

TUNE_EXPERIMENTS: dict[str, type[TrainingExperiment]] = {
    "direct": DirectTuneExperiment,
    "triplet": TripletTuneExperiment,
}
