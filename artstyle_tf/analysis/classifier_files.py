"""Classifiers of features on disk, in a form that runs no code of whoever made it.

A pickle can hold any program, which runs when it is opened. skops writes what an object consists
of; on loading, every type is held against those that are known to be harmless.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically

# skops knows scikit-learn's, NumPy's and SciPy's types, but leaves trees to us: numbers in a forged
# one could point outside its memory, which crashes the program but runs no code.
_FURTHER_TYPES = frozenset(
    {
        "artstyle_tf.analysis.group_scaler.GroupScaler",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
    }
)

# Zeros are packed a thousand to one; numbers that were fitted are not, except in small files.
_MOST_EXPANSION = 100
_FREE_BYTES = 2**25


def save_classifier(path: Path, pipeline: Pipeline) -> None:
    """Writes a fitted pipeline, as a whole or not at all; its suffix should be .skops."""
    from skops import io

    with replaced_atomically(path) as temporary:
        io.dump(pipeline, temporary, compression=zipfile.ZIP_DEFLATED)


def load_classifier(path: Path) -> Pipeline:
    """Reads what `save_classifier` wrote.

    Raises:
        ArtstyleError: if the file is missing, damaged, packed as no classifier can be, or holds
            types that are not known to be harmless.
    """
    from skops import io

    try:
        _check_size(path)
        unknown = sorted(set(io.get_untrusted_types(file=path)) - _FURTHER_TYPES)
        if not unknown:
            loaded: Any = io.load(path, trusted=sorted(_FURTHER_TYPES))
            return loaded
    except (OSError, KeyError, ValueError, TypeError, MemoryError, zipfile.BadZipFile) as error:
        raise ArtstyleError(
            f"The classifier {path} cannot be read",
            received=" ".join(str(error).split())[:200],
            expected="a .skops file that analyze_features.py wrote",
            fix="make the analysis again",
        ) from error
    raise ArtstyleError(
        f"The classifier {path} holds what no classifier of this program holds",
        received=", ".join(unknown[:5]),
        fix="do not use it unless you know who made it",
    )


def _check_size(path: Path) -> None:
    """Raises ValueError if the file would become many times as large in memory."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    size = path.stat().st_size
    if unpacked > _MOST_EXPANSION * size + _FREE_BYTES:
        raise ValueError(f"its {size:,} bytes would become {unpacked:,}")
