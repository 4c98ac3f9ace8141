"""Send hostile files among good ones to a SavedModel, in a process with limited memory.

    python hostile_server.py SAVED_MODEL NUM_FILES MEGABYTES

Prints JSON: how many files of each status, in how many requests the good ones were not answered as
among good ones, and the statuses of the largest images that are allowed. The system refuses the
process more memory than MEGABYTES, which ends it.
"""

from __future__ import annotations

import io
import itertools
import json
import resource
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from hostile_uploads import files_at_the_limit, hostile_uploads
from PIL import Image

_HOSTILE_IN_A_REQUEST = 6


def main(saved_model: str, num_files: int, megabytes: int) -> None:
    """See above."""
    at_the_limit = files_at_the_limit()  # made before, because Pillow takes memory, too
    hostile = list(hostile_uploads(num_files))
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes * 2**20,) * 2)
    ask = tf.saved_model.load(saved_model).signatures["serving_default"]
    good = [_good_image(0, "PNG"), _good_image(1, "JPEG")]
    # Another number of images in a request is another order of sums.
    filler = [good[0]] * _HOSTILE_IN_A_REQUEST
    expected = _rows(ask(image_bytes=tf.constant([good[0], *filler, good[1]])), (0, -1))
    statuses: list[list[str]] = []
    wrong = 0
    for files in itertools.chain(_requests(hostile), _requests(at_the_limit)):
        found = ask(image_bytes=tf.constant([good[0], *files, good[1]]))
        statuses.append([text.decode() for text in found["status"].numpy()[1:-1]])
        answers = _rows(found, (0, -1))
        wrong += any(not np.array_equal(answers[name], expected[name]) for name in expected)
    counts = Counter(itertools.chain.from_iterable(statuses))
    print(json.dumps({"wrong": wrong, "statuses": counts, "at_the_limit": statuses[-1]}))


def _requests(files: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(files), _HOSTILE_IN_A_REQUEST):
        some = files[start : start + _HOSTILE_IN_A_REQUEST]
        yield some + [b""] * (_HOSTILE_IN_A_REQUEST - len(some))


def _rows(outputs: dict, rows: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: values.numpy()[list(rows)] for name, values in outputs.items()}


def _good_image(seed: int, file_format: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, file_format)
    return stream.getvalue()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
