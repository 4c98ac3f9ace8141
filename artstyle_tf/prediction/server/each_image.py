"""Answers for each picture, also where one bad picture fails a whole batch.

A server of an export that gives a status answers the others; one of before refuses the batch.
"""

from __future__ import annotations

import numpy as np

from artstyle_tf.export.served_signature import OK, STATUS
from artstyle_tf.prediction.server.prediction_client import (
    PredictionClient,
    RequestRefused,
    plain_message,
)

Answer = dict[str, np.ndarray]
"""The outputs of one picture: `PredictionClient.predict` without the first axis."""


def predict_each(client: PredictionClient, pictures: list[bytes]) -> list[Answer | str]:
    """Halves a batch that is refused until the bad picture is alone.

    With one bad picture among B that is about 2 log2(B) more requests.

    Args:
        client: of the server.
        pictures: contents of B files.

    Returns:
        For each picture its answer, or why it has none, as the server says.

    Raises:
        ArtstyleError: if the server cannot be reached or its answers make no sense.
    """
    if not pictures:
        return []
    try:
        return _rows(client.predict(pictures))
    except RequestRefused:
        if len(pictures) == 1:
            return [_ask_again(client, pictures[0])]
    middle = len(pictures) // 2
    return predict_each(client, pictures[:middle]) + predict_each(client, pictures[middle:])


def _ask_again(client: PredictionClient, picture: bytes) -> Answer | str:
    """A server that makes batches of several requests refuses them all for one bad picture.

    So a picture may be refused for a stranger's sake; twice in a row that is unlikely.
    """
    try:
        return _rows(client.predict([picture]))[0]
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
