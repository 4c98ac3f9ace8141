from __future__ import annotations

import json
import shutil
from datetime import datetime

import keras
import numpy as np
import pytest

from artstyle_tf.runs import run_creation
from artstyle_tf.runs.model_files import save_head
from artstyle_tf.runs.run_creation import create_run_directory, plan_run_directory
from artstyle_tf.runs.run_directory import open_run
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.finite_numbers import NotFiniteError


def plan(outputs, name="first", *, resume=False, overwrite=False):
    return plan_run_directory(outputs, name, kind="direct", resume=resume, overwrite=overwrite)


def create(outputs, name="first"):
    run = plan(outputs, name)
    create_run_directory(run, overwrite=False)
    return run


def state_of(run):
    return json.loads(run.state_file.read_text())["state"]


def test_leftovers_of_a_killed_program_are_removed_from_the_run_and_its_figures(tmp_path):
    run = create(tmp_path)
    left = [run.path / ".metrics.99.partial.json", run.figures / "test" / ".curves.99.partial.png"]
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    finished = run.figures / "test" / "curves.png"
    finished.touch()
    with run.running():
        assert not any(file.exists() for file in left)
        assert finished.exists()


def test_planning_writes_nothing(tmp_path):
    run = plan(tmp_path / "outputs", None)
    assert run.path.name.startswith("direct-20")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_run_is_not_overwritten_without_the_option(tmp_path):
    run = create(tmp_path)
    with run.running():
        (run.path / "model.keras").write_text("precious")
    with pytest.raises(ArtstyleError, match=r"exists already.*--overwrite"):
        plan(tmp_path)
    again = plan(tmp_path, overwrite=True)
    assert (run.path / "model.keras").exists()  # planning deletes nothing
    create_run_directory(again, overwrite=True)
    assert list(again.path.iterdir()) == []


def test_two_runs_that_start_at_once_do_not_mix(tmp_path):
    first, second = plan(tmp_path), plan(tmp_path)
    create_run_directory(first, overwrite=False)
    with pytest.raises(ArtstyleError, match="Cannot write"):
        create_run_directory(second, overwrite=False)


def test_two_nameless_runs_of_one_second_both_get_a_name(tmp_path, monkeypatch):
    class Noon(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2030, 1, 2, 12)

    monkeypatch.setattr(run_creation, "datetime", Noon)
    planned = [plan(tmp_path, None) for _ in range(3)]  # as in programs that start at once
    runs = [create_run_directory(run, overwrite=False) for run in planned]
    names = [f"direct-20300102-120000{end}" for end in ("", "-2", "-3")]
    assert [run.path.name for run in runs] == [run.figures.name for run in runs] == names
    assert all(run.path.is_dir() and run.figures.is_dir() for run in runs)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_run_whose_folder_is_removed_fails(tmp_path, replaced):
    run = create(tmp_path)

    def work():
        with run.running():
            run.write_config("seed: 1")
            shutil.rmtree(run.path)
            if replaced:
                create(tmp_path)

    with pytest.raises(ArtstyleError, match="removed or replaced"):
        work()
    assert run.path.exists() == replaced
    assert not run.state_file.exists()


def test_a_model_that_is_not_finite_is_neither_saved_nor_loaded(tmp_path):
    run = create(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    run.save_model(model)
    model.layers[0].kernel.assign([[np.nan], [1.0]])
    with pytest.raises(NotFiniteError, match="not finite any more"):
        run.save_model(model)
    assert np.isfinite(run.load_model().get_weights()[0]).all()
    with pytest.raises(NotFiniteError, match="was not written"):
        save_head(model.layers[0], run.first_head_file)
    model.save(run.model_file)  # by an older version
    with pytest.raises(NotFiniteError, match="contains weights that are not finite"):
        run.load_model()


def test_resume_needs_an_interrupted_run_with_a_name(tmp_path):
    with pytest.raises(ArtstyleError, match="needs the name"):
        plan(tmp_path, None, resume=True)
    with pytest.raises(ArtstyleError, match="There is no run"):
        plan(tmp_path, resume=True)
    run = create(tmp_path)
    run.write_config("seed: 1")  # interrupted before the first epoch
    assert plan(tmp_path, resume=True) == run
    run.resume_file.touch()
    assert plan(tmp_path, resume=True) == run
    run.resume_file.unlink()
    run.metrics_file.touch()
    with pytest.raises(ArtstyleError, match="is finished"):
        plan(tmp_path, resume=True)


@pytest.mark.parametrize(
    ("error", "state"),
    [(None, "finished"), (KeyboardInterrupt, "interrupted"), (ValueError, "failed")],
)
def test_the_state_is_how_the_run_ended(tmp_path, error, state):
    run = create(tmp_path)
    run.resume_file.touch()
    try:
        with run.running():
            assert state_of(run) == "running"
            if error is not None:
                raise error
    except (KeyboardInterrupt, ValueError):
        pass
    assert state_of(run) == state
    assert run.resume_file.exists() is (error is not None)


def test_an_unwritable_folder_is_reported(tmp_path):
    (tmp_path / "outputs").write_text("a file")
    with pytest.raises(ArtstyleError, match="Cannot write"):
        create_run_directory(plan(tmp_path / "outputs"), overwrite=False)


def test_open_lists_the_existing_runs(tmp_path):
    run = create(tmp_path, "good")
    run.write_config("seed: 1\n")
    assert open_run(run.path).figures == run.figures
    with pytest.raises(ArtstyleError, match="good"):
        open_run(tmp_path / "models" / "god")


def test_a_model_is_read_again_and_a_damaged_one_is_reported(tmp_path):
    run = create(tmp_path)
    with pytest.raises(ArtstyleError, match="no trained model"):
        run.load_model()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    run.save_model(model)
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(run.load_model()(x), model(x))
    run.model_file.write_bytes(run.model_file.read_bytes()[:1000])
    with pytest.raises(ArtstyleError, match="damaged"):
        run.load_model()
