"""Save and load the gallery: the images among which an embedding model finds neighbors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import leads_out, replaced_atomically
from artstyle_tf.system.npz_files import ArrayForm, read_npz

EMBEDDINGS_FILE = "embeddings.npz"
"""Of the images that were measured, in the form of a gallery."""


@dataclass(frozen=True)
class Gallery:
    """N images with their embeddings.

    Attributes:
        embeddings: float32 [N, D], rows of length 1.
        labels: int32 [N], class ids.
        ids: str [N], equal for images of the same file, so that no image is its own neighbor.
        paths: str [N], relative to the prepared folder.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    paths: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def save_gallery(path: Path, gallery: Gallery) -> None:
    """Write the gallery as .npz, atomically."""
    with replaced_atomically(path) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            embeddings=gallery.embeddings.astype(np.float32),
            labels=gallery.labels.astype(np.int32),
            ids=gallery.ids.astype(str),
            paths=gallery.paths.astype(str),
        )


def load_gallery(path: Path, *, num_classes: int | None = None) -> Gallery:
    """Read what `save_gallery` wrote; labels must be below `num_classes`, if given.

    Raises:
        ArtstyleError: if the file is missing or damaged, or its arrays are not valid.
    """
    try:
        arrays = read_npz(path, check=_check_forms, names=Gallery.__dataclass_fields__)
        gallery = Gallery(**{name: arrays[name] for name in Gallery.__dataclass_fields__})
        _check(gallery, num_classes)
        return gallery
    except (OSError, ValueError, KeyError) as error:
        raise ArtstyleError(
            f"The gallery {path} cannot be read",
            received=" ".join(str(error).split()),
            fix="train the run again; resume it if it was interrupted",
        ) from error


def load_run_gallery(run: RunDirectory) -> Gallery:
    """Read the gallery of a triplet run; errors as `load_gallery`."""
    return load_gallery(run.gallery_file, num_classes=len(run.read_class_names()))


_LARGEST_DEVIATION = 1e-2  # of the length of a row from 1, float16 and all


def _check_forms(forms: Mapping[str, ArrayForm]) -> None:
    """Check shapes and dtypes before arrays are read; raise ValueError or KeyError."""
    embeddings = forms["embeddings"]
    rows = embeddings.shape[0] if len(embeddings.shape) == 2 else 0
    if 0 in (rows, *embeddings.shape) or embeddings.dtype != np.float32:
        raise ValueError(
            f"embeddings: should be float32 [N, D], not {embeddings.dtype} {embeddings.shape}"
        )
    for name, kind, kind_in_words in (
        ("labels", "i", "integers"),
        ("ids", "U", "strings"),
        ("paths", "U", "strings"),
    ):
        shape, dtype = forms[name]
        if shape != (rows,) or dtype.kind != kind:
            raise ValueError(f"{name}: should be {rows} {kind_in_words}, not {dtype} {shape}")


def _check(gallery: Gallery, num_classes: int | None) -> None:
    """Check the values; raise ValueError with the array that is wrong."""
    embeddings, labels = gallery.embeddings, gallery.labels
    if not np.isfinite(embeddings).all():
        raise ValueError("embeddings: should be finite")
    lengths = np.linalg.norm(embeddings, axis=1)
    if ((np.abs(lengths - 1) > _LARGEST_DEVIATION) & (lengths != 0)).any():
        raise ValueError("embeddings: should have rows of length 1")
    if labels.min() < 0 or (num_classes is not None and labels.max() >= num_classes):
        most = "" if num_classes is None else f" and below {num_classes}, the number of styles"
        raise ValueError(f"labels: should be 0 or more{most}")
    outside = [path for path in gallery.paths.tolist() if leads_out(path)]
    if outside:
        raise ValueError(f"paths: {outside[0]!r} is outside the image folder")
