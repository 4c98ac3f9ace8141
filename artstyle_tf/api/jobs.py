"""All jobs: the module of each, and the checks before that module is imported.

The command line and the functions of `artstyle_tf` start jobs here, so that both do the same.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pkgutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from artstyle_tf.system.content_cache import CONTENT_CACHE_FILE, content_cache
from artstyle_tf.system.dry_run import summarize_plan
from artstyle_tf.system.interruption import interrupted_at_safe_points
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.notebook_progress import ignore_missing_widgets, is_notebook
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.temporary_folder import provide_temporary_folder

# By name, so that it is only imported for a job.
_EARLY_CHECKS = "artstyle_tf.api.early_checks"


class Job(NamedTuple):
    """A job: one verb of the command line.

    Attributes:
        module: with `run(config, invocation)` and `plan(config, invocation)`, which return a JSON
            object, `summarize(result)`, which returns text, and optionally
            `summarize_plan(plan)`.
        early_check: function of `api.early_checks` that is called before the module is imported.
    """

    module: str
    early_check: str | None = None


JOBS = {
    "prepare-data": Job("artstyle_tf.images.prepare_data", "check_preparation"),
    "inspect-data": Job("artstyle_tf.inspection.inspect_data", "check_inspection"),
    "train-direct": Job("artstyle_tf.training.job", "check_training"),
    "train-triplet": Job("artstyle_tf.training.job", "check_training"),
    "cross-validate": Job("artstyle_tf.evaluation.cross_validate", "check_cross_validation"),
    "compare-backbones": Job(
        "artstyle_tf.evaluation.compare_backbones", "check_backbone_comparison"
    ),
    "tune": Job("artstyle_tf.tuning.tune", "check_tuning"),
    "evaluate": Job("artstyle_tf.evaluation.evaluate", "check_evaluation"),
    "export-model": Job("artstyle_tf.export.export_model", "check_export"),
    "predict": Job("artstyle_tf.prediction.predict", "check_prediction"),
    "analyze-features": Job("artstyle_tf.analysis.analyze_features", "check_analysis"),
    "compare": Job("artstyle_tf.evaluation.compare", "check_comparison"),
    "report": Job("artstyle_tf.report.write_report", "check_report"),
    "trunk-cache": Job("artstyle_tf.trunk_cache.manage"),
}


class Done(NamedTuple):
    """The result of a job.

    Attributes:
        result: JSON object.
        summarize: result -> text.
    """

    result: dict[str, Any]
    summarize: Callable[[dict[str, Any]], str]


def do_job(
    name: str,
    config: Any,
    invocation: Invocation,
    *,
    dry_run: bool = False,
    while_importing: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
) -> Done:
    """Run the early checks of a job, import it, and run it.

    Args:
        name: key of `JOBS`.
        config: of the job's schema.
        invocation: how it was called; a training publishes its report by it.
        dry_run: return what would be done instead.
        while_importing: context manager around the import, which takes seconds.

    Raises:
        ArtstyleError: if the input is invalid.
        KeyboardInterrupt: at the next safe point after Ctrl-C.
    """
    job = JOBS[name]
    if is_notebook():
        ignore_missing_widgets()
    results = _folder_of_results(config)
    provide_temporary_folder(results)
    if job.early_check is not None:
        pkgutil.resolve_name(f"{_EARLY_CHECKS}:{job.early_check}")(config, invocation)
    with while_importing():
        module = import_quietly(job.module)
    act, summarize = module.run, module.summarize
    if dry_run:
        act, summarize = module.plan, getattr(module, "summarize_plan", summarize_plan)
    with (
        interrupted_at_safe_points(),
        content_cache(results / CONTENT_CACHE_FILE, rescan=invocation.rescan, read_only=dry_run),
    ):
        return Done(act(config, invocation), summarize)


def publish_run(run: Any, config: Any, reporter: Reporter, model: Any) -> str | None:
    """Write the report of a finished training; see `report.after_training.publish_run`."""
    from artstyle_tf.report.after_training import publish_run  # which imports matplotlib

    return publish_run(run, config, reporter, model)


def _folder_of_results(config: Any) -> Path:
    """Return where a job may write: its outputs folder, else that of its run."""
    if isinstance(outputs := getattr(config, "outputs", None), str):
        return Path(outputs)
    run = next(iter(getattr(config, "runs", None) or [getattr(config, "run", None)]))
    if isinstance(run, str):
        return Path(run).absolute().parent.parent  # outputs/models/<run>
    return Path("outputs")


def stderr_descriptor() -> int:
    """Return the descriptor of stderr, also while `import_quietly` redirects it."""
    return _apart.get("stderr", 2)


_apart: dict[str, int] = {}


def import_quietly(module: str) -> Any:
    """Import a module without the messages that TensorFlow's native code prints while it loads.

    They are about processors and missing GPUs, ignore the log level, and look like errors. If the
    import fails, they are printed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if module in sys.modules:
        return sys.modules[module]
    sys.stderr.flush()
    with _temporary_file() as captured:
        stderr = _apart["stderr"] = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            job = importlib.import_module(module)
            if "tensorflow" in sys.modules:  # it prints when it first looks for GPUs
                sys.modules["tensorflow"].config.list_physical_devices()
                # It warns about several models in one training.
                logging.getLogger("tensorflow").setLevel(logging.ERROR)
            return job
        except BaseException:
            captured.seek(0)
            with contextlib.suppress(OSError):
                os.write(stderr, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
            del _apart["stderr"]
            os.close(stderr)


def _temporary_file() -> Any:
    """Open a temporary file, or the null device where no temporary folder is writable."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("rb+")
