"""The client of a served model: TensorFlow Serving's REST API.

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
from artstyle_tf.prediction.server.answer_checks import checked_answer, surprising_answer
from artstyle_tf.prediction.server.deadline import within
from artstyle_tf.prediction.server.http_connection import (
    HttpAnswer,
    HttpConnection,
    PassingFailure,
)
from artstyle_tf.prediction.server.server_address import ServerAddress
from artstyle_tf.system.errors import ArtstyleError

_OK = 200
_BAD_REQUEST = 400
_NOT_FOUND = 404
_REFUSED = {_BAD_REQUEST, 413, 429}  # bad, too large, more than the server's memory holds
_MAY_PASS = {502, 503, 504}

# Before the nth attempt: 0, 0.4, 0.8, 1.6 ... 10 s and up to 0.2 s more, so that programs which
# were refused together do not come back together.
_WAITS: dict[str, Any] = {"backoff_factor": 0.2, "backoff_jitter": 0.2, "backoff_max": 10.0}

# As JSON takes up to 25 times its size in memory, larger answers would be a way to fill it. An
# image may take some ten times what the longest embeddings need.
_MOST_ANSWER_BYTES = 32 * 2**20
_BYTES_OF_ANY_ANSWER = 2**20
_BYTES_OF_A_IMAGE = 2**19

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_PLACES_IN_THE_GRAPH = re.compile(r"\{\{function_node [^}]*\}\}|\[\[\{\{node [^}]*\}\}.*?\]\]")
_LONGEST_MESSAGE = 300


class RequestRefused(ArtstyleError):  # noqa: N818  the server is right to refuse
    """The server works but will not answer this request: an image is bad, or it is too large.

    Args:
        server: address of the server.
        message: what it says.

    Attributes:
        message: the same in one line, without places in the graph.
    """

    def __init__(self, server: str, message: str) -> None:
        self.message = plain_message(message) or "no reason given"
        super().__init__(
            f"The server {server} refuses the images",
            received=self.message,
            fix="leave the image out, or send fewer at a time",
        )


class RestClient:
    """A connection to one model of one server, for one thread; nothing is sent before it is asked.

    Args:
        address: of the server.
        timeout_seconds: for one attempt of one request.
        retries: attempts after the first, if a failure may pass.
    """

    def __init__(self, address: ServerAddress, *, timeout_seconds: float, retries: int) -> None:
        self._address = address
        self._connection = HttpConnection(address, timeout_seconds=timeout_seconds)
        self._retries = urllib3.Retry(retries, **_WAITS)
        self._signature: ServedSignature | None = None

    def signature(self) -> ServedSignature:
        """Asks once what `serving_default` takes and gives, and remembers it.

        Raises:
            ArtstyleError: if the server cannot be reached, knows no such model or serves one that
                was not exported by this program.
        """
        if self._signature is None:
            content = self._ask("GET", f"{self._address.model_path}/metadata")
            try:
                definitions = content["metadata"]["signature_def"]["signature_def"]
                signature = signature_of_json(definitions[SERVING_DEFAULT])
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise surprising_answer(
                    str(self._address), f"metadata without the signature {SERVING_DEFAULT}"
                ) from error
            check_is_ours(signature, str(self._address))
            self._signature = signature
        return self._signature

    def predict(self, images: list[bytes]) -> dict[str, np.ndarray]:
        """Sends one batch of files.

        Args:
            images: contents of B files, at least one.

        Returns:
            label: str [B]. probabilities: float32 [B, C]. confidence: float32 [B].
            embedding: float32 [B, D]. accepted: bool [B], if the model is calibrated.
            neighbor_ids, neighbor_distances: str and float32 [B, k], if it has a gallery.
            status: str [B], whether there is an answer, if the export gives one; see
            `served_signature.STATUS`.

        Raises:
            RequestRefused: if the server will not answer this batch.
            ArtstyleError: if it cannot be reached, does not answer in time after all attempts, or
                answers something that its model cannot have said.
        """
        signature = self.signature()
        encoded = [{"b64": base64.b64encode(image).decode("ascii")} for image in images]
        request = {"signature_name": SERVING_DEFAULT, "inputs": {IMAGE_BYTES: encoded}}
        body = json.dumps(request).encode("ascii")
        path = f"{self._address.model_path}:predict"
        content = self._ask("POST", path, body, num_images=len(images))
        outputs = content.get("outputs") if isinstance(content, dict) else None
        if not isinstance(outputs, dict):
            raise surprising_answer(str(self._address), "JSON without outputs by name")
        return checked_answer(outputs, signature, num_images=len(images), server=str(self._address))

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None = None, *, num_images: int = 0
    ) -> Any:
        answer = self._try_again_and_again(method, path, body, num_images)
        if answer.status == _OK:
            try:
                return decoded_json(answer.body)
            except ValueError as error:
                raise surprising_answer(str(self._address), str(error)) from error
        raise self._error(answer, sends_images=body is not None)

    def _error(self, answer: HttpAnswer, *, sends_images: bool) -> ArtstyleError:
        message = _error_of(answer)
        if answer.status in _REFUSED and sends_images:
            return RequestRefused(str(self._address), message)
        if answer.status in (_BAD_REQUEST, _NOT_FOUND):  # 400: a label that is not known, e.g.
            return ArtstyleError(
                f"There is no such model at {self._address}",
                received=plain_message(message) or None,
                fix="append /v1/models/NAME to the address, with the name that the server was "
                "started with",
            )
        return ArtstyleError(
            f"The server {self._address} answers with {answer.status}",
            received=plain_message(message) or None,
            fix="look into the server's log; is it TensorFlow Serving, and this the right port?",
        )

    def _try_again_and_again(
        self, method: str, path: str, body: bytes | None, num_images: int
    ) -> HttpAnswer:
        """The first answer that does not say to come back later.

        urllib3 counts and waits. It is not handed the request itself, because each attempt has a
        deadline of its own, and because only some of its errors may pass.
        """
        bytes_wanted = _BYTES_OF_ANY_ANSWER + num_images * _BYTES_OF_A_IMAGE
        most_bytes = min(bytes_wanted, _MOST_ANSWER_BYTES)
        retries = self._retries
        while True:
            try:
                answer = self._connection.request(method, path, body, most_bytes=most_bytes)
                if answer.status in _MAY_PASS:
                    raise PassingFailure(f"{answer.status} {_error_of(answer)}".rstrip())
                return answer
            except PassingFailure as failure:
                try:
                    retries = retries.increment(method, path, error=failure)
                except urllib3.exceptions.MaxRetryError:
                    raise self._does_not_answer(failure, len(retries.history) + 1) from failure
            within(math.inf, retries.sleep)  # so that Ctrl-C ends it

    def _does_not_answer(self, failure: PassingFailure, attempts: int) -> ArtstyleError:
        return ArtstyleError(
            f"The server {self._address} does not answer",
            received=f"{failure}, in the last of {attempts} attempts"
            if attempts > 1
            else str(failure),
            fix="start the server with docker-run.sh in the export's folder serving, or correct "
            "the address; TensorFlow Serving speaks REST at port 8501",
        )


def plain_message(message: str) -> str:
    """What TensorFlow says, in one line and without the places in the graph.

    What cannot be printed is replaced: the message may come from anybody.
    """
    plain = " ".join(_PLACES_IN_THE_GRAPH.sub(" ", message).split())
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in plain
    )
    return plain if len(plain) <= _LONGEST_MESSAGE else f"{plain[:_LONGEST_MESSAGE]}..."


def decoded_json(body: bytes) -> Any:
    """Decode JSON that may be anybody's, and whose text can be written again.

    Args:
        body: as it came; UTF-8.

    Returns:
        What it says. Infinity and NaN, which are no JSON, are taken as TensorFlow Serving means
        them.

    Raises:
        ValueError: if it is none, with a reason of a few words.
    """
    try:
        content = json.loads(body.decode("utf-8-sig"))
        if _SURROGATE.search(body):
            # Half of a pair of surrogates is allowed in JSON, but is no text that can be written.
            json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("text that is no UTF-8") from error
    except ValueError as error:
        raise ValueError("no JSON") from error
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    return content


def _error_of(answer: HttpAnswer) -> str:
    """The message of an error body; TensorFlow Serving sends {"error": "..."}, proxies HTML."""
    try:
        message = decoded_json(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        message = None
    if isinstance(message, str):
        return message
    return answer.body[:200].decode("utf-8", errors="replace").strip()
