"""Small images as data URIs, for pages that are one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from artstyle_tf.system.content_cache import facts_of_contents
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.threads import map_in_threads

_THREADS = 4  # Pillow decodes without Python's lock
_QUALITY = 70
_VERSION = 1


def thumbnail_uris(
    files: Sequence[Path], side_px: int, reporter: Reporter, *, digests: Sequence[str]
) -> Iterator[str | None]:
    """Yield a thumbnail of each prepared image, longer side `side_px`; None for a missing file.

    Args:
        files: N prepared images.
        side_px: longer side.
        reporter: where progress goes.
        digests: SHA-256 of each file, in hex; thumbnails of known contents are reused.
    """
    uris = facts_of_contents(
        f"thumbnail {_VERSION}, {side_px} px, Pillow {PIL.__version__}",
        digests,
        lambda numbers: map_in_threads(
            lambda number: _thumbnail_uri(files[number], side_px), numbers, num_threads=_THREADS
        ),
        encode=lambda uri: None if uri is None else uri.encode(),
        decode=bytes.decode,
    )
    return iter(reporter.track(uris, total=len(files), description="Creating thumbnails"))


def image_uri(image: Image.Image | np.ndarray) -> str:
    """Encode an image, or uint8 [H, W, 3], as a data URI.

    WebP takes two thirds of the bytes of a JPEG that looks the same.
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _thumbnail_uri(file: Path, side_px: int) -> str | None:
    try:
        with Image.open(file) as image:
            image.draft("RGB", (side_px, side_px))
            small = image.convert("RGB")
    except OSError:
        return None
    small.thumbnail((side_px, side_px))
    return image_uri(small)
