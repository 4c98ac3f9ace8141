"""Validate the responses of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artstyle_tf.export.served_signature import (
    KNOWN_OUTPUTS,
    OK,
    STATUS,
    ServedSignature,
    TensorDescription,
)
from artstyle_tf.system.errors import ArtstyleError

_TOLERANCE = 1e-3


def checked_response(
    response: Mapping[str, Any], signature: ServedSignature, *, num_images: int, server: str
) -> dict[str, np.ndarray]:
    """Convert a response to arrays, or refuse it.

    Args:
        response: name of an output -> JSON value.
        signature: of the served model.
        num_images: B, of the request.
        server: its address, for the message.

    Returns:
        The outputs that this program knows: str, float32 or bool, [B, ...]. Rows whose status is
        not `OK` hold no prediction.

    Raises:
        ArtstyleError: if an output is missing, has another type or shape, is not finite, or if
            probabilities or labels contradict each other.
    """
    try:
        checked = {
            name: _checked_output(name, response, description, num_images)
            for name, description in signature.outputs.items()
            if name in KNOWN_OUTPUTS
        }
        predicted = {name: values[_has_prediction(checked)] for name, values in checked.items()}
        _check_probabilities(predicted["probabilities"], predicted["confidence"])
        _check_labels(predicted["label"], predicted["classes"], predicted["probabilities"])
        if "neighbor_distances" in predicted:
            _check_distances(predicted["neighbor_distances"])
    except _InvalidError as error:
        raise invalid_response(server, str(error)) from error
    return checked


def invalid_response(server: str, problem: str) -> ArtstyleError:
    """Return the error for an invalid response."""
    return ArtstyleError(
        f"The server {server} returned an invalid response",
        received=problem,
        fix="check the server's log; serve a folder that export_model.py wrote",
    )


class _InvalidError(Exception):
    """What is wrong with a response."""


def _has_prediction(checked: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which rows hold a prediction, bool [B]: all if the export returns no status."""
    if STATUS not in checked:
        return np.ones(len(checked["label"]), bool)
    status = checked[STATUS]
    if (np.char.strip(status) == "").any():
        raise _InvalidError("an empty status")
    return status == OK


def _checked_output(
    name: str, response: Mapping[str, Any], description: TensorDescription, num_images: int
) -> np.ndarray:
    if name not in response:
        raise _InvalidError(f"no {name}; only {', '.join(sorted(response)) or 'nothing'}")
    values = _as_array(name, response[name], description.dtype)
    # If the server does not know the shape, what this program expects.
    expected = description.shape or KNOWN_OUTPUTS[name].shape or ()
    fits = values.ndim == len(expected) and all(
        size in (None, found) for size, found in zip(expected[1:], values.shape[1:], strict=True)
    )
    if not fits or values.shape[0] != num_images:
        raise _InvalidError(
            f"{name} of shape {list(values.shape)} for {num_images} images, but the signature "
            f"has {description}"
        )
    return values


def _as_array(name: str, values: Any, dtype: str) -> np.ndarray:
    """Convert lists from JSON to the type of the signature."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise _InvalidError(f"{name} is no array") from error
    if dtype == "string":
        return _as_text(name, array)
    kinds = {"float32": "fiu", "bool": "b"}[dtype]
    if array.dtype.kind not in kinds:
        raise _InvalidError(f"{name} of type {array.dtype}, but the signature has {dtype}")
    if dtype == "bool":
        return array
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise _InvalidError(f"{name} that is not finite")
    return numbers


def _as_text(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "OU":
        raise _InvalidError(f"{name} of type {array.dtype}, but the signature has string")
    texts = array.ravel().tolist()
    if not all(isinstance(text, str) for text in texts):
        raise _InvalidError(f"{name} that is not text everywhere")
    return np.array(texts, dtype=str).reshape(array.shape)


def _check_probabilities(probabilities: np.ndarray, confidences: np.ndarray) -> None:
    if not probabilities.size:
        return
    sums = probabilities.sum(axis=1, dtype=np.float64)
    wrong = np.abs(sums - 1) > _TOLERANCE
    if (probabilities < 0).any() or wrong.any():
        worst = sums[np.abs(sums - 1).argmax()]
        raise _InvalidError(
            f"probabilities from {probabilities.min():.3g} to {probabilities.max():.3g} with a sum "
            f"of {worst:.6g}"
        )
    if (np.abs(probabilities.max(axis=1) - confidences) > _TOLERANCE).any():
        raise _InvalidError("a confidence that is not the largest probability")


def _check_labels(labels: np.ndarray, classes: np.ndarray, probabilities: np.ndarray) -> None:
    if not labels.size:
        return
    if classes.shape != probabilities.shape:
        raise _InvalidError(
            f"{classes.shape[1]} classes and {probabilities.shape[1]} probabilities"
        )
    if (classes == "").any():
        raise _InvalidError("a class without a name")
    most_probable = np.take_along_axis(classes, probabilities.argmax(axis=1)[:, None], axis=1)
    if (labels != most_probable[:, 0]).any():
        raise _InvalidError("a label that is not the most probable class")


def _check_distances(distances: np.ndarray) -> None:
    if (distances < 0).any() or (np.diff(distances, axis=1) < 0).any():
        raise _InvalidError("neighbors that are not in the order of their distance")
