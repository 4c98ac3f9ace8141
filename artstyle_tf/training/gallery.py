"""The pictures among which an embedding model looks for neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artstyle_tf.errors import ArtstyleError
from artstyle_tf.files import replaced_atomically
from artstyle_tf.npz_files import read_npz


@dataclass(frozen=True)
class Gallery:
    """N pictures with their embeddings.

    Attributes:
        embeddings: float32 [N, D], rows of length 1.
        labels: int32 [N], class ids.
        ids: str [N], equal for pictures made of the same file, so that none is its own neighbour.
        paths: str [N], where the pictures lie below the prepared folder.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    paths: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def save_gallery(path: Path, gallery: Gallery) -> None:
    """Writes the gallery as .npz, as a whole or not at all."""
    with replaced_atomically(path) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            embeddings=gallery.embeddings.astype(np.float32),
            labels=gallery.labels.astype(np.int32),
            ids=gallery.ids.astype(str),
            paths=gallery.paths.astype(str),
        )


def load_gallery(path: Path) -> Gallery:
    """Reads what `save_gallery` wrote.

    Raises:
        ArtstyleError: if the file is missing or damaged.
    """
    try:
        arrays = read_npz(path)
        return Gallery(**{name: arrays[name] for name in Gallery.__dataclass_fields__})
    except (OSError, ValueError, KeyError) as error:
        raise ArtstyleError(
            f"The gallery {path} cannot be read",
            received=" ".join(str(error).split()),
            fix="train the run again; resume it if it was interrupted",
        ) from error
