from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from artstyle_tf.prediction.predictors import predict_each
from artstyle_tf.prediction.server.rest_client import RequestRefused, plain_message


class Fussy:
    """Refuses batches with something bad in them, and those that are larger than it likes."""

    def __init__(self, largest=10**6, failures=0):
        self.largest, self.failures, self.requests = largest, failures, 0

    def predict(self, images):
        self.requests += 1
        if self.failures > 0:
            self.failures -= 1
            raise RequestRefused("s", "a stranger's image is bad")
        if len(images) > self.largest:
            raise RequestRefused("s", "too large")
        for image in images:
            if image.startswith(b"bad"):
                raise RequestRefused("s", image.decode())
        return {"label": np.array([image.decode() for image in images])}


@given(bad=st.lists(st.booleans(), max_size=40), largest=st.integers(1, 40))
def test_each_good_image_gets_a_prediction_and_each_bad_one_a_reason(bad, largest):
    images = [f"{'bad' if is_bad else 'good'} {n}".encode() for n, is_bad in enumerate(bad)]
    predictions = predict_each(Fussy(largest), images)
    assert len(predictions) == len(images)
    for image, is_bad, prediction in zip(images, bad, predictions, strict=True):
        assert (prediction if is_bad else prediction["label"]) == image.decode()


def test_one_bad_image_among_many_costs_few_requests():
    images = [b"good"] * 64
    images[40] = b"bad"
    client = Fussy()
    predict_each(client, images)
    assert client.requests == 1 + 2 * 6 + 1  # all, six times two halves, the bad one once more


class Kind:
    """Returns a status for each file, as exports do now."""

    def predict(self, images):
        status = np.array(["ok" if p == b"good" else "damaged: \n it\x20is" for p in images])
        return {"label": np.array(["x"] * len(images)), "status": status}


def test_a_status_is_the_reason_for_a_missing_prediction():
    first, second = predict_each(Kind(), [b"bad", b"good"])
    assert first == "damaged: it is"
    assert second["label"] == "x"


def test_a_batch_without_a_bad_image_is_one_request():
    client = Fussy()
    predict_each(client, [b"good"] * 64)
    assert client.requests == 1


def test_an_image_refused_because_of_another_one_is_retried():
    assert predict_each(Fussy(failures=1), [b"good"])[0]["label"] == "good"


def test_a_message_of_tensorflow_is_shortened_for_users():
    message = (
        "{{function_node __inference_serving_default_12}} assertion failed: [Input 1 is bad]\n\t "
        "[[{{node Assert/AssertGuard/Assert}}]]"
    )
    assert plain_message(message) == "assertion failed: [Input 1 is bad]"
    assert len(plain_message("x" * 10_000)) < 310
