"""Trained networks on disk, read so that a stranger's network can run no code of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from artstyle_tf.errors import ArtstyleError

if TYPE_CHECKING:  # Keras takes seconds to import, and not all who know a run need it
    import keras

_SIGNS_OF_CODE = ("safe_mode", "unsafe", "arbitrary code", "lambda", "is not allowed")


def load_model(file: Path) -> keras.Model:
    """Reads a network that Keras has saved.

    Raises:
        ArtstyleError: if it is damaged, or holds code.
    """
    import keras

    try:
        return keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, HDF5 and Keras raise almost anything on damaged files
        said = " ".join(str(error).split())
        if any(sign in said.lower() for sign in _SIGNS_OF_CODE):
            raise ArtstyleError(
                f"The model {file} holds code, which would run as soon as it is opened, and is "
                "refused",
                received=said[:200],
                expected="a network of Keras' layers and this program's, without Lambda layers",
                fix="do not use it unless you know who made it; train it again with this program",
            ) from error
        raise ArtstyleError(
            f"The model {file} cannot be loaded; the file is damaged or was written by an "
            "incompatible version",
            received=said[:200],
            fix="train it again",
        ) from error
