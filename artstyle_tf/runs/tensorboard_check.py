"""Whether TensorBoard is there; asked before anything is trained or imported."""

from __future__ import annotations

import importlib.util

from artstyle_tf.system.errors import ArtstyleError


def has_tensorboard() -> bool:
    """Whether TensorBoard is installed."""
    return importlib.util.find_spec("tensorboard") is not None


def check_tensorboard() -> None:
    """Refuses before any work is done.

    Raises:
        ArtstyleError: if TensorBoard is not installed.
    """
    if not has_tensorboard():
        raise ArtstyleError(
            "TensorBoard is not installed",
            received="training.tensorboard=true",
            fix="pip install tensorboard, or set training.tensorboard=false",
        )
