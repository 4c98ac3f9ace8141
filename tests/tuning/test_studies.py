"""Studies of both engines, without processes: a trial ends as soon as it starts."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace

import pytest
from search_parameters import parameter

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning import optuna_retries
from artstyle_tf.tuning.keras_tuner_search import KerasTunerStudy
from artstyle_tf.tuning.optuna_conversion import build_pruner, build_sampler, check_sampler
from artstyle_tf.tuning.optuna_retries import put_back_again
from artstyle_tf.tuning.optuna_storage import close_storage, open_storage, with_driver
from artstyle_tf.tuning.optuna_study import OptunaStudy
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.settings import (
    ObjectiveConfig,
    PrunerConfig,
    SamplerConfig,
    TuningConfig,
)
from artstyle_tf.tuning.study import best_first
from artstyle_tf.tuning.trial_records import TrialRecord

SPACE = SearchSpace(
    {
        "rate": parameter("float", low=1e-4, high=1e-2, log=True),
        "blocks": parameter("int", low=2, high=8),
        "batch": parameter("categorical", choices=(16, 32, [64])),
        "margin": parameter("float", low=0.1, high=0.5, when={"batch": (16, [64])}),
    }
)
COMMON = {"basis": {"seed": 1}, "num_trials": 6, "seed": 3, "startup_trials": 6, "retries": 1}


@pytest.fixture(params=["optuna", "keras_tuner"])
def open_study(request, tmp_path):
    """Function (further arguments) -> the study in the test's folder."""
    with contextlib.ExitStack() as stack:

        def open_it(space=SPACE, **changes):
            arguments = {**COMMON, **changes}
            if request.param == "keras_tuner":
                stack.close()  # one at a time works on it
                study = keras_tuner_study(tmp_path, space, **arguments)
                stack.callback(study.close)
                return study
            return stack.enter_context(optuna_study(tmp_path, space, **arguments))

        yield open_it


@contextlib.contextmanager
def optuna_study(folder, space=SPACE, url=None, *, basis, seed, recipes=None, **changes):
    """A study in a folder, or in the database of a URL; `changes` as for `tuning_config`."""
    storage = open_storage(url, folder / "study.db", heartbeat_seconds=1, retries=1)
    settings = tuning_config(**changes)
    try:
        yield OptunaStudy(
            "s", storage, space, settings, basis=basis, seed=seed, recipes=recipes, most_steps=9
        )
    finally:
        close_storage(storage)


def keras_tuner_study(folder, space=SPACE, *, basis, seed, recipes=None, **changes):
    settings = tuning_config(**changes)
    file = folder / "study.json"
    return KerasTunerStudy(file, space, settings, basis=basis, seed=seed, recipes=recipes)


def tuning_config(*, metrics=("macro_f1",), startup_trials=10, pruner="none", **changes):
    """Settings of a study whose space is passed separately."""
    return TuningConfig(
        space={"seed": {"type": "int", "low": 0, "high": 1}},
        objective=ObjectiveConfig(metrics=tuple(metrics)),
        sampler=SamplerConfig(startup_trials=startup_trials),
        pruner=PrunerConfig(name=pruner, startup_trials=2),
        **changes,
    )


def score(proposal):
    return proposal.values["blocks"] / 10


def make(study, most=100):
    made = []
    while len(made) < most and (proposal := study.ask()) is not None:
        study.complete(proposal, {"macro_f1": score(proposal)}, 1.0)
        made.append(proposal)
    return made


def test_a_study_runs_its_number_of_trials(open_study):
    study = open_study()
    made = make(study)
    assert [proposal.number for proposal in made] == list(range(6))
    assert study.is_finished()
    records = study.records()
    assert [record.scores["macro_f1"] for record in records] == [score(p) for p in made]
    assert [record.values for record in records] == [p.values for p in made]
    for values in (proposal.values for proposal in made):
        assert 1e-4 <= values["rate"] <= 1e-2
        assert values["batch"] in (16, 32, [64])
        assert ("margin" in values) == (values["batch"] != 32)


def test_a_study_resumes_where_it_stopped(open_study):
    first = make(open_study(), most=4)
    again = open_study()
    assert [record.values for record in again.records()] == [p.values for p in first]
    further = make(again)
    assert [proposal.number for proposal in further] == [4, 5]
    every = [proposal.values for proposal in (*first, *further)]
    assert all(every.count(values) == 1 for values in every)  # nothing is drawn twice


def test_proposals_improve_with_known_trials(open_study):
    """The score is the number of blocks, which later proposals should increase."""
    study = open_study(num_trials=16, startup_trials=8)
    blocks = [proposal.values["blocks"] for proposal in make(study, most=8)]
    again = open_study(num_trials=16, startup_trials=8)
    later = [proposal.values["blocks"] for proposal in make(again)]
    assert sum(later) / len(later) > sum(blocks) / len(blocks) + 1


def test_the_same_seed_proposes_the_same(open_study, tmp_path):
    first = [proposal.values for proposal in make(open_study())]
    for file in tmp_path.iterdir():
        file.unlink()
    assert [proposal.values for proposal in make(open_study())] == first


def test_another_space_or_experiment_is_refused(open_study):
    make(open_study(), most=1)
    blocks = parameter("int", low=1, high=9)
    wider = SearchSpace({"blocks": blocks, "rate": SPACE.parameters["rate"]})
    with pytest.raises(ArtstyleError, match=r"does not match this command.*space\.blocks"):
        open_study(space=wider)
    with pytest.raises(ArtstyleError, match="other values for seed"):
        open_study(basis={"seed": 2})


def test_failures_are_stored_with_their_reason(open_study):
    study = open_study()
    study.fail(study.ask(), "no memory", 2.0)
    make(study)
    record = study.records()[0]
    assert (record.state, record.reason, record.scores) == ("failed", "no memory", {})
    assert len(study.records()) == 6  # it counts
    assert study.is_finished()


def test_retries_of_a_killed_trial_are_limited(open_study):
    study = open_study(num_trials=1)
    first = study.ask()
    assert study.put_back(first, "killed", at_fault=True)
    assert not study.is_finished()
    second = study.ask()
    assert second.values == first.values
    assert not study.put_back(second, "killed", at_fault=True)
    assert study.ask() is None
    (record,) = study.records()
    assert (record.state, record.reason) == ("failed", "killed")
    assert study.is_finished()


def test_an_interrupted_trial_is_run_again_without_limit(open_study):
    study = open_study(num_trials=1)
    for _ in range(4):
        assert study.put_back(study.ask(), "interrupted", at_fault=False)
    make(study)
    assert [record.state for record in study.records()] == ["complete"]


def test_a_trial_that_a_dying_worker_did_not_put_back_is_run_again(tmp_path, monkeypatch):
    arguments = {**COMMON, "num_trials": 1}
    with optuna_study(tmp_path, **arguments) as study:
        first = study.ask()
        with monkeypatch.context() as patch:  # killed at this moment
            patch.setattr(optuna_retries, "put_back_again", lambda *_, **__: None)
            study.put_back(first, "killed", at_fault=True)
        assert not study.is_finished()
    time.sleep(2.1)
    with optuna_study(tmp_path, **arguments) as one, optuna_study(tmp_path, **arguments) as other:
        put_back_again(other._study, other._all()[0], limit=1)  # both may do it
        again = one.ask()
        assert again.values == first.values
        one.complete(again, {"macro_f1": 0.5}, 1.0)
        assert other.ask() is None
        assert [record.state for record in one.records()] == ["complete"]


def test_two_workers_share_the_number_of_trials(tmp_path):
    with optuna_study(tmp_path, **COMMON) as one, optuna_study(tmp_path, **COMMON) as other:
        begun = [study.ask() for study in (one, other) * 3]
        assert sorted(proposal.number for proposal in begun) == list(range(6))
        assert one.ask() is None
        assert other.ask() is None
        assert not one.is_finished()  # the other is still at work
        for position, proposal in enumerate(begun):
            (one, other)[position % 2].complete(proposal, {"macro_f1": 0.5}, 1.0)
        assert one.is_finished()
        assert other.is_finished()


def test_median_pruning_prunes_trials_below_the_median(tmp_path):
    with optuna_study(tmp_path, **COMMON, pruner="median") as study:
        for value in (0.5, 0.7):
            proposal = study.ask()
            assert not study.report(proposal, 1, value)
            study.complete(proposal, {"macro_f1": value}, 1.0)
        good, bad = study.ask(), study.ask()
        assert not study.report(good, 1, 0.65)
        assert study.report(bad, 1, 0.55)
        study.prune(bad, "after step 1", 1.0)
        record = study.records()[bad.number]
        assert (record.state, record.steps) == ("pruned", {1: 0.55})


def test_no_trial_begins_after_the_timeout(tmp_path, monkeypatch):
    now = time.time()
    with optuna_study(tmp_path, **COMMON, timeout_seconds=60) as study:
        proposal = study.ask()
        later = SimpleNamespace(time=lambda: now + 3600)
        monkeypatch.setattr("artstyle_tf.tuning.optuna_study.time", later)
        assert study.ask() is None
        assert not study.is_finished()
        study.complete(proposal, {"macro_f1": 0.5}, 1.0)
        assert study.is_finished()


def test_two_objectives_have_a_pareto_front(tmp_path):
    metrics = ["macro_f1", "training_seconds"]
    with optuna_study(tmp_path, **COMMON, metrics=metrics) as study:
        for f1, seconds in ((0.8, 9.0), (0.7, 2.0), (0.7, 3.0), (0.6, 1.0), (0.5, 1.0), (0.8, 9.0)):
            proposal = study.ask()
            assert not study.report(proposal, 1, f1)
            study.complete(proposal, {"macro_f1": f1, "training_seconds": seconds}, seconds)
        front = best_first(study.records(), metrics)
    assert [record.number for record in front] == [0, 5, 1, 3]


def test_the_best_of_one_objective_come_first():
    records = [
        TrialRecord(0, "complete", {}, scores={"macro_f1": 0.5}),
        TrialRecord(1, "pruned", {}, steps={1: 0.9}),
        TrialRecord(2, "complete", {}, scores={"macro_f1": 0.6}),
        TrialRecord(3, "complete", {}, scores={"macro_f1": 0.6}),
    ]
    assert [record.number for record in best_first(records, ["macro_f1"])] == [2, 3, 0]


def test_a_sampler_without_its_package_is_refused_at_once(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name, package in (("gp", "torch"), ("cmaes", "cmaes")):
        with pytest.raises(ArtstyleError, match=f"pip install {package}"):
            check_sampler(name)
    check_sampler("tpe")
    with pytest.raises(ArtstyleError, match=r"artstyle-tf\[postgresql\]"):
        with_driver("postgresql://host/base")


def test_every_sampler_and_pruner_of_the_config_exists():
    from typing import get_args

    samplers = set(get_args(SamplerConfig.model_fields["name"].annotation)) - {"gp", "cmaes"}
    for name in samplers:
        assert build_sampler(SamplerConfig(name=name), seed=1) is not None
    for name in get_args(PrunerConfig.model_fields["name"].annotation):
        assert build_pruner(PrunerConfig(name=name), most_steps=7) is not None


def test_an_unreachable_database_is_a_clear_error(tmp_path):
    with pytest.raises(ArtstyleError, match="cannot be opened"):
        open_storage(
            "postgresql://nobody@127.0.0.1:1/none",
            tmp_path / "study.db",
            heartbeat_seconds=1,
            retries=1,
        )
    (tmp_path / "broken.db").write_text("no database at all, but long enough to be looked at")
    with pytest.raises(ArtstyleError, match="cannot be opened"):
        open_storage(None, tmp_path / "broken.db", heartbeat_seconds=1, retries=1)
