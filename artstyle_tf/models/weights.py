"""Load pretrained weights, and check them against the input scaling they were trained with."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np

from artstyle_tf.models.backbone_registry import (
    check_imagenet_weights,
    check_weights_file,
    pretrained_file,
    published_weights,
)
from artstyle_tf.models.imagenet_pixels import IMAGENET_MEAN, IMAGENET_STD
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.hdf5_files import check_hdf5

_HDF5_SUFFIXES = (".h5", ".hdf5")
# A file that was saved in training holds three to four numbers a weight, for the optimizer.
_MAX_COPIES = 5


def load_weights(
    model: keras.Model,
    weights: str,
    *,
    name: str,
    build_pretrained: Callable[[], keras.Model],
) -> None:
    """Load pretrained weights into a bare backbone.

    Args:
        model: backbone built with `weights=None`.
        weights: "pretrained", "imagenet", "demo", or the path of a weights file without top.
        name: the backbone's name, for messages.
        build_pretrained: returns the same network, as keras.applications builds it with
            "imagenet".

    Raises:
        ArtstyleError: if the weights are not available or belong to another network.
    """
    if published_weights(name, weights) == "imagenet":
        check_imagenet_weights(name)
        # The two differ only by Rescaling layers, which hold no weights.
        model.set_weights(build_pretrained().get_weights())
    else:
        _load_weights_file(model, pretrained_file(name, weights), name)
    square_a_stored_standard_deviation(model)
    check_input_scaling(model, name)


def _load_weights_file(model: keras.Model, file: Path, name: str) -> None:
    check_weights_file(file)
    try:
        _check_content(model, file)
        with warnings.catch_warnings():
            # For a file of another kind, Keras warns for each of its containers before it fails.
            warnings.simplefilter("ignore")
            if not _load_by_layer_names(model, file):
                _load_by_keras(model, file)
    except Exception as error:  # HDF5 and Keras raise almost anything on damaged files
        raise ArtstyleError(
            f"The weights in {file} do not fit {name} without its top",
            received=" ".join(str(error).split()).split(". ")[0],
            expected=f"a file saved from keras.applications' {model.name} with include_top=False",
            fix="choose the backbone the file was made for (model.backbone=...), or another file",
        ) from error


def _check_content(model: keras.Model, file: Path) -> None:
    """Raise ValueError if the file links to other files, or is too large for such a network."""
    with h5py.File(file) as content:
        num_values = check_hdf5(content, size_bytes=file.stat().st_size)
    expected = sum(math.prod(weight.shape) for weight in model.weights)
    if num_values > _MAX_COPIES * expected:
        raise ValueError(
            f"it holds {num_values:,} numbers, which is too many for {expected:,} weights"
        )


def _load_by_layer_names(model: keras.Model, file: Path) -> bool:
    """Load a file of exactly these layers, in a quarter of the time that Keras takes.

    Keras spends most of its time searching all attributes of all layers for objects with weights.
    In a backbone these are the layers themselves, and such a file contains the name of each.

    Returns:
        Whether the file was of that kind; if not, a part of the weights may have been loaded.
    """
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    try:
        with h5py.File(file) as content:
            groups = [group["vars"] for group in content["layers"].values() if "vars" in group]
            stored = {str(group.attrs["name"]): group for group in groups if len(group)}
            if stored.keys() != layers.keys():
                return False
            for name, layer in layers.items():
                layer.load_own_variables({key: array[()] for key, array in stored[name].items()})
    except (ValueError, KeyError, AttributeError, TypeError):
        return False
    return True


def _load_by_keras(model: keras.Model, file: Path) -> None:
    if file.suffix not in _HDF5_SUFFIXES:  # Keras chooses the format by it
        raise ValueError(f"it is called {file.name}, should end in {' or '.join(_HDF5_SUFFIXES)}")
    model.load_weights(file)


def square_a_stored_standard_deviation(model: keras.Model) -> None:
    """Correct the input scaling of the official EfficientNet files.

    They hold the standard deviation of the pixels where the `normalization` layer expects their
    variance. keras.applications compensates for it with a Rescaling layer, but only when it loads
    the file itself; a model that loads it by its path would silently get a wrong input scale.
    """
    layer = _normalization_layer(model)
    if layer is None or not layer.built or layer.input_variance is not None:
        return
    variance = keras.ops.convert_to_numpy(layer.adapt_variance)
    if np.allclose(variance, IMAGENET_STD, atol=1e-3):
        layer.adapt_variance.assign(np.square(variance))
        layer.finalize_state()


def check_input_scaling(model: keras.Model, name: str) -> None:
    """Check that ordinary pixels reach the first convolution with unit spread.

    Only for networks with a `normalization` layer; the others (V2 S, M, L) scale to -1..1.

    Raises:
        ArtstyleError: if the spread is off, which means that the file holds other constants.
    """
    layer = _normalization_layer(model)
    if layer is None:
        return
    generator = np.random.default_rng(0)
    pixels = 255 * generator.normal(IMAGENET_MEAN, IMAGENET_STD, size=(1, 64, 64, 3))
    scaled = pixels.astype("float32")
    for scaling in model.layers[1 : model.layers.index(layer) + 1]:
        scaled = scaling(scaled)
    spread = float(np.std(keras.ops.convert_to_numpy(scaled)))
    if not 0.8 < spread < 1.25:
        raise ArtstyleError(
            f"With these weights {name} would get input pixels of the wrong scale",
            received=f"a standard deviation of {spread:.2f} before the first convolution",
            expected="about 1 for images with ImageNet's mean and spread",
            fix="use the official weights file, or one saved with its normalization layer",
        )


def weights_digest(model: keras.Model) -> str:
    """Return SHA-256 over names, shapes and values of all weights."""
    # Not over paths: Keras numbers unnamed layers by how many this process has built before.
    digest = hashlib.sha256()
    # `get_weights` is several times as fast as converting each of them with `keras.ops`.
    for variable, value in zip(model.weights, model.get_weights(), strict=True):
        digest.update(f"{variable.name} {value.shape} {value.dtype}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _normalization_layer(model: keras.Model) -> keras.layers.Normalization | None:
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            return layer
    return None
