from __future__ import annotations

import io
import json
import socket
import threading
import time

import numpy as np
import pytest
from hostile_http import open_client
from PIL import Image

from artstyle_tf.export.served_signature import read_signatures
from artstyle_tf.prediction.predictors import predict_each
from artstyle_tf.prediction.server.rest_client import RequestRefused
from artstyle_tf.system.errors import ArtstyleError


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    waits = {"backoff_factor": 0.01, "backoff_jitter": 0.01, "backoff_max": 1.0}
    monkeypatch.setattr("artstyle_tf.prediction.server.rest_client._WAITS", waits)


@pytest.mark.parametrize("name", ["direct", "triplet"])
def test_a_client_returns_the_outputs_of_the_saved_model(name, server_of, open_for, images):
    server = server_of("rest", name)
    client = open_for(server)
    assert client.signature() == read_signatures(server.export.saved_model)["serving_default"]
    found = client.predict(images)
    expected = server.export.expected
    assert set(found) == set(expected)
    for output, values in expected.items():
        assert found[output].dtype == values.dtype
        # Each float32 crosses JSON unchanged; a loaded function is deterministic.
        np.testing.assert_array_equal(found[output], values)
    assert set(found["label"]) <= set(server.export.class_names)
    assert ("accepted" in found) == (name == "direct")
    assert ("neighbor_ids" in found) == (name == "triplet")


def test_the_url_may_contain_the_model_and_its_version(server, images):
    for path in ("/v1/models/triplet", "/v1/models/triplet/versions/1"):
        client = open_client(f"{server.url}{path}", timeout_seconds=60, retries=0)
        assert len(client.predict(images[:2])["label"]) == 2
        client.close()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/models/other", "Latest(other)"),
        ("/v1/models/triplet/versions/7", "Specific(triplet, 7)"),
        ("/v1/models/triplet/labels/stable", "Unrecognized servable version label: stable"),
    ],
)
def test_a_missing_model_is_reported(server, path, message):
    client = open_client(f"{server.url}{path}", timeout_seconds=60, retries=3)
    with pytest.raises(ArtstyleError, match="There is no such model at") as caught:
        client.signature()
    client.close()
    assert message in str(caught.value)
    assert not isinstance(caught.value, RequestRefused)


def test_large_images_go_through(server, open_for):
    pixels = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="BMP")
    assert len(buffer.getvalue()) > 6 * 2**20
    assert len(open_for(server).predict([buffer.getvalue()])["label"]) == 1


def test_large_responses_are_read(server, open_for, images):
    # As JSON 3 MB, of the 3.6 MB that a response for five images may have.
    server.behavior.distort = lambda outputs: {**outputs, "later": np.zeros(150_000, np.float32)}
    assert len(open_for(server).predict(images)["label"]) == len(images)


def test_a_transient_error_is_retried(server, open_for, images):
    client = open_for(server, retries=2)
    client.signature()
    server.behavior.failures = 2
    assert len(client.predict(images)["label"]) == len(images)
    assert server.behavior.batch_sizes == [len(images)]


def test_a_busy_server_is_reported(server, open_for, images):
    client = open_for(server, retries=2)
    client.signature()
    server.behavior.failures = 100
    with pytest.raises(ArtstyleError, match="does not respond") as caught:
        client.predict(images)
    assert server.behavior.failures == 97
    assert "The batch scheduling queue is full, in the last of 3 attempts" in str(caught.value)


def test_a_slow_server_times_out(server, open_for, images):
    client = open_for(server, timeout_seconds=1.5)
    client.signature()
    server.behavior.go_on = threading.Event()
    try:
        with pytest.raises(ArtstyleError, match=r"no response within 1.5 s"):
            client.predict(images[:1])
        assert server.behavior.batch_sizes == []
    finally:
        server.behavior.go_on.set()
    # And its late response is not read as that of the next request.
    found = client.predict(images[1:2])
    assert found["confidence"] == pytest.approx(server.export.expected["confidence"][1], rel=1e-4)


def test_no_server_at_the_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    client = open_client(url, model_name="m", timeout_seconds=60, retries=1)
    with pytest.raises(ArtstyleError, match="does not respond") as caught:
        client.signature()
    client.close()
    assert "refused" in str(caught.value)
    assert "docker-run.sh" in str(caught.value)


def test_a_server_that_starts_late_is_found(exports):
    from serving_twin import Behavior, RestTwin, ServedModel

    saved_model = exports["direct"].saved_model
    model = ServedModel("direct", saved_model, Behavior(), exports["direct"].loaded)
    first = RestTwin(model)
    first.stop()
    client = open_client(first.url, model_name="direct", timeout_seconds=60, retries=8)
    started = []

    def start() -> None:
        time.sleep(0.3)
        started.append(RestTwin(model, port=first.port))

    thread = threading.Thread(target=start)
    thread.start()
    assert "label" in client.signature().outputs
    thread.join()
    client.close()
    started[0].stop()


def test_a_refused_request_is_not_retried(server, open_for, images):
    client = open_for(server, retries=5)
    with pytest.raises(RequestRefused) as caught:
        client.predict([])
    assert server.behavior.batch_sizes == [0]
    assert "The request is empty" in caught.value.message
    assert "node" not in caught.value.message
    assert caught.value.message in str(caught.value)
    assert len(client.predict(images)["label"]) == len(images)  # it can still be used


def test_an_empty_request_is_refused(server, open_for):
    with pytest.raises(RequestRefused, match="The request is empty"):
        open_for(server).predict([])


def test_a_bad_image_does_not_affect_its_neighbors(server, open_for, images):
    broken = images[1][:200]
    sent = [*images[:3], b"no image", *images[3:], broken]
    predictions = predict_each(open_for(server), sent)
    assert server.behavior.batch_sizes == [len(sent)]  # one request, whatever is in it
    expected = server.export.expected
    reasons = {number: each for number, each in enumerate(predictions) if isinstance(each, str)}
    assert set(reasons) == {3, len(sent) - 1}
    assert reasons[3].startswith("no image that is read here")
    assert reasons[len(sent) - 1] == "damaged: it cannot be decoded"
    given = [each for each in predictions if not isinstance(each, str)]
    for output, values in expected.items():
        found = np.array([each[output] for each in given])
        if values.dtype.kind == "f":  # other batches, other sums
            np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("label", lambda x: x[:-1], "label of shape [4] for 5 images"),
        ("label", lambda x: np.arange(len(x)), "label of type int64"),
        ("embedding", lambda x: x * np.float32("nan"), "embedding that is not finite"),
        ("neighbor_distances", lambda x: x[:, 0], "neighbor_distances of shape [5]"),
    ],
)
def test_invalid_responses_are_refused(server, open_for, images, name, change, message):
    client = open_for(server)
    server.behavior.distort = lambda outputs: outputs | {name: change(outputs[name])}
    with pytest.raises(ArtstyleError, match="returned an invalid response") as caught:
        client.predict(images)
    assert message in str(caught.value)
    assert not isinstance(caught.value, RequestRefused)


def test_unknown_outputs_are_ignored(server, open_for, images):
    server.behavior.distort = lambda outputs: {**outputs, "later": np.zeros(1)}
    assert "later" not in open_for(server).predict(images)


def test_a_model_without_the_signature_is_refused(server, open_for):
    server.behavior.hide_signature = True
    with pytest.raises(ArtstyleError, match="metadata without the signature serving_default"):
        open_for(server).signature()


def test_another_model_is_refused_before_an_image_is_sent(tmp_path_factory, images):
    import tensorflow as tf
    from serving_twin import Behavior, RestTwin, ServedModel

    class Doubling(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
        def __call__(self, x):
            return {"y": 2.0 * x}

    folder = tmp_path_factory.mktemp("other")
    module = Doubling()
    tf.saved_model.save(module, str(folder), {"serving_default": module.__call__})
    behavior = Behavior()
    twin = RestTwin(ServedModel("m", folder, behavior))
    client = open_client(twin.url, model_name="m", timeout_seconds=60, retries=0)
    try:
        with pytest.raises(ArtstyleError, match="was not exported by this program") as caught:
            client.predict(images)
    finally:
        client.close()
        twin.stop()
    assert "Received: x: float32 [B, 2] -> y: float32 [B, 2]" in str(caught.value)
    assert "image_bytes: string [B] -> label: string [B]" in str(caught.value)
    assert behavior.batch_sizes == []


def test_rest_keeps_its_connection(server_of, open_for, images):
    server = server_of("rest", "direct")
    client = open_for(server)
    for _ in range(3):
        client.predict(images[:1])
    with pytest.raises(RequestRefused):  # the body of an error is read to its end, too
        client.predict([])
    client.predict(images[:1])
    assert server.behavior.connections == 1


def test_a_connection_that_the_server_has_closed_is_no_failure(server_of, open_for, images):
    server = server_of("rest", "direct")
    server.behavior.drop_connections = True
    client = open_for(server, retries=0)
    for _ in range(3):
        client.predict(images[:1])
    assert server.behavior.connections == 4  # one for the signature


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>Welcome to nginx!</html>", "not JSON"),
        (200, b'{"outputs": [1, 2]}', "JSON without named outputs"),
        (200, b"[]", "JSON without named outputs"),
        (500, b'{"error": "out of luck"}', "responded with status 500. Received: out of luck"),
        (301, b"", "responded with status 301"),
        (404, b"nothing here", "There is no such model"),
    ],
)
def test_another_kind_of_server_is_refused(server_of, open_for, images, status, body, message):
    server = server_of("rest", "direct")
    client = open_for(server)
    client.signature()
    server.behavior.raw_status, server.behavior.raw_body = status, body
    with pytest.raises(ArtstyleError) as caught:
        client.predict(images)
    assert message in str(caught.value)


@pytest.mark.parametrize("body", [b"{}", b"[]", json.dumps({"metadata": 1}).encode()])
def test_metadata_that_makes_no_sense_is_refused(server_of, open_for, body):
    server = server_of("rest", "direct")
    server.behavior.raw_body = body
    with pytest.raises(ArtstyleError, match="metadata without the signature"):
        open_for(server).signature()


@pytest.mark.parametrize("status", [413, 429])
def test_too_large_a_request_is_a_refusal_so_that_it_can_be_halved(
    server_of, open_for, images, status
):
    server = server_of("rest", "direct")
    client = open_for(server)
    client.signature()
    server.behavior.raw_status, server.behavior.raw_body = status, b"<html>too large</html>"
    with pytest.raises(RequestRefused, match="too large"):
        client.predict(images)


def test_an_incomplete_response_is_refused(images):
    """Uses a server that sends fewer bytes than announced, then one that does not speak HTTP."""
    for sent, message in (
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "incomplete response"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "cannot be reached"),
    ):
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def respond(listening=listening, sent=sent) -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(2**16)
                    connection.sendall(sent)

            thread = threading.Thread(target=respond)
            thread.start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            client = open_client(url, model_name="m", timeout_seconds=60, retries=0)
            with pytest.raises(ArtstyleError) as caught:
                client.signature()
            client.close()
            thread.join()
        assert message in str(caught.value)


def test_a_server_that_responds_byte_by_byte_times_out():
    """Every byte arrives in time, but not the response."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        is_over = threading.Event()

        def respond() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(2**16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not is_over.wait(0.05):
                    connection.sendall(b" ")

        thread = threading.Thread(target=respond)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client = open_client(url, model_name="m", timeout_seconds=0.3, retries=0)
        begin = time.monotonic()
        with pytest.raises(ArtstyleError, match=r"no response within 0.3 s"):
            client.signature()
        assert time.monotonic() - begin < 45  # all that it has promised would take 50 s
        is_over.set()
        client.close()
        thread.join()


def test_exports_are_distinguished(exports):
    """The oracle is useful only if images have different outputs."""
    for export in exports.values():
        assert len(np.unique(export.expected["confidence"])) > 1
        assert len(np.unique(export.expected["embedding"], axis=0)) == len(export.expected["label"])
