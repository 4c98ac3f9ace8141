"""What large images may take: how many pixels, and how much memory at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from PIL import Image

MAX_PIXELS = 100_000_000
"""Larger images are refused: 100 million pixels are 300 MB once decoded."""

# What some decoders hold while they work; with these limits none takes more than a gigabyte.
_MOST_BYTES_WHILE_LOADING = 800_000_000
_BYTES_PER_PIXEL_WHILE_LOADING = {"WEBP": 20, "AVIF": 12, "HEIF": 12, "progressive": 10}

_LARGE_PIXELS = 16_000_000

# Pillow takes memory in blocks of 16 MiB, which the C library keeps for itself when they are given
# back, for each thread anew. Larger ones go back to the system.
_BYTES_OF_A_BLOCK = 128 * 2**20
Image.core.set_block_size(_BYTES_OF_A_BLOCK)

_turn: contextlib.AbstractContextManager[Any] = threading.Lock()


def most_pixels(image: Image.Image, max_pixels: int) -> int:
    """The limit for an image that is open but not loaded.

    Args:
        image: whose format counts.
        max_pixels: for formats in general; another limit than `MAX_PIXELS` is taken as it is.
    """
    if max_pixels != MAX_PIXELS:
        return max_pixels
    kind = "progressive" if image.info.get("progressive") else image.format
    return min(
        max_pixels,
        _MOST_BYTES_WHILE_LOADING // _BYTES_PER_PIXEL_WHILE_LOADING.get(kind or "", 1),
    )


@contextlib.contextmanager
def alone_if_large(num_pixels: int) -> Iterator[None]:
    """Lets only one large image of all threads and workers be in memory while the body works."""
    with _turn if num_pixels > _LARGE_PIXELS else contextlib.nullcontext():
        yield


def share_turns(turn: contextlib.AbstractContextManager[Any]) -> None:
    """Makes this process wait for others before it decodes a large image.

    Args:
        turn: a lock that all of them have.
    """
    global _turn
    _turn = turn
