"""Whether an answer is one that the model can have given."""

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


def checked_answer(
    answer: Mapping[str, Any], signature: ServedSignature, *, num_images: int, server: str
) -> dict[str, np.ndarray]:
    """Refuses surprising answers.

    Args:
        answer: by the name of the output, as JSON gives it.
        signature: what the server has said that it gives.
        num_images: B, asked for.
        server: its address, for the message.

    Returns:
        The outputs that this program knows: str, float32 or bool, [B, ...]. Rows whose status is
        not `OK` hold no answer.

    Raises:
        ArtstyleError: if an output is missing, of another type or shape, not finite, or if
            probabilities are none.
    """
    try:
        checked = {
            name: _checked_output(name, answer, description, num_images)
            for name, description in signature.outputs.items()
            if name in KNOWN_OUTPUTS
        }
        answered = {name: values[_is_answered(checked)] for name, values in checked.items()}
        _check_probabilities(answered["probabilities"], answered["confidence"])
        _check_labels(answered["label"], answered["classes"], answered["probabilities"])
        if "neighbor_distances" in answered:
            _check_distances(answered["neighbor_distances"])
    except _SurpriseError as surprise:
        raise surprising_answer(server, str(surprise)) from surprise
    return checked


def surprising_answer(server: str, surprise: str) -> ArtstyleError:
    """The error for an answer that makes no sense."""
    return ArtstyleError(
        f"The server {server} has answered what its model cannot have said",
        received=surprise,
        fix="look into the server's log; serve a folder that export_model.py wrote",
    )


class _SurpriseError(Exception):
    """What is wrong with an answer."""


def _is_answered(checked: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which rows hold an answer: bool [B]; all of an export that gives no status."""
    if STATUS not in checked:
        return np.ones(len(checked["label"]), bool)
    status = checked[STATUS]
    if (np.char.strip(status) == "").any():
        raise _SurpriseError("a status without a word")
    return status == OK


def _checked_output(
    name: str, answer: Mapping[str, Any], description: TensorDescription, num_images: int
) -> np.ndarray:
    if name not in answer:
        raise _SurpriseError(f"no {name}; only {', '.join(sorted(answer)) or 'nothing'}")
    values = _as_array(name, answer[name], description.dtype)
    # What this program expects of an output whose shape the server does not know.
    expected = description.shape or KNOWN_OUTPUTS[name].shape or ()
    fits = values.ndim == len(expected) and all(
        size in (None, found) for size, found in zip(expected[1:], values.shape[1:], strict=True)
    )
    if not fits or values.shape[0] != num_images:
        raise _SurpriseError(
            f"{name} of shape {list(values.shape)} for {num_images} images, where the model "
            f"gives {description}"
        )
    return values


def _as_array(name: str, values: Any, dtype: str) -> np.ndarray:
    """Lists from JSON as the type that the signature announces."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise _SurpriseError(f"{name} is no array") from error
    if dtype == "string":
        return _as_text(name, array)
    kinds = {"float32": "fiu", "bool": "b"}[dtype]
    if array.dtype.kind not in kinds:
        raise _SurpriseError(f"{name} of type {array.dtype}, where the model gives {dtype}")
    if dtype == "bool":
        return array
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise _SurpriseError(f"{name} that is not finite")
    return numbers


def _as_text(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "OU":
        raise _SurpriseError(f"{name} of type {array.dtype}, where the model gives string")
    texts = array.ravel().tolist()
    if not all(isinstance(text, str) for text in texts):
        raise _SurpriseError(f"{name} that is not text everywhere")
    return np.array(texts, dtype=str).reshape(array.shape)


def _check_probabilities(probabilities: np.ndarray, confidences: np.ndarray) -> None:
    if not probabilities.size:
        return
    sums = probabilities.sum(axis=1, dtype=np.float64)
    wrong = np.abs(sums - 1) > _TOLERANCE
    if (probabilities < 0).any() or wrong.any():
        worst = sums[np.abs(sums - 1).argmax()]
        raise _SurpriseError(
            f"probabilities from {probabilities.min():.3g} to {probabilities.max():.3g} with a sum "
            f"of {worst:.6g}"
        )
    if (np.abs(probabilities.max(axis=1) - confidences) > _TOLERANCE).any():
        raise _SurpriseError("a confidence that is not the largest probability")


def _check_labels(labels: np.ndarray, classes: np.ndarray, probabilities: np.ndarray) -> None:
    if not labels.size:
        return
    if classes.shape != probabilities.shape:
        raise _SurpriseError(
            f"{classes.shape[1]} classes and {probabilities.shape[1]} probabilities"
        )
    if (classes == "").any():
        raise _SurpriseError("a class without a name")
    most_probable = np.take_along_axis(classes, probabilities.argmax(axis=1)[:, None], axis=1)
    if (labels != most_probable[:, 0]).any():
        raise _SurpriseError("a label that is not the most probable class")


def _check_distances(distances: np.ndarray) -> None:
    if (distances < 0).any() or (np.diff(distances, axis=1) < 0).any():
        raise _SurpriseError("neighbors that are not in the order of their distance")
