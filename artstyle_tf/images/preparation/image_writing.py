"""One source file -> its prepared file and its augmented children.

Worker processes import this file and what it imports, so it stays light: no pandas, no TensorFlow.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from artstyle_tf.images.batches.augmentation import augment_image
from artstyle_tf.images.reading.image_reading import (
    DecodedImage,
    UnreadableImageError,
    count_pixels,
    decode_image,
    read_bytes,
    size_of_plain_jpeg,
)
from artstyle_tf.images.reading.large_images import alone_if_large
from artstyle_tf.system.files import cannot_write, sync

_LARGEST_SIDE_OF_JPEG_PX = 65500


@dataclass(frozen=True)
class Target:
    """A file to create.

    Attributes:
        name: path in the destination, without suffix.
        policy: augmentation policy, or "" for the original.
        seed: of the augmentation; not used for an original.
    """

    name: str
    policy: str = ""
    seed: int = 0


@dataclass(frozen=True)
class WritingTask:
    """A source file and all files to create from it.

    Attributes:
        source: the file.
        source_digest: its SHA-256 when it was listed.
        max_side_px: images are reduced so that no side is longer; None keeps their size.
        folder: for the new files until the caller moves them into place.
        targets: the files to create.
    """

    source: Path
    source_digest: str
    max_side_px: int | None
    folder: Path
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class WrittenImage:
    """A created file, in the task's folder; `digest` is its SHA-256."""

    target: Target
    file: Path
    digest: str
    width_px: int
    height_px: int
    size_bytes: int


def write_images(task: WritingTask) -> list[WrittenImage] | str:
    """Create the files of one task.

    Files that any decoder reads as the same pixels are copied byte for byte. Everything else
    becomes RGB: JPEG of quality 95 without color subsampling if the source format was lossy, else
    PNG.

    Returns:
        The files in the order of the targets, or the reason why there are none.

    Raises:
        ArtstyleError: if the folder cannot be written.
    """
    try:
        content = read_bytes(task.source)
        if hashlib.sha256(content).hexdigest() != task.source_digest:
            raise UnreadableImageError("the file changed after it was listed; prepare again")
        with alone_if_large(count_pixels(content)):
            if not any(target.policy for target in task.targets):
                size = size_of_plain_jpeg(content, max_side_px=task.max_side_px)
                if size is not None:
                    return [_store(task, target, content, ".jpg", size) for target in task.targets]
            image = decode_image(content, max_side_px=task.max_side_px)
            return [_write(task, target, image, content) for target in task.targets]
    except UnreadableImageError as error:
        return error.reason


def prepare_bytes(content: bytes, *, max_side_px: int | None) -> bytes:
    """Return the JPEG or PNG that `write_images` would write for a file of any format.

    Raises:
        UnreadableImageError: if the bytes are not an image that can be used.
    """
    with alone_if_large(count_pixels(content)):
        encoded, _ = _encode_original(decode_image(content, max_side_px=max_side_px), content)
        return encoded


def _write(task: WritingTask, target: Target, image: DecodedImage, content: bytes) -> WrittenImage:
    pixels = image.pixels
    if target.policy:
        pixels = _augmented(pixels, target)
        encoded, suffix = _encode(pixels, as_jpeg=image.is_lossy)
    else:
        encoded, suffix = _encode_original(image, content)
    height, width = pixels.shape[:2]
    return _store(task, target, encoded, suffix, (width, height))


def _augmented(pixels: np.ndarray, target: Target) -> np.ndarray:
    import cv2  # augmentation loads it anyway

    try:
        return augment_image(pixels, policy=target.policy, seed=target.seed)
    except cv2.error as error:
        # OpenCV has its own limits: 32,767 pixels a side for warps, and for ratios.
        height, width = pixels.shape[:2]
        reason = f"cannot be augmented at {width} x {height} pixels"
        raise UnreadableImageError(reason) from error


def _encode_original(image: DecodedImage, content: bytes) -> tuple[bytes, str]:
    """Return bytes and suffix of an image that is not augmented."""
    if image.is_plain and not image.is_reduced:
        return content, ".jpg" if image.file_format == "JPEG" else ".png"
    return _encode(image.pixels, as_jpeg=image.is_lossy)


def _encode(pixels: np.ndarray, *, as_jpeg: bool) -> tuple[bytes, str]:
    buffer, image = io.BytesIO(), Image.fromarray(pixels)
    if as_jpeg and max(pixels.shape) <= _LARGEST_SIDE_OF_JPEG_PX:
        image.save(buffer, format="JPEG", quality=95, subsampling=0)
        return buffer.getvalue(), ".jpg"
    # Level 6, the default, takes three times as long for files 5 % smaller.
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue(), ".png"


def _store(
    task: WritingTask, target: Target, content: bytes, suffix: str, size: tuple[int, int]
) -> WrittenImage:
    file = task.folder / (hashlib.sha256(target.name.encode()).hexdigest()[:32] + suffix)
    try:
        file.write_bytes(content)
        sync(file)
    except OSError as error:
        raise cannot_write(file, error) from error
    digest = hashlib.sha256(content).hexdigest()
    return WrittenImage(target, file, digest, *size, len(content))
