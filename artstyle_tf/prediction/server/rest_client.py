"""Client of a served model: TensorFlow Serving's REST API.

Source: tensorflow.org/tfx/serving/api_rest.
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any

import numpy as np
import urllib3

from artstyle_tf.export.served_signature import (
    IMAGE_BYTES,
    SERVING_DEFAULT,
    ServedSignature,
    check_is_ours,
    signature_of_json,
)
from artstyle_tf.prediction.server.http_connection import (
    HttpConnection,
    HttpResponse,
    TransientFailure,
    within,
)
from artstyle_tf.prediction.server.response_checks import checked_response, invalid_response
from artstyle_tf.prediction.server.server_address import ServerAddress
from artstyle_tf.system.errors import ArtstyleError

_OK = 200
_BAD_REQUEST = 400
_NOT_FOUND = 404
_REFUSED = {_BAD_REQUEST, 413, 429}  # bad, too large, more than the server's memory holds
_TRANSIENT = {502, 503, 504}

# Before the nth attempt: 0, 0.4, 0.8, 1.6 ... 10 s plus up to 0.2 s of jitter, so that clients that
# were refused together do not retry together.
_WAITS: dict[str, Any] = {"backoff_factor": 0.2, "backoff_jitter": 0.2, "backoff_max": 10.0}

# JSON takes up to 25 times its size in memory, so a larger response could fill it. The limit per
# image is about ten times what the longest embeddings need.
_MOST_RESPONSE_BYTES = 32 * 2**20
_BYTES_PER_RESPONSE = 2**20
_BYTES_PER_IMAGE = 2**19

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_GRAPH_NODES = re.compile(r"\{\{function_node [^}]*\}\}|\[\[\{\{node [^}]*\}\}.*?\]\]")
_LONGEST_MESSAGE = 300


class RequestRefused(ArtstyleError):  # noqa: N818  the server may refuse
    """The server works but refuses this request: an image is bad, or the request is too large.

    Args:
        server: address of the server.
        message: of the server.

    Attributes:
        message: the same in one line, without names of graph nodes.
    """

    def __init__(self, server: str, message: str) -> None:
        self.message = plain_message(message) or "no reason given"
        super().__init__(
            f"The server {server} refuses the images",
            received=self.message,
            fix="leave the image out, or send fewer at a time",
        )


class RestClient:
    """A connection to one model of one server, for one thread; the first request opens it.

    Args:
        address: of the server.
        timeout_seconds: for one attempt of one request.
        retries: attempts after the first, for transient failures.
    """

    def __init__(self, address: ServerAddress, *, timeout_seconds: float, retries: int) -> None:
        self._address = address
        self._connection = HttpConnection(address, timeout_seconds=timeout_seconds)
        self._retries = urllib3.Retry(retries, **_WAITS)
        self._signature: ServedSignature | None = None

    def signature(self) -> ServedSignature:
        """Return the signature `serving_default`, requested once.

        Raises:
            ArtstyleError: if the server cannot be reached, has no such model or serves one that
                this program has not exported.
        """
        if self._signature is None:
            content = self._request("GET", f"{self._address.model_path}/metadata")
            try:
                definitions = content["metadata"]["signature_def"]["signature_def"]
                signature = signature_of_json(definitions[SERVING_DEFAULT])
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise invalid_response(
                    str(self._address), f"metadata without the signature {SERVING_DEFAULT}"
                ) from error
            check_is_ours(signature, str(self._address))
            self._signature = signature
        return self._signature

    def predict(self, images: list[bytes]) -> dict[str, np.ndarray]:
        """Send one batch of files.

        Args:
            images: contents of B files, at least one.

        Returns:
            label: str [B]. probabilities: float32 [B, C]. confidence: float32 [B].
            embedding: float32 [B, D]. accepted: bool [B], if the model is calibrated.
            neighbor_ids, neighbor_distances: str and float32 [B, k], if it has a gallery.
            status: str [B], whether there is a prediction, if the export returns it; see
            `served_signature.STATUS`.

        Raises:
            RequestRefused: if the server refuses this batch.
            ArtstyleError: if it cannot be reached, does not respond in time after all attempts, or
                returns an invalid response.
        """
        signature = self.signature()
        encoded = [{"b64": base64.b64encode(image).decode("ascii")} for image in images]
        request = {"signature_name": SERVING_DEFAULT, "inputs": {IMAGE_BYTES: encoded}}
        body = json.dumps(request).encode("ascii")
        path = f"{self._address.model_path}:predict"
        content = self._request("POST", path, body, num_images=len(images))
        outputs = content.get("outputs") if isinstance(content, dict) else None
        if not isinstance(outputs, dict):
            raise invalid_response(str(self._address), "JSON without named outputs")
        server = str(self._address)
        return checked_response(outputs, signature, num_images=len(images), server=server)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _request(
        self, method: str, path: str, body: bytes | None = None, *, num_images: int = 0
    ) -> Any:
        response = self._response(method, path, body, num_images)
        if response.status == _OK:
            try:
                return decoded_json(response.body)
            except ValueError as error:
                raise invalid_response(str(self._address), str(error)) from error
        raise self._error(response, sends_images=body is not None)

    def _error(self, response: HttpResponse, *, sends_images: bool) -> ArtstyleError:
        message = _error_of(response)
        if response.status in _REFUSED and sends_images:
            return RequestRefused(str(self._address), message)
        if response.status in (_BAD_REQUEST, _NOT_FOUND):  # 400: an unknown label, e.g.
            return ArtstyleError(
                f"There is no such model at {self._address}",
                received=plain_message(message) or None,
                fix="append /v1/models/NAME to the address, with the name that the server was "
                "started with",
            )
        return ArtstyleError(
            f"The server {self._address} responded with status {response.status}",
            received=plain_message(message) or None,
            fix="check the server's log; is it TensorFlow Serving, and is this the right port?",
        )

    def _response(
        self, method: str, path: str, body: bytes | None, num_images: int
    ) -> HttpResponse:
        """Return the first response that is no transient failure.

        urllib3 counts and waits. It does not send the requests itself, because each attempt has a
        separate deadline, and because only some of its errors are transient.
        """
        expected_bytes = _BYTES_PER_RESPONSE + num_images * _BYTES_PER_IMAGE
        most_bytes = min(expected_bytes, _MOST_RESPONSE_BYTES)
        retries = self._retries
        while True:
            try:
                response = self._connection.request(method, path, body, most_bytes=most_bytes)
                if response.status in _TRANSIENT:
                    raise TransientFailure(f"{response.status} {_error_of(response)}".rstrip())
                return response
            except TransientFailure as failure:
                try:
                    retries = retries.increment(method, path, error=failure)
                except urllib3.exceptions.MaxRetryError:
                    raise self._does_not_respond(failure, len(retries.history) + 1) from failure
            within(math.inf, retries.sleep)  # in a thread, so that Ctrl-C ends it

    def _does_not_respond(self, failure: TransientFailure, attempts: int) -> ArtstyleError:
        return ArtstyleError(
            f"The server {self._address} does not respond",
            received=f"{failure}, in the last of {attempts} attempts"
            if attempts > 1
            else str(failure),
            fix="start the server with docker-run.sh in the export's folder serving, or correct "
            "the address; the REST port of TensorFlow Serving is 8501",
        )


def plain_message(message: str) -> str:
    """Return a message of TensorFlow in one line, without names of graph nodes.

    Characters that cannot be printed are replaced: the message may come from any server.
    """
    plain = " ".join(_GRAPH_NODES.sub(" ", message).split())
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in plain
    )
    return plain if len(plain) <= _LONGEST_MESSAGE else f"{plain[:_LONGEST_MESSAGE]}..."


def decoded_json(body: bytes) -> Any:
    """Decode JSON from any server; its strings can be encoded again.

    Infinity and NaN, which are not JSON but sent by TensorFlow Serving, are accepted.

    Raises:
        ValueError: if it is not valid UTF-8 or JSON, with a short reason.
    """
    try:
        content = json.loads(body.decode("utf-8-sig"))
        if _SURROGATE.search(body):
            # JSON allows half of a surrogate pair, which cannot be encoded.
            json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("text that is not UTF-8") from error
    except ValueError as error:
        raise ValueError("not JSON") from error
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    return content


def _error_of(response: HttpResponse) -> str:
    """Return the error message; TensorFlow Serving sends {"error": "..."}, proxies HTML."""
    try:
        message = decoded_json(response.body)["error"]
    except (ValueError, KeyError, TypeError):
        message = None
    if isinstance(message, str):
        return message
    return response.body[:200].decode("utf-8", errors="replace").strip()
