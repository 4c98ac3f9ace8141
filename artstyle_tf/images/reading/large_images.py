"""Limits for large images: number of pixels, and memory at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from PIL import Image

MAX_PIXELS = 100_000_000
"""Larger images are refused: 100 million pixels are 300 MB once decoded."""

# Memory of some decoders; with these limits none takes more than a gigabyte.
_MOST_BYTES_WHILE_LOADING = 800_000_000
_BYTES_PER_PIXEL_WHILE_LOADING = {"WEBP": 20, "AVIF": 12, "HEIF": 12, "progressive": 10}

_LARGE_PIXELS = 16_000_000

# Pillow allocates blocks of 16 MiB, which the C library keeps after they are freed, separately for
# each thread. Larger ones are returned to the system.
_BYTES_OF_A_BLOCK = 128 * 2**20
Image.core.set_block_size(_BYTES_OF_A_BLOCK)

_turn: contextlib.AbstractContextManager[Any] = threading.Lock()


def most_pixels(image: Image.Image, max_pixels: int) -> int:
    """Return the limit for an open image of its format; only `MAX_PIXELS` is lowered by format."""
    if max_pixels != MAX_PIXELS:
        return max_pixels
    kind = "progressive" if image.info.get("progressive") else image.format
    return min(
        max_pixels,
        _MOST_BYTES_WHILE_LOADING // _BYTES_PER_PIXEL_WHILE_LOADING.get(kind or "", 1),
    )


@contextlib.contextmanager
def alone_if_large(num_pixels: int) -> Iterator[None]:
    """Run the body for one large image at a time, among all threads and workers."""
    with _turn if num_pixels > _LARGE_PIXELS else contextlib.nullcontext():
        yield


def share_turns(turn: contextlib.AbstractContextManager[Any]) -> None:
    """Share the lock `turn` for large images with other processes."""
    global _turn
    _turn = turn
