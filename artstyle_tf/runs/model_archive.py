"""What a .keras file from a stranger may hold, checked before Keras makes room for any of it.

It is an archive of the network's description (JSON) and its weights (HDF5).
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import h5py

from artstyle_tf.system.hdf5_files import check_hdf5
from artstyle_tf.system.npz_files import check_stored_as_is

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = frozenset({_CONFIG, "metadata.json", _WEIGHTS})
_MOST_BYTES = {
    _CONFIG: 8 * 2**20,  # that of EfficientNetV2-L has one
    "metadata.json": 2**20,
    _WEIGHTS: 2 * 2**30,  # of the same network, with its optimizer: 1.4
}


def check_model_archive(file: Path) -> None:
    """Refuses a file that would take more memory than it has bytes, or reads other files.

    Args:
        file: that Keras has saved.

    Raises:
        OSError: if it cannot be opened.
        ValueError: if it is packed, holds files that Keras does not write, weights that lie
            elsewhere, or fewer weights than the network that it describes.
        Exception: whatever zipfile, HDF5 and Keras raise on damaged files.
    """
    with zipfile.ZipFile(file) as archive:
        check_stored_as_is(archive)
        unknown = sorted({member.filename for member in archive.infolist()} ^ _MEMBERS)
        if unknown:
            raise ValueError(f"{unknown[0][:80]} is missing in it, or one member too many")
        for name, most in _MOST_BYTES.items():
            if archive.getinfo(name).file_size > most:
                raise ValueError(f"{name} has more than {most:,} bytes")
        content = archive.read(_WEIGHTS)
        with h5py.File(io.BytesIO(content), "r") as weights:
            num_stored = check_hdf5(weights, size_bytes=len(content))
        config = json.loads(archive.read(_CONFIG))
    num_weights = _num_weights(config)
    if num_weights > num_stored:
        raise ValueError(
            f"the network it describes has {num_weights:,} weights, but it holds {num_stored:,}"
        )


def _num_weights(config: Any) -> int:
    """Of a network that is described but not made: its weights get no values and no memory."""
    import keras
    from keras.src.backend.common import global_state

    # Keras would give them values at the next occasion, and layers without a seed draw one.
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
