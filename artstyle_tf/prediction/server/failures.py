"""What can be wrong with a server, in words that are the same for both protocols."""

from __future__ import annotations

from artstyle_tf.prediction.server.prediction_client import plain_message
from artstyle_tf.prediction.server.server_address import ServerAddress
from artstyle_tf.system.errors import ArtstyleError

HOW_TO_START = (
    "start the server with docker-run.sh in the export's folder serving, or correct the address; "
    "TensorFlow Serving speaks REST at port 8501 and gRPC at 8500"
)


def no_such_model(address: ServerAddress, message: str) -> ArtstyleError:
    """The server works, but does not serve this model, or not under this path."""
    return ArtstyleError(
        f"There is no such model at {address}",
        received=plain_message(message) or None,
        fix="append /v1/models/NAME to the address, with the name that the server was started with",
    )


def unexpected_status(address: ServerAddress, status: str, message: str) -> ArtstyleError:
    """The server says that something is wrong with itself, or it is another kind of server."""
    return ArtstyleError(
        f"The server {address} answers with {status}",
        received=plain_message(message) or None,
        fix="look into the server's log; is it TensorFlow Serving, and this the right port?",
    )
