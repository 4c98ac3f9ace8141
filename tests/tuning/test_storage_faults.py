"""A failing database gives one message, and the same command continues."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

import pytest
from postgres_server import running_postgres
from test_repeats import InstantProcesses, run
from test_studies import COMMON, SPACE, make, optuna_study

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning import optuna_study as optuna_study_module
from artstyle_tf.tuning.optuna_retries import is_dead, this_worker
from artstyle_tf.tuning.optuna_storage import check_address, database_message

sys.path.append(str(Path(__file__).parents[1] / "reliability"))
from small_disks import small_disk

PASSWORD = "s3:cret/@%40"


def study_in(url, folder):
    return optuna_study(folder, SPACE, url, **COMMON)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL server that requires a password."""
    with running_postgres(tmp_path_factory.mktemp("guarded"), password=PASSWORD) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_password(monkeypatch, tmp_path):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))


def test_a_password_comes_from_the_environment_or_its_file(server, tmp_path, monkeypatch):
    with (
        pytest.raises(ArtstyleError, match=r"cannot be opened.*PGPASSWORD"),
        study_in(server.url, tmp_path),
    ):
        pass
    with study_in(server.url_with_password, tmp_path) as study:
        make(study, most=1)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with study_in(server.url, tmp_path) as study:
        assert len(study.records()) == 1
    monkeypatch.delenv("PGPASSWORD")
    escaped = PASSWORD.replace(":", r"\:")
    (tmp_path / "pgpass").write_text(f"127.0.0.1:*:*:tester:{escaped}\n")
    (tmp_path / "pgpass").chmod(0o600)
    with study_in(server.url, tmp_path) as study:
        assert len(study.records()) == 1


@pytest.mark.parametrize("wrong", ["wr%40ng", "wrong"])
def test_a_wrong_password_is_not_repeated(server, tmp_path, wrong):
    url = server.url.replace("tester@", f"tester:{wrong}@")
    with pytest.raises(ArtstyleError, match="cannot be opened") as caught, study_in(url, tmp_path):
        pass
    assert "wr@ng" not in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_a_server_that_is_stopped_in_the_middle(server, tmp_path, monkeypatch):
    # By the time the same command is given again, the first process is gone.
    gone = f"{socket.gethostname()}:{2**40}"
    monkeypatch.setattr(optuna_study_module, "this_worker", lambda: gone)
    with study_in(server.url_with_password, tmp_path) as study:

        def stop_after_two(values):
            if len(processes.trained) == 2:
                server.stop()
            return {"macro_f1": 0.5}

        processes = InstantProcesses(1, stop_after_two)
        try:
            with pytest.raises(
                ArtstyleError, match=r"does not answer any more.*continues"
            ) as caught:
                run(study, processes)
            assert "cret" not in str(caught.value)
            for act in (study.ask, study.is_finished, study.records, lambda: study.ended_early):
                with pytest.raises(ArtstyleError, match="does not answer any more"):
                    act()
        finally:
            server.start()
    monkeypatch.undo()
    with study_in(server.url_with_password, tmp_path) as study:
        run(study, InstantProcesses(1))
        assert [record.state for record in study.records()].count("complete") == 6


def test_a_full_disk_in_the_middle(tmp_path):
    with small_disk(tmp_path / "disk", 16384) as disk:
        with optuna_study(disk.folder, **{**COMMON, "num_trials": 30}) as study:
            make(study, most=2)
            fill(disk.folder / "ballast")
            with pytest.raises(ArtstyleError, match=r"cannot be saved.*MiB are free.*continues"):
                make(study)
            assert len(study.records()) >= 2
        (disk.folder / "ballast").unlink()
        with optuna_study(disk.folder, **{**COMMON, "num_trials": 30}) as study:
            run(study, InstantProcesses(1))
            assert [record.state for record in study.records()] == ["complete"] * 30


def fill(file):
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(512))


@pytest.mark.parametrize(
    "worker", [5, None, "", "host", "host:", [1], {"a": 1}, "HERE:x", "HERE:²", "HERE:-1", "HERE:0"]
)
def test_a_malformed_worker_name_does_not_count_as_dead(worker, tmp_path):
    if isinstance(worker, str):
        worker = worker.replace("HERE", socket.gethostname())
    assert not is_dead(worker)
    with optuna_study(tmp_path, **COMMON) as study:
        study.ask()
        trial = study._study.get_trials(deepcopy=False)[0]
        study._storage.set_trial_user_attr(trial._trial_id, "worker", worker)
        study._storage.set_trial_user_attr(trial._trial_id, "seconds", "long")
        study._storage.set_trial_user_attr(trial._trial_id, "repeat_of", "another")
        study._study.set_user_attr("deadline", "tomorrow")
    with optuna_study(tmp_path, **COMMON, timeout_seconds=100) as study:
        assert study.records()[0].state == "running"
        make(study)


def test_dead_workers_are_recognized():
    assert not is_dead(this_worker())
    assert is_dead(f"{socket.gethostname()}:{2**40}")
    assert not is_dead(f"elsewhere:{2**22}")


def test_a_trial_of_another_program_is_a_clear_error(tmp_path):
    import optuna

    with optuna_study(tmp_path, **COMMON) as study:
        study._study.add_trial(
            optuna.create_trial(
                value=1.0,
                params={"x": 1},
                distributions={"x": optuna.distributions.IntDistribution(0, 2)},
            )
        )
        with pytest.raises(ArtstyleError, match="Trial 0 of the study was not written by this"):
            study.records()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@host:port/art",
        "postgresql://me@host:/art",
        "postgresql://me@host:70000/art",
        "postgresql://me@host:0/art",
        "postgresql://me@host:²/art",
        "postgresql://me:s3@cret@host/art",
        "postgresql://me:s3/cret@host/art",
        "postgresql://me:s3cret@[::1/art",
        "host/art",
        "",
    ],
)
def test_an_invalid_address_is_refused_without_its_password(url):
    with pytest.raises(ArtstyleError, match=r"not the address of a database") as caught:
        check_address(url)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@host/art",
        "postgresql+psycopg://me:s3%40cret@[::1]:5432/art?sslmode=require",
        "postgresql://host:5432/art",
        "postgresql:///art",
        "sqlite:////tmp/study.db",
    ],
)
def test_a_valid_address_is_accepted(url):
    check_address(url)


def test_messages_of_drivers_contain_no_password():
    error = ValueError("cannot resolve p@ss or p%40ss in postgresql://me:p%40ss@host/art")
    assert database_message(error, "postgresql://me:p%40ss@host/art") == (
        "cannot resolve *** or *** in postgresql://me:***@host/art"
    )
