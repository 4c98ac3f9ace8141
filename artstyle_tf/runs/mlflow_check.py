"""Whether a run can be logged to MLflow; asked before anything is trained."""

from __future__ import annotations

import importlib.util

from artstyle_tf.system.errors import ArtstyleError


def has_mlflow() -> bool:
    """Whether MLflow, or its small part mlflow-skinny, is installed."""
    return importlib.util.find_spec("mlflow") is not None


def check_mlflow() -> None:
    """Refuses before any work is done.

    Raises:
        ArtstyleError: if MLflow is not installed.
    """
    if not has_mlflow():
        raise ArtstyleError(
            "MLflow is not installed",
            received="training.mlflow",
            fix="pip install 'artstyle-tf[mlflow]', or set training.mlflow=null",
        )
