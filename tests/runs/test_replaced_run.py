from __future__ import annotations

import pytest

from artstyle_tf.runs.run_creation import create_run_directory, plan_run_directory
from artstyle_tf.system.errors import ArtstyleError


def plan(outputs, *, kind="direct", overwrite=True, resume=False):
    return plan_run_directory(outputs, "thesis", kind=kind, resume=resume, overwrite=overwrite)


def make(outputs, content, *, kind="direct", overwrite=True):
    """Return a finished run whose model and figure contain `content`."""
    run = plan(outputs, kind=kind, overwrite=overwrite)
    create_run_directory(run, overwrite=overwrite)
    with run.running():
        run.write_config("seed: 1")
        run.model_file.write_text(content)
        (run.figures / "figure.png").write_text(content)
        run.metrics_file.write_text("{}")
    return run


def end_with(error, run, *files):
    with run.running():
        run.write_config("seed: 2")
        for file in files:
            file.touch()
        raise error


def content_of(run):
    assert run.model_file.read_text() == (run.figures / "figure.png").read_text()
    return run.model_file.read_text()


def names_below(outputs):
    return sorted(
        path.relative_to(outputs).as_posix()
        for path in outputs.rglob("*")
        if not path.name.startswith(".lock")
    )


@pytest.fixture
def finished(tmp_path):
    return make(tmp_path / "outputs", "old", overwrite=False)


def test_a_finished_run_replaces_the_earlier_one_completely(finished, tmp_path):
    before = names_below(tmp_path)
    assert content_of(make(tmp_path / "outputs", "new")) == "new"
    assert names_below(tmp_path) == before


def test_a_run_that_fails_at_its_start_restores_the_earlier_one(finished, tmp_path):
    before = names_below(tmp_path)
    again = plan(tmp_path / "outputs")
    create_run_directory(again, overwrite=True)
    (again.figures / "new.png").touch()
    with pytest.raises(ValueError, match="no memory"):
        end_with(ValueError("no memory"), again)
    assert content_of(finished) == "old"
    assert names_below(tmp_path) == before


@pytest.mark.parametrize("part", ["folds", "cross_validation"])
def test_finished_parts_of_a_run_that_fails_are_kept(finished, tmp_path, part):
    again = plan(tmp_path / "outputs")
    create_run_directory(again, overwrite=True)
    with pytest.raises(ValueError, match="no memory"):
        end_with(ValueError("no memory"), again, again.path / part)
    assert (again.path / part).exists()
    assert again.path.with_name(".thesis.replaced").is_dir()


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError])
def test_a_run_that_can_be_continued_keeps_the_earlier_one_until_it_is_finished(
    finished, tmp_path, end
):
    outputs = tmp_path / "outputs"
    again = plan(outputs)
    create_run_directory(again, overwrite=True)
    with pytest.raises(end):
        end_with(end(), again, again.resume_file)
    earlier = again.path.with_name(".thesis.replaced")
    assert (earlier / "model.keras").read_text() == "old"

    # Replacing the interrupted run keeps the finished one, too.
    interrupted = plan(outputs)
    create_run_directory(interrupted, overwrite=True)
    interrupted.write_config("seed: 3")
    assert (earlier / "model.keras").read_text() == "old"

    resumed = plan(outputs, resume=True, overwrite=False)
    with resumed.running():
        resumed.model_file.write_text("new")
    assert not earlier.exists()
    assert not (outputs / "figs" / ".thesis.replaced").exists()


def refused(outputs, expected, **options):
    before = names_below(outputs)
    with pytest.raises(ArtstyleError, match=expected) as raised:
        plan(outputs, **options)
    assert names_below(outputs) == before
    return str(raised.value)


def test_a_folder_that_is_no_run_is_not_overwritten(tmp_path):
    folder = tmp_path / "models" / "thesis"
    folder.mkdir(parents=True)
    for name in ("a.tex", "b.tex", "c.tex", "d.tex"):
        (folder / name).write_text("precious")
    refused(tmp_path, r"no run of this program.*a\.tex, b\.tex, c\.tex, \.\.\..*--run-name")
    (folder / "run.json").write_text('{"state": "drafted"}')  # of some other program
    refused(tmp_path, "no run of this program")
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("a file")
    refused(tmp_path, "is no folder")


def test_a_run_of_another_kind_is_not_overwritten(finished, tmp_path):
    refused(tmp_path / "outputs", "another kind.*direct.*triplet", kind="triplet")


@pytest.mark.parametrize("linked", ["models/thesis", "figs/thesis", "models"])
def test_nothing_is_overwritten_through_a_link(finished, tmp_path, linked):
    link, real = tmp_path / "outputs" / linked, tmp_path / "elsewhere"
    link.rename(real)
    link.symlink_to(real)
    refused(tmp_path / "outputs", "a link to" if "/" in linked else "lies outside")
    assert any(real.rglob("figure.png")) or any(real.rglob("model.keras"))


def test_the_outputs_folder_itself_may_be_a_link(finished, tmp_path):
    (tmp_path / "outputs").rename(tmp_path / "big disk")
    (tmp_path / "outputs").symlink_to(tmp_path / "big disk")
    assert content_of(make(tmp_path / "outputs", "new")) == "new"
