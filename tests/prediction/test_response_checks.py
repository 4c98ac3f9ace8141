from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.export.served_signature import ServedSignature, TensorDescription
from artstyle_tf.prediction.server.response_checks import checked_response
from artstyle_tf.system.errors import ArtstyleError

SIGNATURE = ServedSignature(
    {"image_bytes": TensorDescription("string", (None,))},
    {
        "label": TensorDescription("string", (None,)),
        "probabilities": TensorDescription("float32", (None, 3)),
        "classes": TensorDescription("string", (None, None)),
        "confidence": TensorDescription("float32", None),
        "embedding": TensorDescription("float32", (None, None)),
        "accepted": TensorDescription("bool", (None,)),
        "neighbor_ids": TensorDescription("string", (None, 2)),
        "neighbor_distances": TensorDescription("float32", (None, 2)),
        "from_the_future": TensorDescription("int64", (None,)),
    },
)
RESPONSE = {  # as JSON gives it
    "label": ["Rococo", "Surréalisme"],
    "probabilities": [[0.5, 0.25, 0.25], [0, 0, 1]],
    "classes": [["Rococo", "photo", "Surréalisme"]] * 2,
    "confidence": [0.5, 1],
    "embedding": [[1, 0], [0.5, 0.5]],
    "accepted": [False, True],
    "neighbor_ids": [["a", "b"], ["c", "d"]],
    "neighbor_distances": [[0, 0.5], [1, 1]],
}


def check(**changes):
    response = {k: v for k, v in (RESPONSE | changes).items() if v is not None}
    return checked_response(response, SIGNATURE, num_images=2, server="http://museum")


def test_what_json_gives_becomes_arrays_of_the_announced_types():
    checked = check()
    assert set(checked) == set(RESPONSE)
    assert {name: values.dtype.kind for name, values in checked.items()} == {
        "label": "U",
        "probabilities": "f",
        "classes": "U",
        "confidence": "f",
        "embedding": "f",
        "accepted": "b",
        "neighbor_ids": "U",
        "neighbor_distances": "f",
    }
    assert checked["probabilities"].dtype == np.float32
    assert checked["label"].tolist() == RESPONSE["label"]
    assert checked["neighbor_ids"].tolist() == RESPONSE["neighbor_ids"]


def test_a_distance_and_a_probability_may_be_rounded():
    check(probabilities=[[0.5, 0.25, 0.2501], [0, 0, 1]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": None}, "no label; only accepted, classes, confidence"),
        ({"label": ["Rococo"]}, "label of shape [1] for 2 images, but the signature has string"),
        ({"label": "Rococo"}, "label of shape []"),
        ({"label": [1, 2]}, "label of type int64, but the signature has string"),
        ({"label": [{"b64": "Um9jb2Nv"}, "x"]}, "label that is not text everywhere"),
        ({"label": ["", "Rococo"]}, "a label that is not the most probable class"),
        ({"label": ["Rococo", "photo"]}, "a label that is not the most probable class"),
        ({"classes": [["Rococo", "", "Surréalisme"]] * 2}, "a class without a name"),
        ({"classes": [["Rococo", "photo"]] * 2}, "2 classes and 3 probabilities"),
        ({"embedding": [[1, 0], [1]]}, "embedding is no array"),
        ({"embedding": [["1"], ["2"]]}, "embedding of type <U1, but the signature has float32"),
        ({"embedding": [[1e300], [0]]}, "embedding that is not finite"),
        ({"embedding": [[float("nan")], [0]]}, "embedding that is not finite"),
        ({"embedding": [1, 2]}, "embedding of shape [2]"),
        ({"confidence": [[0.5], [1]]}, "confidence of shape [2, 1]"),
        ({"probabilities": [[0.5, 0.5]] * 2}, "probabilities of shape [2, 2]"),
        ({"probabilities": [[0.5, 0.5, 0.5]] * 2}, "with a sum of 1.5"),
        ({"probabilities": [[-0.5, 1, 0.5]] * 2}, "probabilities from -0.5 to 1"),
        ({"confidence": [0.25, 1]}, "a confidence that is not the largest probability"),
        ({"accepted": [0, 1]}, "accepted of type int64, but the signature has bool"),
        ({"neighbor_distances": [[1, 0.5], [1, 1]]}, "not in the order of their distance"),
        ({"neighbor_distances": [[-1, 0.5], [1, 1]]}, "not in the order of their distance"),
    ],
)
def test_invalid_responses_are_refused(changes, message):
    with pytest.raises(ArtstyleError, match="http://museum returned an invalid response") as caught:
        check(**changes)
    assert message in str(caught.value)


WITH_STATUS = ServedSignature(
    SIGNATURE.inputs, {**SIGNATURE.outputs, "status": TensorDescription("string", (None,))}
)
NO_PREDICTION = {
    "status": ["ok", "too large: 9 x 9 pixels, more than 80"],
    "label": ["Rococo", ""],
    "probabilities": [[0.5, 0.25, 0.25], [0, 0, 0]],
    "confidence": [0.5, 0],
    "embedding": [[1, 0], [0, 0]],
    "accepted": [False, False],
    "neighbor_ids": [["a", "b"], ["", ""]],
    "neighbor_distances": [[0, 0.5], [0, 0]],
}


def check_status(**changes):
    response = RESPONSE | NO_PREDICTION | changes
    return checked_response(response, WITH_STATUS, num_images=2, server="http://museum")


def test_a_row_without_a_prediction_is_not_checked():
    assert check_status()["status"].tolist() == NO_PREDICTION["status"]
    nothing = {"status": ["damaged"] * 2, "label": ["", ""], "confidence": [0, 0]}
    check_status(**nothing, probabilities=[[0, 0, 0]] * 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": ["ok", "ok"]}, "with a sum of 0"),
        ({"status": ["ok", " "]}, "an empty status"),
        ({"status": [True, False]}, "status of type bool, but the signature has string"),
        ({"label": ["photo", ""]}, "a label that is not the most probable class"),
    ],
)
def test_rows_with_a_prediction_are_checked(changes, message):
    with pytest.raises(ArtstyleError) as caught:
        check_status(**changes)
    assert message in str(caught.value)
