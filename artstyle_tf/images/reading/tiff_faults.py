"""What is missing or damaged in a TIFF that Pillow shows all the same, or libtiff prints.

Source: TIFF Revision 6.0 (1992); Technical Note 2 (2002) for JPEG and deflate in it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator

from PIL import Image

from artstyle_tf.images.reading.jpeg_faults import fault_of_jpeg

_COMPRESSION, _JPEG_TABLES = 259, 347
_STRIPS, _TILES = (273, 279), (324, 325)
_JPEG = 7
_DEFLATE = frozenset({8, 32946})
_INFLATED_AT_ONCE = 2**20
_STDERR = 2
_ABOUT_PIXELS = ("scanline", "ecode", "strip", "tile", "code not yet")

# "Decoder: what it says" or "file: what libtiff says".
_LINE_OF_LIBTIFF = re.compile(rb"^(tempfile\.tif|[A-Za-z0-9_]+): .*$", re.MULTILINE)


def load_tiff(image: Image.Image, content: bytes) -> str | None:
    """Loads an image, but only if its pixel data is whole as far as that can be checked.

    The whole process has one standard error, on which libtiff prints: one thread at a time.

    Args:
        image: a TIFF at the page that is wanted.
        content: of the file.

    Returns:
        Why it cannot be used, or None.

    Raises:
        Exception: of Pillow, if it cannot be decoded.
    """
    fault = _fault_of_parts(content, image)
    if fault is not None:
        return fault
    failure: Exception | None = None
    with _libtiff_kept_quiet() as said:
        try:
            image.load()
        except OSError as error:
            failure = error
    about_pixels = [line for line in said if any(word in line for word in _ABOUT_PIXELS)]
    if about_pixels:
        return f"the file is damaged ({about_pixels[0].removeprefix('tempfile.tif: ')})"
    if failure is not None:
        raise failure
    return None


@contextlib.contextmanager
def _libtiff_kept_quiet() -> Iterator[list[str]]:
    """Takes what libtiff prints, which names no file; whatever else is printed is let through.

    Yields:
        What libtiff has said; filled when the body is done.
    """
    said: list[str] = []
    try:
        sys.stderr.flush()
        kept = os.dup(_STDERR)
    except (OSError, ValueError, AttributeError):
        yield said  # There is no standard error.
        return
    with tempfile.TemporaryFile(buffering=0) as taken:
        os.dup2(taken.fileno(), _STDERR)
        try:
            yield said
        finally:
            os.dup2(kept, _STDERR)
            taken.seek(0)
            printed = taken.read()
            said += [line.decode(errors="replace") for line in _lines(printed)]
            rest = _LINE_OF_LIBTIFF.sub(b"", printed) if said else printed
            if rest.strip():
                os.write(kept, rest)
            os.close(kept)


def _lines(printed: bytes) -> list[bytes]:
    return [found[0] for found in _LINE_OF_LIBTIFF.finditer(printed)]


def _fault_of_parts(content: bytes, image: Image.Image) -> str | None:
    """Checks the strips or tiles that have a checksum or a strict decoder."""
    tags = image.tag_v2  # pyright: ignore[reportAttributeAccessIssue]
    compression = tags.get(_COMPRESSION, 1)
    if compression not in _DEFLATE and compression != _JPEG:
        return None
    starts, counts = _STRIPS if _STRIPS[0] in tags else _TILES
    parts = list(zip(tags.get(starts, ()), tags.get(counts, ()), strict=False))
    tables = tags.get(_JPEG_TABLES, b"")
    num_bad = 0
    for start, count in parts:
        part = content[start : start + count]
        num_bad += not (_is_deflate(part) if compression in _DEFLATE else _is_jpeg(part, tables))
    if num_bad == 0:
        return None
    return f"the file is damaged: {num_bad} of the {len(parts)} parts of its pixel data"


def _is_deflate(part: bytes) -> bool:
    """Whether a part is a whole stream with the right checksum; little memory is taken."""
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(part, _INFLATED_AT_ONCE)
        while not inflater.eof and inflater.unconsumed_tail:
            inflater.decompress(inflater.unconsumed_tail, _INFLATED_AT_ONCE)
        if not inflater.eof:
            inflater.flush()
    except zlib.error:
        return False
    return inflater.eof


def _is_jpeg(part: bytes, tables: bytes) -> bool:
    """Whether a part shows no fault; tables of all parts stand in one place."""
    fault = fault_of_jpeg(tables[:-2] + part[2:] if len(tables) > 4 else part)
    return fault is None or not fault.reason
