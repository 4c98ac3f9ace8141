from __future__ import annotations

import pytest

from artstyle_tf.prediction.server.server_address import parse_address
from artstyle_tf.system.errors import ArtstyleError


@pytest.mark.parametrize(
    ("url", "target", "path"),
    [
        ("http://localhost:8501", "localhost:8501", "/v1/models/given"),
        ("http://localhost", "localhost:80", "/v1/models/given"),
        ("https://museum.org/", "museum.org:443", "/v1/models/given"),
        ("http://10.0.0.7:8501", "10.0.0.7:8501", "/v1/models/given"),
        ("http://[::1]:9000", "[::1]:9000", "/v1/models/given"),
        ("http://h:1/v1/models/own", "h:1", "/v1/models/own"),
        ("http://h:1/v1/models/own:predict", "h:1", "/v1/models/own"),
        ("http://h:1/v1/models/own/metadata", "h:1", "/v1/models/own"),
        ("http://h:1/v1/models/own/versions/12/", "h:1", "/v1/models/own/versions/12"),
        ("http://h:1/v1/models/own/versions/12:predict", "h:1", "/v1/models/own/versions/12"),
        ("http://h:1/v1/models/own/labels/stable", "h:1", "/v1/models/own/labels/stable"),
        ("https://h/art/eu", "h:443", "/art/eu/v1/models/given"),
        ("https://h/art/eu/v1/models/own", "h:443", "/art/eu/v1/models/own"),
        ("http://h:1/v1/models/two%20words", "h:1", "/v1/models/two%20words"),
    ],
)
def test_addresses(url, target, path):
    address = parse_address(url, model_name="given")
    assert address.target == target
    assert address.model_path == path
    # The text of an address can be parsed again.
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8501",
        "ftp://localhost",
        "http://",
        "http://host:port",
        "http://host:70000",
        "http://host/v1/models/m/versions/newest",
        "http://host?model=m",
        "http://me:secret@host",
        "http://[::1",
        "",
    ],
)
def test_invalid_address(url):
    with pytest.raises(ArtstyleError, match="This is not a valid server URL") as caught:
        parse_address(url, model_name="m")
    assert "http://HOST:8501" in str(caught.value)


def test_grpc_addresses_give_a_hint():
    with pytest.raises(ArtstyleError) as caught:
        parse_address("grpc://me:secret@host:8500/v1/models/m")
    message = str(caught.value)
    assert "over REST, not over gRPC. Received: grpc://***@host:8500/v1/models/m." in message
    assert "http://HOST:8501" in message
    assert "grpc_client.py" in message


def test_a_model_is_required():
    with pytest.raises(ArtstyleError, match="append /v1/models/NAME"):
        parse_address("http://localhost:8501")
