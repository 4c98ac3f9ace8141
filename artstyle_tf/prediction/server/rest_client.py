"""TensorFlow Serving's REST API.

Source: tensorflow.org/tfx/serving/api_rest.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from artstyle_tf.export.served_signature import (
    IMAGE_BYTES,
    SERVING_DEFAULT,
    ServedSignature,
    check_is_ours,
    signature_of_json,
)
from artstyle_tf.prediction.server.answer_checks import checked_answer, surprising_answer
from artstyle_tf.prediction.server.failures import HOW_TO_START, no_such_model, unexpected_status
from artstyle_tf.prediction.server.http_connection import HttpAnswer, HttpConnection
from artstyle_tf.prediction.server.json_answers import decoded_json
from artstyle_tf.prediction.server.prediction_client import RequestRefused, most_answer_bytes
from artstyle_tf.prediction.server.retries import PassingFailure, Retries
from artstyle_tf.prediction.server.server_address import ServerAddress

_OK = 200
_BAD_REQUEST = 400
_NOT_FOUND = 404
_REFUSED = {_BAD_REQUEST, 413, 429}  # bad, too large, more than the server's memory holds
_MAY_PASS = {502, 503, 504}


class RestClient:
    """A `PredictionClient` that speaks JSON over HTTP.

    Args:
        address: of the server.
        timeout_seconds: for one attempt.
        retries: what to do if one fails.
    """

    def __init__(self, address: ServerAddress, *, timeout_seconds: float, retries: Retries) -> None:
        self._address = address
        self._connection = HttpConnection(address, timeout_seconds=timeout_seconds)
        self._retries = retries
        self._signature: ServedSignature | None = None

    def signature(self) -> ServedSignature:
        """See `PredictionClient`."""
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

    def predict(self, pictures: list[bytes]) -> dict[str, np.ndarray]:
        """See `PredictionClient`."""
        signature = self.signature()
        encoded = [{"b64": base64.b64encode(picture).decode("ascii")} for picture in pictures]
        request = {"signature_name": SERVING_DEFAULT, "inputs": {IMAGE_BYTES: encoded}}
        body = json.dumps(request).encode("ascii")
        content = self._ask(
            "POST",
            f"{self._address.model_path}:predict",
            body,
            most_bytes=most_answer_bytes(len(pictures)),
        )
        outputs = content.get("outputs") if isinstance(content, dict) else None
        if not isinstance(outputs, dict):
            raise surprising_answer(str(self._address), "JSON without outputs by name")
        return checked_answer(
            outputs, signature, num_pictures=len(pictures), server=str(self._address)
        )

    def close(self) -> None:
        """See `PredictionClient`."""
        self._connection.close()

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        most_bytes: int = most_answer_bytes(0),
    ) -> Any:
        answer = self._retries.call(
            lambda: self._attempt(method, path, body, most_bytes),
            server=str(self._address),
            fix=HOW_TO_START,
        )
        if answer.status in _REFUSED and body is not None:
            raise RequestRefused(str(self._address), _error_of(answer))
        if answer.status in (_BAD_REQUEST, _NOT_FOUND):  # 400: a label that is not known, e.g.
            raise no_such_model(self._address, _error_of(answer))
        if answer.status != _OK:
            raise unexpected_status(self._address, str(answer.status), _error_of(answer))
        try:
            return decoded_json(answer.body)
        except ValueError as error:
            raise surprising_answer(str(self._address), str(error)) from error

    def _attempt(self, method: str, path: str, body: bytes | None, most_bytes: int) -> HttpAnswer:
        answer = self._connection.request(method, path, body, most_bytes=most_bytes)
        if answer.status in _MAY_PASS:
            raise PassingFailure(f"{answer.status} {_error_of(answer)}".rstrip())
        return answer


def _error_of(answer: HttpAnswer) -> str:
    """The message of an error body; TensorFlow Serving sends {"error": "..."}, proxies HTML."""
    try:
        message = decoded_json(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        message = None
    if isinstance(message, str):
        return message
    return answer.body[:200].decode("utf-8", errors="replace").strip()
