"""Image files identified by their content, and read as in training."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artstyle_tf.images.preparation.image_loading import ImageLoader, load_ahead
from artstyle_tf.images.reading.image_reading import UnreadableImageError
from artstyle_tf.images.settings import AspectPolicy
from artstyle_tf.system.content_cache import file_digest, file_digests
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.threads import usable_cores

_BATCH_SIZE = 32
_HASHING_THREADS = 4

ImagePath = str | os.PathLike[str]


@dataclass(frozen=True)
class IdentifiedImages:
    """Image files and their keys.

    Attributes:
        paths: N files, not necessarily unique.
        keys: of each file, equal only if the pixels are.
    """

    paths: list[Path]
    keys: list[str]

    @property
    def digest(self) -> str:
        """Digest of the keys in their order."""
        return hashlib.sha256("\n".join(self.keys).encode()).hexdigest()

    def together_with(self, others: IdentifiedImages) -> IdentifiedImages:
        """Return the images of both, each key once."""
        files = dict(zip(self.keys + others.keys, self.paths + others.paths, strict=True))
        return IdentifiedImages(list(files.values()), list(files))

    def positions_in(self, others: IdentifiedImages) -> np.ndarray:
        """Return positions int [N] among others, which contain all the images, each once."""
        position_of = {key: position for position, key in enumerate(others.keys)}
        return np.array([position_of[key] for key in self.keys], dtype=int)


NO_IMAGES = IdentifiedImages([], [])


def identify_images(paths: Sequence[ImagePath], reporter: Reporter) -> IdentifiedImages:
    """Compute the digests of at least one image file.

    Raises:
        ArtstyleError: if there are none, or one cannot be opened.
    """
    if isinstance(paths, str | bytes | os.PathLike) or len(paths) == 0:
        raise ArtstyleError(
            "Features are computed for a list of image files",
            received="an empty list" if not isinstance(paths, str | os.PathLike) else paths,
            expected='for example sorted(Path("data/images").rglob("*.jpg"))',
        )
    files = [Path(path) for path in paths]
    tracked = reporter.track(
        file_digests(files, num_threads=_HASHING_THREADS),
        total=len(files),
        description="Reading digests of images",
        unit="images",
    )
    keys = []
    for file, digest in zip(files, tracked, strict=True):
        if isinstance(digest, OSError):
            raise _cannot_open(file, digest) from digest
        keys.append(f"{digest}/plain")
    return IdentifiedImages(files, keys)


class ImageReader:
    """Reads images for the network, with the preprocessing of preparation and training.

    Args:
        images: each file once.
        image_size_px: side S of the square images, in pixels.
        aspect: how an image becomes a square.
        max_side_px: larger images are reduced to this first.
    """

    def __init__(
        self,
        images: IdentifiedImages,
        *,
        image_size_px: int,
        aspect: AspectPolicy,
        max_side_px: int | None,
    ) -> None:
        self._images = images
        self._key_of = dict(zip(images.paths, images.keys, strict=True))
        self._loader = _loader(image_size_px, aspect, max_side_px)

    def batches(self, positions: np.ndarray) -> Iterator[np.ndarray]:
        """Yield float32 [B, S, S, 3], together the M images at positions int [M].

        Raises:
            ArtstyleError: if a file cannot be read, or has changed since it was identified.
        """
        paths = [self._images.paths[int(position)] for position in positions]
        batch = []
        for path, pixels in load_ahead(self._load, paths, num_threads=usable_cores()):
            if isinstance(pixels, UnreadableImageError):
                raise ArtstyleError(
                    "An image cannot be read",
                    received=f"{path} ({pixels.reason})",
                    fix="repair the file, or leave it out",
                )
            batch.append(pixels)
            if len(batch) == _BATCH_SIZE:
                yield np.stack(batch).astype(np.float32)
                batch = []
        if batch:
            yield np.stack(batch).astype(np.float32)

    def _load(self, paths: Sequence[Path]) -> list[np.ndarray | UnreadableImageError]:
        loaded = self._loader.load(paths)
        for path in paths:  # else its features would be stored under the digest of the old file
            if not self._key_of[path].startswith(_digest_of_image(path)):
                raise ArtstyleError(
                    "An image changed while it was read",
                    received=path,
                    fix="call again when the file is not written to any more",
                )
        return loaded


@functools.lru_cache(maxsize=2)  # each holds a compiled function, and TensorFlow warns of many
def _loader(image_size_px: int, aspect: AspectPolicy, max_side_px: int | None) -> ImageLoader:
    return ImageLoader(image_size_px=image_size_px, aspect=aspect, max_side_px=max_side_px)


def _digest_of_image(file: Path) -> str:
    try:
        return file_digest(file)
    except OSError as error:
        raise _cannot_open(file, error) from error


def _cannot_open(file: Path, error: OSError) -> ArtstyleError:
    return ArtstyleError(
        "An image cannot be opened",
        received=f"{file} ({error.strerror or error})",
        expected="an image file",
    )


def files_digest(files: Sequence[Path]) -> str:
    """Return SHA-256 of one file, or of the names and contents of several, in hex."""
    if len(files) == 1:
        return file_digest(files[0])
    digests = [f"{file.name} {file_digest(file)}" for file in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
