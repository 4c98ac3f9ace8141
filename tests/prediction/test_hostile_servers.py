"""A client of a hostile server ends in time, in little memory, with one message."""

from __future__ import annotations

import gc
import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc

import pytest
from hostile_http import hostile_server, open_client
from patience import HUNG_SECONDS

from artstyle_tf.prediction.server.http_connection import HttpConnection, TransientFailure
from artstyle_tf.prediction.server.rest_client import RequestRefused, plain_message
from artstyle_tf.prediction.server.server_address import parse_address
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import interrupted_at_safe_points

SHORT = 0.3
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def tensor(dtype, *sizes):
    dims = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": "x:0"}


DEFINITION = {
    "inputs": {"image_bytes": tensor("DT_STRING", -1)},
    "outputs": {
        "label": tensor("DT_STRING", -1),
        "probabilities": tensor("DT_FLOAT", -1, 2),
        "classes": tensor("DT_STRING", -1, 2),
        "confidence": tensor("DT_FLOAT", -1),
        "embedding": tensor("DT_FLOAT", -1, 2),
    },
}
RESPONSE = {
    "label": ["Cubism"],
    "probabilities": [[1, 0]],
    "classes": [["Cubism", "photo"]],
    "confidence": [1],
    "embedding": [[0, 1]],
}


def metadata_of(definition):
    return {"metadata": {"signature_def": {"signature_def": {"serving_default": definition}}}}


METADATA = metadata_of(DEFINITION)


def query(response, *, metadata=METADATA, timeout_seconds=60.0, retries=0):
    """Return the client's result, or the message of its error."""
    with hostile_server(metadata, response) as server:
        client = open_client(
            server.url, model_name="m", timeout_seconds=timeout_seconds, retries=retries
        )
        try:
            return client.predict([b"image"])
        except ArtstyleError as error:
            str(error).encode()  # it can be written
            return str(error)
        finally:
            client.close()


def test_the_server_works():
    assert query(lambda talk: talk.json({"outputs": RESPONSE}))["label"].tolist() == ["Cubism"]


DRAWN_OUT = {
    "nothing": lambda talk: talk.trickle(b""),
    "status line": lambda talk: (talk.send(b"HTTP/1.1 200 "), talk.trickle(b"O")),
    "headers": lambda talk: (talk.send(OK), talk.trickle(b"X: y\r\n", 0.05)),
    "one header": lambda talk: (talk.send(OK, b"X: "), talk.trickle(b"y")),
    "100 Continue": lambda talk: talk.trickle(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue, fast": lambda talk: talk.pour(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "body": lambda talk: (talk.send(OK, b"Content-Length: 999\r\n\r\n"), talk.trickle(b" ")),
    "body without a length": lambda talk: (talk.send(OK, b"\r\n"), talk.trickle(b" ")),
    "size of a chunk": lambda talk: (talk.send(CHUNKED), talk.trickle(b"0")),
    "chunks": lambda talk: (talk.send(CHUNKED), talk.trickle(b"1\r\n \r\n")),
    "trailers": lambda talk: (talk.send(CHUNKED, b"0\r\n"), talk.trickle(b"X: y\r\n")),
    "trailers, fast": lambda talk: (talk.send(CHUNKED, b"0\r\n"), talk.pour(b"X: y\r\n" * 1000)),
}


@pytest.mark.parametrize("response", DRAWN_OUT.values(), ids=DRAWN_OUT)
def test_a_slow_response_ends_at_the_deadline(response):
    """The server sends until the client ends the connection, so the test passes if this returns."""
    message = query(response, timeout_seconds=SHORT)
    assert f"no response within {SHORT:g} s" in message


@pytest.mark.parametrize("name", ["100 Continue", "trailers, fast", "100 Continue, fast"])
def test_the_connection_of_a_request_that_is_given_up_is_ended(name):
    with hostile_server(METADATA, DRAWN_OUT[name]) as server:
        client = open_client(server.url, model_name="m", timeout_seconds=SHORT, retries=0)
        before = set(threading.enumerate())
        with pytest.raises(ArtstyleError, match="no response within"):
            client.predict([b"image"])
        for thread in set(threading.enumerate()) - before - set(server.threads):
            thread.join(HUNG_SECONDS)
            assert not thread.is_alive()
        assert server.ended.wait(HUNG_SECONDS)
        client.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_an_encrypted_connection_is_ended_too(tmp_path):
    """The server sends trailers without end, which are read as fast as they arrive."""
    certificate, key = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with hostile_server(METADATA, DRAWN_OUT["trailers, fast"], context) as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(certificate))
            url = server.url.replace("http://127.0.0.1", "https://localhost")
            client = open_client(url, model_name="m", timeout_seconds=1.0, retries=0)
        client.signature()
        with pytest.raises(ArtstyleError, match="no response within 1 s"):
            client.predict([b"image"])
        assert server.ended.wait(HUNG_SECONDS)
        client.close()


def _certificate(folder):
    """Write a self-signed certificate for localhost and its key."""
    names = ("certificate.pem", "key.pem")
    certificate, key = (folder / name for name in names)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out"]
    command += [certificate, "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_a_slow_handshake_times_out():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        is_over = threading.Event()

        def respond():
            connection, _ = listening.accept()
            with connection:
                connection.recv(2**16)
                while not is_over.wait(0.02):
                    try:
                        # A record of 16 KiB that never ends.
                        connection.sendall(b"\x16\x03\x03\x40\x00"[:1])
                    except OSError:
                        return

        thread = threading.Thread(target=respond)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        client = open_client(url, model_name="m", timeout_seconds=SHORT, retries=0)
        with pytest.raises(ArtstyleError):
            client.signature()
        client.close()
        is_over.set()
        thread.join()


def test_a_server_that_reads_slowly_times_out():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        connection = HttpConnection(parse_address(url, model_name="m"), timeout_seconds=SHORT)
        with pytest.raises(TransientFailure, match="no response within"):
            connection.request("POST", "/", bytes(50_000_000), most_bytes=1)
        connection.close()


TOO_MUCH = {
    "a large response": lambda talk: talk.body(b" " * 3_000_000),
    "an endless response": lambda talk: (talk.send(OK, b"\r\n"), talk.pour(b" " * 65_536)),
    "chunks without an end": lambda talk: (
        talk.send(CHUNKED),
        talk.pour(b"400\r\n" + b" " * 1024 + b"\r\n"),
    ),
    "a large error": lambda talk: talk.body(b" " * 3_000_000, b"400 Bad Request"),
}


@pytest.mark.parametrize("response", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_response_that_is_too_large_is_not_read(response):
    message = query(response, timeout_seconds=30)
    assert "is too large. Received: more than 1.5 MiB" in message


def test_json_takes_little_memory():
    """Empty objects take 25 times their size: 180 MB of them took 4.8 GB."""
    tracemalloc.start()
    try:
        message = query(lambda talk: talk.body(b"[" + b"{}," * 450_000 + b"{}]"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "JSON without named outputs" in message
    assert peak < 100e6


ODD = {
    "a line of a chunk's size that is too long": (
        lambda talk: talk.send(CHUNKED, b"0" * 100_000),
        ("incomplete response", "cannot be reached"),
    ),
    "a chunk's size that is no number": (
        lambda talk: (talk.send(CHUNKED, b"xyz\r\n"), talk.connection.close()),
        ("incomplete response", "cannot be reached"),
    ),
    "too many headers": (
        lambda talk: talk.send(OK, b"X: y\r\n" * 200, b"\r\n"),
        ("cannot be reached",),
    ),
    "a header that is too long": (
        lambda talk: talk.send(OK, b"X: ", b"y" * 70_000, b"\r\n\r\n"),
        ("cannot be reached",),
    ),
    "no status": (lambda talk: talk.send(b"HTTP/1.1 abc\r\n\r\n"), ("cannot be reached",)),
    "no text": (lambda talk: talk.body(b"\xff\xfe\x00"), ("not JSON",)),
    "nested lists": (lambda talk: talk.body(b"[" * 100_000), ("nested too deeply",)),
    "nested objects": (lambda talk: talk.body(b'{"a":' * 100_000), ("nested too deeply",)),
    "nested error": (
        lambda talk: talk.body(b'{"error":' * 800 + b"1" + b"}" * 800, b"400 Bad Request"),
        ("refuses the images",),
    ),
    "half a pair of surrogates": (
        lambda talk: talk.body(b'{"outputs": {"label": ["\\ud800"]}}'),
        ("text that is not UTF-8",),
    ),
    "half a pair in a name": (
        lambda talk: talk.body(b'{"outputs": {"\\udfff": 1}}'),
        ("text that is not UTF-8",),
    ),
    "half a pair in an error": (
        lambda talk: talk.body(b'{"error": "\\ud800"}', b"500 Oh"),
        ("responded with status 500",),
    ),
    "packed": (
        lambda talk: talk.send(OK, b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
        ("not JSON",),
    ),
    "a number of many digits": (lambda talk: talk.body(b"1" * 10_000), ("not JSON",)),
}


@pytest.mark.parametrize(("response", "messages"), ODD.values(), ids=ODD)
def test_an_invalid_response_is_one_message(response, messages):
    message = query(response)
    assert any(expected in message for expected in messages), message


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_two_content_lengths_are_refused():
    """urllib3 leaves the connection of such a response to Python's garbage collection."""
    message = query(lambda talk: talk.send(OK, b"Content-Length: 1, 2\r\n\r\n{}"))
    gc.collect()
    assert "cannot be reached. Received: Content-Length contained multiple" in message


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999", "1" + "0" * 400])
@pytest.mark.parametrize("output", ["confidence", "probabilities", "embedding", "label"])
def test_numbers_that_are_none_are_refused(number, output):
    content = json.dumps({"outputs": RESPONSE | {output: 77777}}).replace("77777", f"[{number}]")
    message = query(lambda talk: talk.body(content.encode()))
    assert "returned an invalid response" in message


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e999", '"1e5"', "null", "[]"])
def test_sizes_in_the_metadata_that_are_none_are_refused(number):
    definition = DEFINITION | {"outputs": DEFINITION["outputs"] | {"label": tensor("DT_STRING", 7)}}
    content = json.dumps(metadata_of(definition)).replace('"7"', number)
    message = query(lambda talk: talk.body(content.encode()), metadata=None)
    assert "metadata without the signature" in message


def test_deep_outputs_are_refused():
    deep = "[" * 500 + "1" + "]" * 500
    content = json.dumps({"outputs": RESPONSE | {"embedding": 77777}}).replace("77777", deep)
    assert "returned an invalid response" in query(lambda talk: talk.body(content.encode()))


def test_pairs_of_surrogates_are_text():
    name = "\N{ARTIST PALETTE}"
    outputs = RESPONSE | {"label": [name], "classes": [[name, "photo"]]}
    content = json.dumps({"outputs": outputs}).encode()
    assert b"\\ud83c\\udfa8" in content
    assert query(lambda talk: talk.body(content))["label"].tolist() == [name]


def test_what_cannot_be_printed_is_not_printed():
    assert plain_message("a\x1b[31mb\ud800c\u202ed") == "a�[31mb�c�d"
    assert "\x1b" not in str(RequestRefused("s", "\x1b]0;title\x07"))


@pytest.mark.parametrize(
    ("url", "target", "path"),
    [
        ("http://h/é/v1/models/m", "h:80", "/%C3%A9/v1/models/m"),
        ("http://h/%C3%A9/v1/models/m", "h:80", "/%C3%A9/v1/models/m"),
        ("http://h/v1/models/é", "h:80", "/v1/models/%C3%A9"),
        ("http://h/v1/models/m/labels/é", "h:80", "/v1/models/m/labels/%C3%A9"),
        ("http://musée.example", "xn--muse-epa.example:80".replace("muse-epa", "muse-bpa"), None),
    ],
)
def test_letters_beyond_ascii_in_an_address(url, target, path):
    address = parse_address(url, model_name="m")
    str(address).encode("ascii")
    assert parse_address(str(address)) == address
    if path is not None:
        assert (address.target, address.model_path) == (target, path)
    assert address.host == "h" or address.host.startswith("xn--")


@pytest.mark.parametrize(
    "url",
    [
        "http://\ud800/",
        "http://h/\ud800/v1/models/m",
        "http://two words",
        "http://a\x00b",
        f"http://{'é' * 80}.example",
        "http://é..example",
        "http://h/v1/models/m/versions/" + "9" * 30,
    ],
)
def test_invalid_addresses(url):
    with pytest.raises(ArtstyleError) as caught:
        parse_address(url, model_name="m")
    str(caught.value).encode()


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(ArtstyleError):
        parse_address("http://h", model_name="\ud800")


def test_a_password_is_not_shown():
    with pytest.raises(ArtstyleError) as caught:
        parse_address("http://me:secret@host")
    assert "secret" not in str(caught.value)


def test_a_request_to_an_address_beyond_ascii_reaches_the_server():
    with hostile_server(METADATA, lambda talk: talk.json({"outputs": RESPONSE})) as server:
        client = open_client(
            f"{server.url}/é/v1/models/è", timeout_seconds=60, retries=0, model_name=None
        )
        assert client.predict([b"image"])["label"].tolist() == ["Cubism"]
        client.close()


def test_a_slow_name_resolution_times_out(monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: is_over.wait(60) and [])
    client = open_client("http://museum.example", model_name="m", timeout_seconds=0.2, retries=0)
    with pytest.raises(ArtstyleError, match=r"no response within 0\.2 s"):
        client.signature()
    is_over.set()


def test_a_request_can_be_interrupted():
    """Uses a server that sends nothing, and a long timeout."""

    def respond(talk):
        signal.raise_signal(signal.SIGINT)
        talk.trickle(b"")

    with hostile_server(METADATA, respond) as server:
        client = open_client(server.url, model_name="m", timeout_seconds=600, retries=0)
        with pytest.raises(KeyboardInterrupt), interrupted_at_safe_points():
            client.predict([b"image"])


def test_a_large_request_over_a_kept_connection_has_all_its_time():
    """The server needs half a second before it reads the next request."""

    def respond(talk):
        talk.json({"outputs": RESPONSE})
        time.sleep(0.5)

    with hostile_server(METADATA, respond) as server:
        client = open_client(server.url, model_name="m", timeout_seconds=HUNG_SECONDS, retries=0)
        for image in (b"image", bytes(20_000_000)):
            assert client.predict([image])["label"].tolist() == ["Cubism"]
        client.close()
