"""Trained networks on disk, read so that a stranger's network can run no code of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artstyle_tf.runs.model_archive import check_model_archive
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically
from artstyle_tf.system.finite_numbers import NotFiniteError, all_finite
from artstyle_tf.system.npz_files import ArrayForm, read_npz

if TYPE_CHECKING:  # Keras takes seconds to import, and not all who know a run need it
    import keras

_SIGNS_OF_CODE = ("safe_mode", "unsafe", "arbitrary code", "lambda", "is not allowed")


def load_model(file: Path) -> keras.Model:
    """Reads a network that Keras has saved.

    Raises:
        ArtstyleError: if it is missing or damaged, holds code, reaches for other files, claims
            more than it holds, or has weights that are not finite.
    """
    # A truncated .keras file makes Keras say "File not found", so that is asked first.
    if not file.is_file():
        raise ArtstyleError(
            f"{file.parent} holds no trained model",
            expected=f"a finished run with {file.name}",
            fix="train it first, or --resume it if it was interrupted",
        )
    import keras

    try:
        check_model_archive(file)
        model = keras.models.load_model(file, compile=False, safe_mode=True)
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
    check_model(model, f"The model {file} holds weights that are not finite")
    return model


def check_model(model: keras.Model, happened: str) -> None:
    """Refuses a network of which no answer means anything.

    Raises:
        NotFiniteError: if one of its weights is not finite.
    """
    if not all_finite(model.get_weights()):
        raise NotFiniteError(
            happened,
            received="NaN or infinity",
            fix="train again, with a smaller learning rate",
        )


def save_head(head: keras.layers.Dense, file: Path) -> None:
    """Writes the weights of a head as .npz, as a whole or not at all.

    Raises:
        NotFiniteError: if one of them is not finite.
    """
    kernel, bias = np.asarray(head.kernel), np.asarray(head.bias)
    if not all_finite([kernel, bias]):
        raise NotFiniteError(f"The head would not be finite, so {file} was not written")
    with replaced_atomically(file) as temporary, temporary.open("wb") as opened:
        np.savez(opened, kernel=kernel, bias=bias)


def load_head(model: keras.Model, file: Path) -> None:
    """Gives a classifier the head that `save_head` wrote.

    Raises:
        ArtstyleError: if the file is damaged or belongs to another network.
    """
    from artstyle_tf.models.network import HEAD_NAME

    try:
        head = model.get_layer(HEAD_NAME)
        expected = dict(zip(("kernel", "bias"), head.weights, strict=True))

        def check(forms: Mapping[str, ArrayForm]) -> None:
            for name, weight in expected.items():
                shape, dtype = forms[name]
                if shape != tuple(weight.shape) or dtype.kind != "f":
                    raise ValueError(f"{name}: {dtype} {shape}, for {tuple(weight.shape)}")

        weights = read_npz(file, check=check, names=expected)
        if not all(np.isfinite(weights[name]).all() for name in ("kernel", "bias")):
            raise ValueError("kernel and bias should hold finite numbers")
        head.set_weights([weights["kernel"], weights["bias"]])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtstyleError(
            f"The head {file}, by which the validation images were judged, cannot be read",
            received=" ".join(str(error).split())[:200],
            fix="train it again",
        ) from error
