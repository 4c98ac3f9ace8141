"""Save and load trained networks; a file from another source cannot run code."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from artstyle_tf.models.hub.presets import check_keras_hub
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically
from artstyle_tf.system.finite_numbers import NotFiniteError, all_finite
from artstyle_tf.system.hdf5_files import check_hdf5
from artstyle_tf.system.npz_files import ArrayForm, check_stored_as_is, read_npz

if TYPE_CHECKING:  # Keras takes seconds to import, and not every reader of a run needs it
    import keras

_SIGNS_OF_CODE = ("safe_mode", "unsafe", "arbitrary code", "lambda", "is not allowed")

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_OF_KERAS_HUB = b'"module": "keras_hub.'
_MEMBERS = frozenset({_CONFIG, "metadata.json", _WEIGHTS})
_MOST_BYTES = {
    _CONFIG: 8 * 2**20,  # EfficientNetV2-L takes 1 MiB
    "metadata.json": 2**20,
    _WEIGHTS: 2 * 2**30,  # the same network with its optimizer takes 1.4 GiB
}


def load_model(file: Path) -> keras.Model:
    """Load a network that Keras has saved.

    Raises:
        ArtstyleError: if it is missing or damaged, contains code, references other files, claims
            more weights than it contains, or has weights that are not finite, or if it has layers
            of KerasHub, which is not installed.
    """
    # Checked first, because Keras also reports a truncated .keras file as "File not found".
    if not file.is_file():
        raise ArtstyleError(
            f"{file.parent} contains no trained model",
            expected=f"a finished run with {file.name}",
            fix="train it first, or --resume it if it was interrupted",
        )
    import keras

    # Keras knows the layers of a module once it is imported.
    from artstyle_tf.models import style_head, tokens  # noqa: F401
    from artstyle_tf.models.hub import layers  # noqa: F401

    try:
        check_model_archive(file)
        model = keras.models.load_model(file, compile=False, safe_mode=True)
    except ArtstyleError:
        raise
    except Exception as error:  # zipfile, HDF5 and Keras raise almost anything on damaged files
        message = " ".join(str(error).split())
        if any(sign in message.lower() for sign in _SIGNS_OF_CODE):
            raise ArtstyleError(
                f"The model {file} contains code that would run when it is loaded, and is refused",
                received=message[:200],
                expected="a network of Keras' layers and this program's, without Lambda layers",
                fix="do not use it unless you know its author; train it again with this program",
            ) from error
        raise ArtstyleError(
            f"The model {file} cannot be loaded; the file is damaged or was written by an "
            "incompatible version",
            received=message[:200],
            fix="train it again",
        ) from error
    check_model(model, f"The model {file} contains weights that are not finite")
    return model


def check_model(model: keras.Model, happened: str) -> None:
    """Raise NotFiniteError if a weight is not finite: no prediction would be meaningful."""
    if not all_finite(model.get_weights()):
        raise NotFiniteError(
            happened,
            received="NaN or infinity",
            fix="train again, with a smaller learning rate",
        )


def check_model_archive(file: Path) -> None:
    """Refuse a .keras file that would take more memory than its size, or read other files.

    It is an archive of the network's config (JSON) and its weights (HDF5).

    Args:
        file: that Keras has saved.

    Raises:
        ArtstyleError: if it has layers of KerasHub, which is not installed.
        OSError: if it cannot be opened.
        ValueError: if it is compressed, contains files that Keras does not write, weights stored
            elsewhere, or fewer weights than the network of its config.
        Exception: any exception of zipfile, HDF5 and Keras on damaged files.
    """
    with zipfile.ZipFile(file) as archive:
        check_stored_as_is(archive)
        unknown = sorted({member.filename for member in archive.infolist()} ^ _MEMBERS)
        if unknown:
            raise ValueError(f"{unknown[0][:80]} is missing or unexpected")
        for name, most in _MOST_BYTES.items():
            if archive.getinfo(name).file_size > most:
                raise ValueError(f"{name} has more than {most:,} bytes")
        content = archive.read(_WEIGHTS)
        with h5py.File(io.BytesIO(content), "r") as weights:
            num_stored = check_hdf5(weights, size_bytes=len(content))
        content = archive.read(_CONFIG)
    if _OF_KERAS_HUB in content:
        check_keras_hub()
    config = json.loads(content)
    num_weights = _num_weights(config)
    if num_weights > num_stored:
        raise ValueError(
            f"the network of its config has {num_weights:,} weights, but it contains {num_stored:,}"
        )


def _num_weights(config: Any) -> int:
    """Count the weights of a network without creating them: they get no values and no memory."""
    import keras
    from keras.src.backend.common import global_state

    # Keras would initialize them at the next occasion, and layers without a seed draw one.
    waiting = list(global_state.get_global_attribute("uninitialized_variables", []) or [])
    state = random.getstate()
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(
                {**config, "compile_config": None}, safe_mode=True
            )
        return model.count_params()
    finally:
        global_state.set_global_attribute("uninitialized_variables", waiting)
        random.setstate(state)


def save_head(head: keras.layers.Dense, file: Path) -> None:
    """Write the weights of a head as .npz, atomically.

    Raises:
        NotFiniteError: if one of them is not finite.
    """
    kernel, bias = np.asarray(head.kernel), np.asarray(head.bias)
    if not all_finite([kernel, bias]):
        raise NotFiniteError(f"The head is not finite, so {file} was not written")
    with replaced_atomically(file) as temporary, temporary.open("wb") as opened:
        np.savez(opened, kernel=kernel, bias=bias)


def load_head(model: keras.Model, file: Path) -> None:
    """Set a classifier's head to the weights that `save_head` wrote.

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
            raise ValueError("kernel and bias should be finite")
        head.set_weights([weights["kernel"], weights["bias"]])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtstyleError(
            f"The head {file}, with which the validation images were evaluated, cannot be read",
            received=" ".join(str(error).split())[:200],
            fix="train it again",
        ) from error
