"""Serve a SavedModel like TensorFlow Serving, as far as clients can observe, over both protocols.

The server itself cannot be installed from a package registry. Its responses follow its sources:
tensorflow_serving/util/json_tensor.cc (values), model_servers/http_rest_api_handler.cc and
http_rest_api_util.cc (paths, errors), apis/prediction_service.proto.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

SIGNATURE = "serving_default"


@dataclass
class Behavior:
    """Additional behavior of the server, which tests change."""

    failures: int = 0
    """Number of first requests that fail with 503 or UNAVAILABLE."""
    go_on: threading.Event | None = None
    """Requests wait for it, if there is one."""
    distort: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
    raw_body: bytes | None = None
    """Instead of JSON."""
    raw_status: int = 200
    hide_signature: bool = False
    drop_connections: bool = False
    """Close each connection after its response, as an idle server does."""
    batch_sizes: list[int] = field(default_factory=list)
    """Of the requests that reached the model."""
    connections: int = 0

    def reset(self) -> None:
        self.__dict__.update(Behavior().__dict__)


class ServedModel:
    """A SavedModel behind a name."""

    def __init__(
        self, name: str, saved_model: Path, behavior: Behavior, loaded: Any = None
    ) -> None:
        self.name = name
        self.behavior = behavior
        self._loaded = loaded or tf.saved_model.load(str(saved_model))
        content = saved_model_pb2.SavedModel.FromString(
            (saved_model / "saved_model.pb").read_bytes()
        )
        self._definitions = content.meta_graphs[0].signature_def

    def definitions(self) -> get_model_metadata_pb2.SignatureDefMap:
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in self._definitions.items():
            if name != SIGNATURE or not self.behavior.hide_signature:
                definitions.signature_def[name].CopyFrom(definition)
        return definitions

    def predict(self, images: list[bytes]) -> dict[str, np.ndarray]:
        """Predict; raise tf.errors.InvalidArgumentError as the graph does."""
        self.behavior.batch_sizes.append(len(images))
        inputs = tf.constant(images, tf.string, shape=[len(images)])
        outputs = self._loaded.signatures[SIGNATURE](image_bytes=inputs)
        arrays = {name: value.numpy() for name, value in outputs.items()}
        return self.behavior.distort(arrays) if self.behavior.distort else arrays


def message_of(error: tf.errors.OpError) -> str:
    """Return the message of the kernel, without what Python's TensorFlow adds."""
    message = error.message.split("<stack traces unavailable>\n")[-1]
    return re.sub(r" \[Op:\w+\]$", "", message)


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: ServedModel) -> None:
        self._model = model

    def _begin(self, request: Any, context: grpc.ServicerContext) -> None:
        behavior = self._model.behavior
        if behavior.go_on is not None:
            behavior.go_on.wait(timeout=30)
        if behavior.failures > 0:
            behavior.failures -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "The batch scheduling queue is full")
        if request.model_spec.name != self._model.name:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: Latest({request.model_spec.name})",
            )
        if request.model_spec.version.value > 1:
            number = request.model_spec.version.value
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: Specific({self._model.name}, {number})",
            )
        if request.model_spec.version_label:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Unrecognized servable version label: {request.model_spec.version_label}",
            )

    def Predict(self, request, context):  # noqa: N802
        self._begin(request, context)
        images = tf.make_ndarray(request.inputs["image_bytes"])
        try:
            outputs = self._model.predict(images.tolist())
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message_of(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self._model.name
        response.model_spec.signature_name = SIGNATURE
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        self._begin(request, context)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self._model.name
        response.metadata["signature_def"].Pack(self._model.definitions())
        return response


class GrpcTwin:
    """A gRPC server of one model on a free port of this machine, for the example in the kit."""

    def __init__(self, model: ServedModel) -> None:
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=4),
            options=[("grpc.max_receive_message_length", -1)],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Servicer(model), self._server
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.url = f"grpc://127.0.0.1:{self.port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a response waits 40 ms for the client's acknowledgement
    model: ServedModel

    def setup(self) -> None:
        super().setup()
        self.model.behavior.connections += 1

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = f"/v1/models/{self.model.name}"
        if self._fails():
            return
        if self.path == path:
            status = {"error_code": "OK", "error_message": ""}
            version = {"version": "1", "state": "AVAILABLE", "status": status}
            self._send(200, {"model_version_status": [version]})
        elif self._is_served("/metadata"):
            definitions = json_format.MessageToDict(
                self.model.definitions(),
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            spec = {"name": self.model.name, "signature_name": "", "version": "1"}
            self._send(200, {"model_spec": spec, "metadata": {"signature_def": definitions}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._fails() or not self._is_served(":predict"):
            return
        request = json.loads(body)
        images = [_decoded(value) for value in request["inputs"]["image_bytes"]]
        assert request.get("signature_name", SIGNATURE) == SIGNATURE
        try:
            outputs = self.model.predict(images)
        except tf.errors.InvalidArgumentError as error:
            self._send(400, {"error": message_of(error)})
            return
        self._send(
            200, {"outputs": {name: _as_json(name, value) for name, value in outputs.items()}}
        )

    def _fails(self) -> bool:
        behavior = self.model.behavior
        if behavior.go_on is not None:
            behavior.go_on.wait(timeout=30)
        if behavior.raw_body is not None:
            self._send_bytes(behavior.raw_status, behavior.raw_body)
            return True
        if behavior.failures > 0:
            behavior.failures -= 1
            self._send(503, {"error": "The batch scheduling queue is full"})
            return True
        return False

    def _is_served(self, verb: str) -> bool:
        found = re.fullmatch(
            rf"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?{verb}", self.path
        )
        if found is None:
            self._send(404, {"error": f"Malformed request: {self.command} {self.path}"})
            return False
        name, version, label = found.groups()
        if name != self.model.name:
            self._send(404, {"error": f"Servable not found for request: Latest({name})"})
        elif version not in (None, "1"):
            self._send(
                404, {"error": f"Servable not found for request: Specific({name}, {version})"}
            )
        elif label:
            self._send(400, {"error": f"Unrecognized servable version label: {label}"})
        else:
            return True
        return False

    def _send(self, status: int, content: Any) -> None:
        self._send_bytes(status, json.dumps(content, indent=4).encode())

    def _send_bytes(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or self.model.behavior.drop_connections


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that does not wait
            super().handle_error(request, client_address)


class RestTwin:
    """A REST server of one model on this machine, on a free port if none is given."""

    def __init__(self, model: ServedModel, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"model": model})
        self._server = _Server(("127.0.0.1", port), handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _decoded(value: str | dict[str, str]) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def _as_json(name: str, value: np.ndarray) -> Any:
    """Convert to text, or bytes if the name ends in _bytes, and numbers of float32 precision."""
    if np.ndim(value):
        return [_as_json(name, row) for row in value]
    scalar = np.asarray(value).item()
    if isinstance(scalar, bytes):
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(scalar).decode()}
        return scalar.decode()
    if isinstance(scalar, float):
        return float(str(np.float32(scalar)))
    return scalar
