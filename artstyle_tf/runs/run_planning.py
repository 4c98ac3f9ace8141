"""Where a new run goes, and whether it may; nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import different_keys, load_config
from artstyle_tf.runs.mlflow_check import check_mlflow
from artstyle_tf.runs.run_creation import plan_run_directory
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.tensorboard_check import check_tensorboard
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import check_can_write
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.shell_commands import shell_command

# Where a run lies, and what is made of it when it is finished.
_MAY_DIFFER = {
    "run_name",
    "outputs",
    "report",
    "training.tensorboard",
    "training.mlflow",
}


def plan_run(
    config: TrainingExperiment,
    invocation: Invocation,
    *,
    sort: str = "",
    folder: str = "models",
) -> RunDirectory:
    """Finds the directory of the run; a resumed one has to have the same config.

    Args:
        config: of the run.
        invocation: how the program was called.
        sort: what the name of a nameless run says beside the kind of training.
        folder: of the outputs, for runs of this sort.

    Raises:
        ArtstyleError: if it exists already, is no run to resume, or cannot be written.
    """
    if config.training.tensorboard is True:
        check_tensorboard()
    if config.training.mlflow is not None:
        check_mlflow()
    run_directory = plan_run_directory(
        Path(config.outputs),
        config.run_name,
        kind=config.kind + sort,
        resume=invocation.resume,
        overwrite=invocation.overwrite,
        folder=folder,
    )
    if invocation.resume:
        _check_same_config(config, run_directory)
    check_can_write(run_directory.path)
    return run_directory


def plan_folds(config: TrainingExperiment, invocation: Invocation) -> RunDirectory:
    """Finds the directory of a cross-validation, as `plan_run` does."""
    return plan_run(config, invocation, sort="-folds", folder="cross_validation")


def _check_same_config(config: TrainingExperiment, run_directory: RunDirectory) -> None:
    """Half a run of one plan and half of another would be neither."""
    if not run_directory.config_file.is_file():
        return  # killed before it had written anything: it begins anew
    started = load_config(type(config), run_directory.config_file)
    changed = different_keys(started, config, ignore=_MAY_DIFFER)
    if changed:
        continuing = shell_command("--config", run_directory.config_file)
        raise ArtstyleError(
            f"The run {run_directory.path} was started with another configuration",
            received=f"other values for {', '.join(changed)}",
            fix=f"continue it with {continuing}, or start a new run",
        )
