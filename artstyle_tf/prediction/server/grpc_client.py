"""TensorFlow Serving's gRPC API.

Source: tensorflow_serving/apis/prediction_service.proto.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from artstyle_tf.export.served_signature import (
    IMAGE_BYTES,
    KNOWN_OUTPUTS,
    SERVING_DEFAULT,
    ServedSignature,
    check_is_ours,
    signature_of_proto,
)
from artstyle_tf.prediction.server.answer_checks import checked_answer, surprising_answer
from artstyle_tf.prediction.server.failures import HOW_TO_START, no_such_model, unexpected_status
from artstyle_tf.prediction.server.prediction_client import (
    MOST_ANSWER_BYTES,
    MOST_REQUEST_BYTES,
    RequestRefused,
)
from artstyle_tf.prediction.server.retries import PassingFailure, Retries
from artstyle_tf.prediction.server.server_address import ServerAddress
from artstyle_tf.system.errors import ArtstyleError

_METADATA_FIELD = "signature_def"
_REFUSED = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}  # bad; too large, or more than fits in memory
_MAY_PASS = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
_CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", MOST_REQUEST_BYTES),
    ("grpc.max_receive_message_length", MOST_ANSWER_BYTES),
    # `Retries` decides when to ask again; a channel that waits for longer would fail unasked.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class GrpcClient:
    """A `PredictionClient` that speaks gRPC.

    Args:
        address: of the server.
        timeout_seconds: for one attempt.
        retries: what to do if one fails.

    Raises:
        ArtstyleError: if the packages for gRPC are not installed.
    """

    def __init__(self, address: ServerAddress, *, timeout_seconds: float, retries: Retries) -> None:
        grpc, service = _import_grpc()
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._retries = retries
        self._channel = grpc.insecure_channel(address.target, options=_CHANNEL_OPTIONS)
        self._stub = service.PredictionServiceStub(self._channel)
        self._signature: ServedSignature | None = None

    def signature(self) -> ServedSignature:
        """See `PredictionClient`."""
        if self._signature is None:
            signature = signature_of_proto(self._ask_for_definition())
            check_is_ours(signature, str(self._address))
            self._signature = signature
        return self._signature

    def predict(self, pictures: list[bytes]) -> dict[str, np.ndarray]:
        """See `PredictionClient`."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        signature = self.signature()
        request = predict_pb2.PredictRequest()
        self._name_model(request.model_spec)
        request.model_spec.signature_name = SERVING_DEFAULT
        request.inputs[IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(pictures, tf.string))
        answer = self._ask(self._stub.Predict, request)
        try:
            outputs = {
                name: _array(value)
                for name, value in answer.outputs.items()
                if name in KNOWN_OUTPUTS
            }
        except (TypeError, ValueError, IndexError) as error:
            raise surprising_answer(str(self._address), "a tensor without its values") from error
        return checked_answer(
            outputs, signature, num_pictures=len(pictures), server=str(self._address)
        )

    def close(self) -> None:
        """See `PredictionClient`."""
        self._channel.close()

    def _ask_for_definition(self) -> Any:
        from google.protobuf.message import DecodeError
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[_METADATA_FIELD])
        self._name_model(request.model_spec)
        try:
            answer = self._ask(self._stub.GetModelMetadata, request)
        except RequestRefused as refused:  # no pictures in it: a label that is not known, e.g.
            raise no_such_model(self._address, refused.message) from refused
        definitions = get_model_metadata_pb2.SignatureDefMap()
        try:
            is_there = answer.metadata[_METADATA_FIELD].Unpack(definitions)
        except DecodeError:
            is_there = False
        if not is_there or SERVING_DEFAULT not in definitions.signature_def:
            raise surprising_answer(
                str(self._address), f"metadata without the signature {SERVING_DEFAULT}"
            )
        return definitions.signature_def[SERVING_DEFAULT]

    def _name_model(self, model_spec: Any) -> None:
        model_spec.name = self._address.model_name
        if self._address.version is not None:
            model_spec.version.value = self._address.version
        elif self._address.version_label is not None:
            model_spec.version_label = self._address.version_label

    def _ask(self, method: Callable[..., Any], request: Any) -> Any:
        return self._retries.call(
            lambda: self._attempt(method, request), server=str(self._address), fix=HOW_TO_START
        )

    def _attempt(self, method: Callable[..., Any], request: Any) -> Any:
        import grpc

        try:
            return method(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            # What a stub raises is a grpc.Call too.
            raise self._failure(error.code().name, error.details() or "") from error  # pyright: ignore[reportAttributeAccessIssue]

    def _failure(self, code: str, message: str) -> Exception:
        if code == "DEADLINE_EXCEEDED":
            return PassingFailure(f"no answer within {self._timeout_seconds:g} s")
        if code in _MAY_PASS:
            return PassingFailure(f"{code} {message}")
        if code in _REFUSED:
            return RequestRefused(str(self._address), message)
        if code == "NOT_FOUND":
            return no_such_model(self._address, message)
        return unexpected_status(self._address, code, message)


def _array(value: Any) -> np.ndarray:
    """A TensorProto's values; one value may stand for any number of equal ones, but not here.

    Raises:
        TypeError, ValueError, IndexError: if its values do not fit its shape.
    """
    import tensorflow as tf

    sizes = [dim.size for dim in value.tensor_shape.dim]
    if min(sizes, default=0) < 0 or math.prod(sizes) > MOST_ANSWER_BYTES:
        raise ValueError("a shape that no answer has")
    return tf.make_ndarray(value)


def _import_grpc() -> tuple[Any, Any]:
    try:
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc
    except ImportError as error:
        raise ArtstyleError(
            "The packages that speak gRPC are not installed",
            received=error,
            fix="install tensorflow-serving-api, or use REST: http://HOST:8501",
        ) from error
    return grpc, prediction_service_pb2_grpc
