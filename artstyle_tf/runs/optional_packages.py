"""Check for TensorBoard and MLflow before anything is trained; imports neither."""

from __future__ import annotations

import importlib.util

from artstyle_tf.system.errors import ArtstyleError


def has_tensorboard() -> bool:
    """Return whether TensorBoard is installed."""
    return importlib.util.find_spec("tensorboard") is not None


def has_mlflow() -> bool:
    """Return whether MLflow, or its small variant mlflow-skinny, is installed."""
    return importlib.util.find_spec("mlflow") is not None


def check_tensorboard() -> None:
    """Raise ArtstyleError if TensorBoard is not installed."""
    if not has_tensorboard():
        raise ArtstyleError(
            "TensorBoard is not installed",
            received="training.tensorboard=true",
            fix="pip install tensorboard, or set training.tensorboard=false",
        )


def check_mlflow() -> None:
    """Raise ArtstyleError if MLflow is not installed."""
    if not has_mlflow():
        raise ArtstyleError(
            "MLflow is not installed",
            received="training.mlflow",
            fix="pip install 'artstyle-tf[mlflow]', or set training.mlflow=null",
        )
