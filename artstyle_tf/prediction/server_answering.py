"""A server that answers for images, as `answering.RunAnswering` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from artstyle_tf.export.served_signature import OK, STATUS
from artstyle_tf.images.preparation.image_loading import load_prepared
from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.prediction.answering import Prediction
from artstyle_tf.prediction.server.rest_client import RequestRefused, RestClient, plain_message

Answer = dict[str, np.ndarray]
"""The outputs of one image: `RestClient.predict` without the first axis."""


class ServerAnswering:
    """Images are prepared here as training images were, and sent as files.

    So the server, which cannot read every format, says what its run would have said.

    Args:
        client: of the server; it is asked for its signature at once.
        url: of the server.
    """

    def __init__(self, client: RestClient, url: str) -> None:
        self.description: dict[str, Any] = {"server": url, "signature": str(client.signature())}
        self.num_batches_at_once = 1  # a connection answers one question after the other
        self._client = client
        # The server does not tell what its run was prepared with.
        self._max_side_px = DataConfig().max_side_px

    def load(self, paths: Sequence[Path]) -> list[bytes | UnreadableImageError]:
        """The files, prepared."""
        return load_prepared(paths, max_side_px=self._max_side_px)

    def answer(self, paths: Sequence[Path], loaded: Sequence[bytes]) -> list[Prediction | str]:
        """One prediction an image, or what the server has against it."""
        del paths
        answers = predict_each(self._client, list(loaded))
        return [each if isinstance(each, str) else _prediction(each) for each in answers]

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


def predict_each(client: RestClient, images: list[bytes]) -> list[Answer | str]:
    """Halves a batch that is refused until the bad image is alone.

    A server of an export that gives a status answers the others itself; one of before refuses the
    batch. With one bad image among B that is about 2 log2(B) more requests.

    Args:
        client: of the server.
        images: contents of B files.

    Returns:
        For each image its answer, or why it has none, as the server says.

    Raises:
        ArtstyleError: if the server cannot be reached or its answers make no sense.
    """
    if not images:
        return []
    try:
        return _rows(client.predict(images))
    except RequestRefused:
        if len(images) == 1:
            return [_ask_again(client, images[0])]
    middle = len(images) // 2
    return predict_each(client, images[:middle]) + predict_each(client, images[middle:])


def _ask_again(client: RestClient, image: bytes) -> Answer | str:
    """A server that makes batches of several requests refuses them all for one bad image.

    So an image may be refused for a stranger's sake; twice in a row that is unlikely.
    """
    try:
        return _rows(client.predict([image]))[0]
    except RequestRefused as refused:
        return refused.message


def _rows(outputs: dict[str, np.ndarray]) -> list[Answer | str]:
    count = len(outputs["label"])
    statuses = outputs[STATUS].tolist() if STATUS in outputs else [OK] * count
    return [
        {name: values[row] for name, values in outputs.items()}
        if status == OK
        else plain_message(status)
        for row, status in enumerate(statuses)
    ]


def _prediction(answer: Answer) -> Prediction:
    neighbors: tuple[tuple[str, float], ...] = ()
    if "neighbor_ids" in answer:
        ids, distances = answer["neighbor_ids"].tolist(), answer["neighbor_distances"].tolist()
        neighbors = tuple(zip(ids, distances, strict=True))
    return Prediction(
        probabilities=answer["probabilities"],
        class_names=tuple(answer["classes"].tolist()),
        label=str(answer["label"]),
        confidence=float(answer["confidence"]),
        accepted=bool(answer["accepted"]) if "accepted" in answer else None,
        neighbors=neighbors,
    )
