from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.training.run_directory import (
    create_run_directory,
    open_run,
    plan_run_directory,
)


def plan(outputs, name="first", *, resume=False, overwrite=False):
    return plan_run_directory(outputs, name, kind="direct", resume=resume, overwrite=overwrite)


def create(outputs, name="first"):
    run = plan(outputs, name)
    create_run_directory(run, overwrite=False)
    return run


def state_of(run):
    return json.loads(run.state_file.read_text())["state"]


def test_planning_writes_nothing(tmp_path):
    run = plan(tmp_path / "outputs", None)
    assert run.path.name.startswith("direct-20")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_run_is_not_overwritten_without_being_asked(tmp_path):
    run = create(tmp_path)
    (run.path / "model.keras").write_text("precious")
    with pytest.raises(ArtstyleError, match=r"exists already.*--overwrite"):
        plan(tmp_path)
    again = plan(tmp_path, overwrite=True)
    assert (run.path / "model.keras").exists()  # planning deletes nothing
    create_run_directory(again, overwrite=True)
    assert [entry.name for entry in again.path.iterdir()] == [".lock"]


def test_two_that_start_at_once_do_not_mix(tmp_path):
    first, second = plan(tmp_path), plan(tmp_path)
    create_run_directory(first, overwrite=False)
    with pytest.raises(ArtstyleError, match="Cannot write"):
        create_run_directory(second, overwrite=False)


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
def test_the_state_says_how_the_run_ended(tmp_path, error, state):
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


def test_an_unwritable_place_is_the_users_to_mend(tmp_path):
    (tmp_path / "outputs").write_text("a file")
    with pytest.raises(ArtstyleError, match="Cannot write"):
        create_run_directory(plan(tmp_path / "outputs"), overwrite=False)


def test_open_names_the_runs_there_are(tmp_path):
    run = create(tmp_path, "good")
    run.write_config("seed: 1\n")
    assert open_run(run.path).figures == run.figures
    with pytest.raises(ArtstyleError, match="good"):
        open_run(tmp_path / "models" / "god")


def test_a_model_comes_back_and_a_damaged_one_is_named(tmp_path):
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
