"""Describe versions, machine and commit of a run, so that it can be repeated."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import artstyle_tf
from artstyle_tf.system.threads import usable_cores

_PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "albumentations",
    "scikit-learn",
    "pandas",
)


def describe_environment() -> dict[str, Any]:
    """Return versions, machine and commit as JSON values."""
    return {
        "artstyle_tf": artstyle_tf.__version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "processor_cores": usable_cores(),
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """Return the commit of the program's own checkout; None if it is no checkout."""
    root = Path(artstyle_tf.__file__).parent.parent
    if not (root / "pyproject.toml").is_file():
        return None  # installed; a checkout around it would be another project's
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
