"""The same training is not repeated, and an exhausted space ends a study."""

from __future__ import annotations

import contextlib

import pytest
from search_parameters import parameter
from test_studies import COMMON, keras_tuner_study, optuna_study

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT
from artstyle_tf.tuning.live_board import LiveBoard
from artstyle_tf.tuning.repeats import Recipes
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.study import different_recipes
from artstyle_tf.tuning.study_loop import StudyLoop
from artstyle_tf.tuning.trial_processes import Event
from artstyle_tf.tuning.trial_records import Proposal, TrialRecord

BATCH = parameter("categorical", choices=(16, [64]))
TWO = SearchSpace({"batch": BATCH})
FOUR = SearchSpace({"batch": BATCH, "blocks": parameter("int", low=2, high=3)})


@pytest.fixture(params=["optuna", "keras_tuner"])
def open_study(request, tmp_path):
    """Function (space, further arguments) -> the study in the test's folder."""
    with contextlib.ExitStack() as stack:

        def open_it(space, **changes):
            arguments = {**COMMON, **changes}
            if request.param == "keras_tuner":
                study = keras_tuner_study(tmp_path, space, **arguments)
                stack.callback(study.close)
                return study
            return stack.enter_context(optuna_study(tmp_path, space, **arguments))

        yield open_it


class InstantProcesses:
    """Trials that end at once; the score follows from the values."""

    def __init__(self, num_workers, outcome=None):
        self.num_workers = num_workers
        self.trained = []
        self._running = {}
        self._outcome = outcome or (lambda values: {"macro_f1": values.get("blocks", 5) / 10})

    @property
    def has_room(self):
        return len(self._running) < self.num_workers

    def start(self, key, function, job):
        self.trained.append(job)
        self._running[key] = job

    def events(self, timeout):
        ended, self._running = self._running, {}
        return [Event(key, "done", self._outcome(job), 3.0) for key, job in ended.items()]

    def stop(self):
        pass


def run(study, processes):
    StudyLoop(
        study,
        processes,
        function="",
        job_of=lambda proposal: proposal.values,
        board=LiveBoard(SILENT, study.metrics, study.num_trials),
        heartbeat_seconds=100,
        reporter=SILENT,
    ).run()


@pytest.mark.parametrize("num_workers", [1, 3])
@pytest.mark.parametrize("space", [TWO, FOUR])
def test_no_recipe_is_trained_twice_and_an_exhausted_space_ends_the_study(
    open_study, space, num_workers
):
    study = open_study(space, num_trials=40, startup_trials=40)
    processes = InstantProcesses(num_workers)
    run(study, processes)
    number = 2 if space is TWO else 4
    assert len(processes.trained) == number
    assert all(processes.trained.count(values) == 1 for values in processes.trained)
    assert study.is_finished()
    assert f"no more than {number} different recipes" in study.ended_early
    records = study.records()
    assert study.ended_early.startswith(f"{len(records)} of 40 trials")
    for record in records:
        assert record.scores["macro_f1"] == record.values.get("blocks", 5) / 10
        trained = records[record.trained]
        assert (trained.values, trained.repeat_of) == (record.values, None)


def test_a_repeat_takes_score_and_steps_and_counts(tmp_path):
    """The space is too large to be exhausted, but values are often proposed again."""
    space = SearchSpace({"batch": BATCH, "rate": parameter("float", low=0.1, high=0.1 + 1e-9)})
    same = Recipes(space, lambda values: values["batch"], num_trials=8)
    with optuna_study(tmp_path, space, **{**COMMON, "num_trials": 8}, recipes=same) as study:
        first = study.ask()
        study.report(first, 1, 0.4)
        study.complete(first, {"macro_f1": 0.5}, 3.0)
        processes = InstantProcesses(1)
        run(study, processes)
        records = study.records()
    assert len(records) == 8
    assert len(processes.trained) == 1  # the other batch
    repeats = [r for r in records if r.repeat_of == 0]
    assert repeats
    assert all(
        (r.scores, r.steps, r.seconds) == ({"macro_f1": 0.5}, {1: 0.4}, 0.0) for r in repeats
    )
    assert [r.number for r in different_recipes(records, same)] == [0, processes_first(records)]


def processes_first(records):
    return next(r.number for r in records if r.number and r.repeat_of is None)


def test_a_repeat_of_a_pruned_trial_is_pruned(tmp_path):
    with optuna_study(tmp_path, TWO, **{**COMMON, "num_trials": 30}) as study:
        first = study.ask()
        study.report(first, 1, 0.2)
        study.prune(first, "after step 1", 1.0)
        again = study.ask()
        while again.values != first.values:
            study.complete(again, {"macro_f1": 0.5}, 1.0)
            if study.is_finished():
                pytest.fail("the seed has drawn each only once")
            again = study.ask()
        study.repeat(again, study.records()[0])
        record = study.records()[again.number]
    assert (record.state, record.steps, record.repeat_of) == ("pruned", {1: 0.2}, 0)
    assert record.reason == "after step 1"


def test_one_of_two_workers_waits_for_the_other(tmp_path):
    with (
        optuna_study(tmp_path, TWO, **{**COMMON, "num_trials": 30}) as one,
        optuna_study(tmp_path, TWO, **{**COMMON, "num_trials": 30, "seed": 3}) as other,
    ):
        first = one.ask()
        second = other.ask()
        while second.values != first.values:
            other.fail(second, "no memory", 1.0)
            second = other.ask()
        assert other.recipes.find_twin(second, other.records()).number == first.number
        assert one.recipes.find_twin(first, one.records()) is None
        one.fail(first, "no memory", 1.0)
        assert other.recipes.find_twin(second, other.records()) is None  # it trains itself


def test_a_trial_with_incomplete_values_may_be_a_repeat():
    recipes = Recipes(FOUR, num_trials=9)
    proposal = Proposal(1, {"batch": 16, "blocks": 2})
    assert recipes.find_twin(proposal, [TrialRecord(0, "running", {"batch": 16})]).number == 0
    assert recipes.find_twin(proposal, [TrialRecord(0, "running", {"batch": [64]})]) is None
    assert recipes.find_twin(proposal, [TrialRecord(0, "failed", {"batch": 16})]) is None


@pytest.mark.parametrize(
    ("parameters", "number"),
    [
        ({"a": parameter("categorical", choices=(1, 1, True, [1]))}, 2),
        ({"a": parameter("int", low=1, high=9, step=3)}, 3),
        ({"a": parameter("float", low=0.1, high=0.4, step=0.1)}, 4),
        ({"a": parameter("float", low=0.3, high=0.3)}, 1),
        ({"batch": BATCH, "b": parameter("int", low=1, high=5, when={"batch": (16,)})}, 6),
        ({"batch": BATCH, "b": parameter("float", low=1, high=5, when={"batch": (32,)})}, 2),
        ({"batch": BATCH, "b": parameter("float", low=1, high=5, when={"batch": (16,)})}, None),
        ({"a": parameter("float", low=0.1, high=0.4)}, None),
        ({"a": parameter("int", low=1, high=10**12)}, None),
    ],
)
def test_how_many_combinations_a_space_holds(parameters, number):
    found = SearchSpace(parameters).combinations(1000)
    assert (None if found is None else len(found)) == number


def test_steps_of_floats_do_not_depend_on_rounding(tmp_path):
    space = SearchSpace({"a": parameter("float", low=0.1, high=0.7, step=0.1)})
    with optuna_study(tmp_path, space, **{**COMMON, "num_trials": 300}) as study:
        run(study, InstantProcesses(1, lambda values: {"macro_f1": values["a"]}))
        assert len({record.values["a"] for record in study.records()}) == 7
        assert "no more than 7 different" in study.ended_early


def test_different_values_that_train_the_same_are_one_recipe():
    space = SearchSpace({"a": parameter("categorical", choices=(1, 2)), "batch": BATCH})
    recipes = Recipes(space, lambda values: values["batch"], num_trials=9)
    assert recipes.name({"a": 1, "batch": 16}) == recipes.name({"a": 2, "batch": 16})

    def refused(values):
        raise ArtstyleError("they do not go together")

    recipes = Recipes(space, refused, num_trials=9)
    assert recipes.name({"a": 1, "batch": 16}) != recipes.name({"a": 2, "batch": 16})


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_a_failed_trial(open_study, score):
    study = open_study(TWO, num_trials=1)
    with pytest.raises(ArtstyleError, match="All trials fail"):
        run(study, InstantProcesses(2, lambda values: {"macro_f1": score}))
    assert {record.state for record in study.records()} == {"failed"}
    assert {record.reason for record in study.records()} == {"its score is not a finite number"}
    assert study.is_finished()


def test_two_commands_do_not_share_a_study_of_keras_tuner(tmp_path):
    study = keras_tuner_study(tmp_path, TWO, **COMMON)
    with pytest.raises(ArtstyleError, match=r"Another command works on this study.*process \d+"):
        keras_tuner_study(tmp_path, TWO, **COMMON)
    study.close()
    keras_tuner_study(tmp_path, TWO, **COMMON).close()


@pytest.mark.parametrize(
    "trials",
    [
        [{"number": 0}],
        [{"number": 0, "state": "complete", "values": {"batch": 16}, "scores": {}}],
        [{"number": 0, "state": "complete", "values": {"batch": 17}, "scores": {"macro_f1": 1}}],
        [{"number": 0, "state": "running", "values": {"other": 17}}],
        {"0": 1},
    ],
)
def test_a_damaged_study_of_keras_tuner_is_a_clear_error(tmp_path, trials):
    import json

    about = {"space": TWO.describe(), **COMMON["basis"]}
    (tmp_path / "study.json").write_text(json.dumps({"about": about, "trials": trials}))
    with pytest.raises(ArtstyleError, match="is damaged"):
        keras_tuner_study(tmp_path, TWO, **COMMON)
