"""A server that answers for pictures, as `answering.RunAnswering` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artstyle_tf.images.preparation.image_loading import load_prepared
from artstyle_tf.images.reading.image_reading import UnreadablePictureError
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.prediction.answering import Prediction
from artstyle_tf.prediction.server.each_image import Answer, predict_each
from artstyle_tf.prediction.server.prediction_client import PredictionClient


class ServerAnswering:
    """Pictures are prepared here as training pictures were, and sent as files.

    So the server, which cannot read every format, says what its run would have said.

    Args:
        client: of the server; it is asked for its signature at once.
        url: of the server.
    """

    def __init__(self, client: PredictionClient, url: str) -> None:
        self.description: dict[str, Any] = {"server": url, "signature": str(client.signature())}
        self.num_batches_at_once = 1  # a connection answers one question after the other
        self._client = client
        # The server does not tell what its run was prepared with.
        self._max_side_px = DataConfig().max_side_px

    def load(self, paths: Sequence[Path]) -> list[bytes | UnreadablePictureError]:
        """The files, prepared."""
        return load_prepared(paths, max_side_px=self._max_side_px)

    def answer(self, paths: Sequence[Path], loaded: Sequence[bytes]) -> list[Prediction | str]:
        """One prediction a picture, or what the server has against it."""
        del paths
        answers = predict_each(self._client, list(loaded))
        return [each if isinstance(each, str) else _prediction(each) for each in answers]

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


def _prediction(answer: Answer) -> Prediction:
    neighbours: tuple[tuple[str, float], ...] = ()
    if "neighbour_ids" in answer:
        ids, distances = answer["neighbour_ids"].tolist(), answer["neighbour_distances"].tolist()
        neighbours = tuple(zip(ids, distances, strict=True))
    return Prediction(
        probabilities=answer["probabilities"],
        class_names=tuple(answer["classes"].tolist()),
        label=str(answer["label"]),
        confidence=float(answer["confidence"]),
        accepted=bool(answer["accepted"]) if "accepted" in answer else None,
        neighbours=neighbours,
    )
