"""What a client of a served model can do, whatever protocol it speaks."""

from __future__ import annotations

import re
from typing import Protocol

import numpy as np

from artstyle_tf.export.served_signature import ServedSignature
from artstyle_tf.system.errors import ArtstyleError

MOST_REQUEST_BYTES = 256 * 2**20

MOST_ANSWER_BYTES = 32 * 2**20
"""gRPC by itself takes 4 MiB, some 800 long embeddings. As JSON takes up to 25 times its size in
memory, more would be a way to fill it."""

_BYTES_OF_ANY_ANSWER = 2**20
_BYTES_OF_A_PICTURE = 2**19

_PLACES_IN_THE_GRAPH = re.compile(r"\{\{function_node [^}]*\}\}|\[\[\{\{node [^}]*\}\}.*?\]\]")
_LONGEST_MESSAGE = 300


class RequestRefused(ArtstyleError):  # noqa: N818  the server is right to refuse
    """The server works but will not answer this request: a picture is bad, or it is too large.

    Args:
        server: address of the server.
        message: what it says.

    Attributes:
        message: the same in one line, without places in the graph.
    """

    def __init__(self, server: str, message: str) -> None:
        self.message = plain_message(message) or "no reason given"
        super().__init__(
            f"The server {server} refuses the pictures",
            received=self.message,
            fix="leave the picture out, or send fewer at a time",
        )


def most_answer_bytes(num_pictures: int) -> int:
    """How large an answer as JSON may be: some ten times what the longest embeddings take."""
    return min(_BYTES_OF_ANY_ANSWER + num_pictures * _BYTES_OF_A_PICTURE, MOST_ANSWER_BYTES)


def plain_message(message: str) -> str:
    """What TensorFlow says, in one line and without the places in the graph.

    What cannot be printed is replaced: the message may come from anybody.
    """
    plain = " ".join(_PLACES_IN_THE_GRAPH.sub(" ", message).split())
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in plain
    )
    return plain if len(plain) <= _LONGEST_MESSAGE else f"{plain[:_LONGEST_MESSAGE]}..."


class PredictionClient(Protocol):
    """A connection to one model of one server, for one thread."""

    def signature(self) -> ServedSignature:
        """Asks once what `serving_default` takes and gives, and remembers it.

        Raises:
            ArtstyleError: if the server cannot be reached, knows no such model or serves one that
                was not exported by this program.
        """
        ...

    def predict(self, pictures: list[bytes]) -> dict[str, np.ndarray]:
        """Sends one batch of files.

        Args:
            pictures: contents of B files, at least one.

        Returns:
            label: str [B]. probabilities: float32 [B, C]. confidence: float32 [B].
            embedding: float32 [B, D]. accepted: bool [B], if the model is calibrated.
            neighbour_ids, neighbour_distances: str and float32 [B, k], if it has a gallery.
            status: str [B], whether there is an answer, if the export gives one; see
            `served_signature.STATUS`.

        Raises:
            RequestRefused: if the server will not answer this batch.
            ArtstyleError: if it cannot be reached, does not answer in time after all attempts, or
                answers something that its model cannot have said.
        """
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...
