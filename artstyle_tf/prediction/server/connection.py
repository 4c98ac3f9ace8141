"""The client for a URL."""

from __future__ import annotations

from artstyle_tf.prediction.server.prediction_client import PredictionClient
from artstyle_tf.prediction.server.retries import Retries
from artstyle_tf.prediction.server.server_address import parse_address


def open_client(
    url: str,
    *,
    model_name: str | None = None,
    timeout_seconds: float,
    retries: int,
    seed: int = 0,
) -> PredictionClient:
    """Makes a client; nothing is sent before it is asked something.

    Args:
        url: http:// and https:// for REST, grpc:// for gRPC; see `server_address.parse_address`.
        model_name: which model if the URL does not say it.
        timeout_seconds: for one attempt of one request.
        retries: attempts after the first, if a failure may pass.
        seed: of the waits between them.

    Raises:
        ArtstyleError: if the URL is none, or gRPC is wanted where its packages are missing.
    """
    address = parse_address(url, model_name=model_name)
    patience = Retries(retries, seed=seed)
    if address.scheme == "grpc":
        # Here, because it imports TensorFlow, which REST does without.
        from artstyle_tf.prediction.server.grpc_client import GrpcClient

        return GrpcClient(address, timeout_seconds=timeout_seconds, retries=patience)
    from artstyle_tf.prediction.server.rest_client import RestClient

    return RestClient(address, timeout_seconds=timeout_seconds, retries=patience)
