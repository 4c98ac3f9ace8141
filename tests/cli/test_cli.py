from __future__ import annotations

import json
import resource
import subprocess
import sys
import types
from pathlib import Path

import pytest

from artstyle_tf.api import jobs
from artstyle_tf.cli import main as cli
from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import load_config
from artstyle_tf.system.errors import ArtstyleError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def job(monkeypatch):
    """Replace a real job; its `run` calls `act`."""
    module = types.SimpleNamespace(
        act=lambda config, invocation: {"seed": config.seed},
        plan=lambda config, invocation: {"dry_run": True},
        summarize=lambda result: f"summary of {result}",
    )
    module.run = lambda config, invocation: module.act(config, invocation)
    monkeypatch.setattr(jobs, "import_quietly", lambda name: module)
    # What is refused before: tests/jobs/test_early_checks.py
    unchecked = {name: job._replace(early_check=None) for name, job in jobs.JOBS.items()}
    monkeypatch.setattr(jobs, "JOBS", unchecked)
    return module


def train(*arguments):
    return cli.main(list(arguments), verb="train-direct")


def test_the_result_goes_to_stdout_as_text_or_as_one_json_object(job, capsys):
    assert train("seed=7") == 0
    assert capsys.readouterr().out == "summary of {'seed': 7}\n"
    assert train("seed=7", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"seed": 7}


def test_whatever_a_library_prints_goes_to_stderr(job, capsys):
    def chatty(config, invocation):
        print("hello from a library")
        invocation.reporter.info("working")
        return {}

    job.act = chatty
    assert train("--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {}
    assert "hello from a library" in captured.err
    assert "working" in captured.err


def test_the_users_mistake_is_one_line_and_exit_code_2(job, capsys):
    def refuse(config, invocation):
        raise ArtstyleError("There are no images", fix="add some")

    job.act = refuse
    assert train() == 2
    captured = capsys.readouterr()
    assert captured.err == "Error: There are no images. Fix: add some.\n"
    assert captured.out == ""
    assert train("--json") == 2
    assert json.loads(capsys.readouterr().out)["error"].startswith("There are no images")


def test_an_interrupt_is_130_and_says_how_to_continue(job, capsys):
    def interrupted(config, invocation):
        raise KeyboardInterrupt

    job.act = interrupted
    assert train() == 130
    assert "--resume" in capsys.readouterr().err


def test_our_bug_is_1_with_a_traceback(job, capsys):
    def broken(config, invocation):
        raise ZeroDivisionError("oops")

    job.act = broken
    assert train() == 1
    captured = capsys.readouterr().err
    assert "ZeroDivisionError" in captured
    assert "bug in artstyle_tf" in captured


def test_what_fail_on_names_is_1_after_the_result_was_printed(job, capsys):
    job.act = lambda config, invocation: {"failed_on": config.fail_on}
    assert cli.main(["--fail-on", "tiny, error,"], verb="inspect-data") == 1
    assert capsys.readouterr().out == "summary of {'failed_on': ('tiny', 'error')}\n"
    assert cli.main([], verb="inspect-data") == 0


def test_an_unresumable_run_does_not_suggest_resume(job, capsys):
    def interrupted(config, invocation):
        raise KeyboardInterrupt

    job.act = interrupted
    assert cli.main([], verb="inspect-data") == 130
    captured = capsys.readouterr().err
    assert "--overwrite" in captured
    assert "--resume" not in captured
    with pytest.raises(SystemExit):
        cli.main(["--resume"], verb="inspect-data")


def test_a_dry_run_plans_and_does_not_run(job, capsys):
    job.act = lambda config, invocation: pytest.fail("ran")
    assert train("--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"dry_run": True}


def test_every_plan_has_the_default_text_unless_its_job_formats_it(job, capsys):
    job.plan = lambda config, invocation: {"dry_run": True, "run": "outputs/models/a\nb"}
    assert train("--dry-run") == 0
    assert capsys.readouterr().out == "Dry run: nothing was written.\nrun: outputs/models/a\\nb\n"
    job.summarize_plan = lambda plan: f"would make {plan['run']}"
    assert train("--dry-run") == 0
    assert capsys.readouterr().out == "would make outputs/models/a\\nb\n"


def test_options_set_keys_and_reach_the_job(job, capsys):
    seen = []
    job.act = lambda config, invocation: seen.append((config, invocation)) or {}
    assert train("--run-name", "2024", "--outputs", "elsewhere", "--resume", "--quiet") == 0
    config, invocation = seen[0]
    assert (config.run_name, config.outputs) == ("2024", "elsewhere")
    assert (invocation.resume, invocation.overwrite, invocation.reporter.quiet) == (
        True,
        False,
        True,
    )


def test_options_and_overrides_may_be_mixed(job, capsys):
    assert train("seed=7", "--quiet", "data.split.seed=3", "--json", "model.dropout=0") == 0
    assert json.loads(capsys.readouterr().out) == {"seed": 7}


def test_print_config_prints_a_config_that_loads(job, capsys, tmp_path):
    job.act = lambda config, invocation: pytest.fail("ran")
    assert train("--print-config", "model.image_size_px=96") == 0
    file = tmp_path / "config.yaml"
    file.write_text(capsys.readouterr().out)
    assert load_config(DirectExperiment, file).model.image_size_px == 96


def test_demo_stands_for_its_config(job, capsys):
    assert train("--demo", "--print-config") == 0
    demo = capsys.readouterr().out
    assert train("--config", str(ROOT / "configs" / "demo.yaml"), "--print-config") == 0
    assert capsys.readouterr().out == demo
    assert "demo_set: true" in demo


HEAVY = {
    *("tensorflow", "keras", "pandas", "matplotlib", "sklearn", "scipy"),
    *("optuna", "cv2", "albumentations"),
}


@pytest.mark.parametrize("script", ["prepare_data", "inspect_data", "train_direct", "evaluate"])
def test_scripts_print_help_quickly_without_tensorflow(script):
    path = ROOT / "scripts" / f"{script}.py"
    assert len(path.read_text().splitlines()) <= 15
    for arguments, code in (["--help"], 0), (["--print-config"], 0), (["sed=1"], 2):
        seconds = []
        while not seconds or (min(seconds) >= 1 and len(seconds) < 5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            answer = subprocess.run(
                [sys.executable, "-X", "importtime", str(path), *arguments],
                capture_output=True,
                text=True,
                cwd=ROOT,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert answer.returncode == code, answer.stderr
        # Processor time, 0.3 s; it can triple when two programs share a core and its caches.
        assert min(seconds) < 1
        imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
        assert not imported & HEAVY


def test_help_imports_nothing_heavy():
    """Runs in one process, because each would take a third of a second."""
    program = """
import contextlib, io, sys
from artstyle_tf.cli.main import main
from artstyle_tf.cli.verbs import VERBS
for verb in VERBS:
    for arguments, expected in (["--help"], 0), (["--print-config"], 0), (["sed=1"], 2):
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
            assert main(arguments, verb=verb) == expected, verb
print("imported:", *{name.split(".")[0] for name in sys.modules})
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT
    )
    assert answer.returncode == 0, answer.stderr
    imported = answer.stdout.rpartition("imported:")[2].split()
    assert not HEAVY.intersection(imported)


def test_every_verb_has_a_job_with_its_three_functions():
    for verb in cli.VERBS.values():
        path = ROOT / (jobs.JOBS[verb.name].module.replace(".", "/") + ".py")
        source = path.read_text()
        for function in ("def run(", "def plan(", "def summarize("):
            assert function in source, (verb.name, function)
        assert (ROOT / "configs" / verb.config_file).is_file()


def test_the_verb_comes_first_on_the_common_command(job, capsys):
    assert cli.main(["train-direct", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"seed": 42}
    with pytest.raises(SystemExit) as raised:
        cli.main(["fly"])
    assert raised.value.code == 2


def test_a_broken_pipe_inside_the_work_is_no_success(job, capsys):
    def broken(config, invocation):
        raise BrokenPipeError("a worker's")

    job.act = broken
    assert train() == 1
    assert "BrokenPipeError" in capsys.readouterr().err


def test_a_nonfinite_result_is_reported_with_its_key(job, capsys):
    job.act = lambda config, invocation: {"test": {"macro_f1": float("nan")}}
    assert train("--json") == 2
    assert "test.macro_f1 = nan" in capsys.readouterr().err
