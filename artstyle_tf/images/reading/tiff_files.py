"""TIFF: which page is the image, and damage that Pillow hides or libtiff only prints.

Source: TIFF Revision 6.0 (1992), NewSubfileType, SubfileType, PlanarConfiguration; Technical Note 2
(2002) for JPEG and deflate in it.
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

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED_OR_MASK = 1 | 4
_REDUCED_IN_OLD_FILES = 2
_BITS_PER_SAMPLE, _PLANAR_CONFIGURATION = 258, 284
_SEPARATE = 2
_MAX_PAGES_SEARCHED = 64

_COMPRESSION, _JPEG_TABLES = 259, 347
_STRIPS, _TILES = (273, 279), (324, 325)
_JPEG = 7
_DEFLATE = frozenset({8, 32946})
_INFLATED_AT_ONCE = 2**20
_STDERR = 2
_ABOUT_PIXELS = ("scanline", "ecode", "strip", "tile", "code not yet")

# "Decoder: message" or "file: message".
_LINE_OF_LIBTIFF = re.compile(rb"^(tempfile\.tif|[A-Za-z0-9_]+): .*$", re.MULTILINE)


def seek_full_resolution(image: Image.Image) -> None:
    """Seek the first page of an open TIFF that is neither a thumbnail nor a mask, else the first.

    The image must not be loaded yet.
    """
    if not _is_reduced(image):
        return
    for page in range(1, min(getattr(image, "n_frames", 1), _MAX_PAGES_SEARCHED)):
        image.seek(page)
        if not _is_reduced(image):
            return
    image.seek(0)


def load_tiff(image: Image.Image, content: bytes) -> str | None:
    """Load the current page of an open TIFF, if its pixel data is intact as far as can be checked.

    The whole process has one standard error, on which libtiff prints: one thread at a time.

    Returns:
        Why it cannot be used, or None.

    Raises:
        Exception: of Pillow, if it cannot be decoded.
    """
    fault = _fault_of_layout(image) or _fault_of_parts(content, image)
    if fault is not None:
        return fault
    failure: Exception | None = None
    with _captured_libtiff_messages() as messages:
        try:
            image.load()
        except OSError as error:
            failure = error
    about_pixels = [line for line in messages if any(word in line for word in _ABOUT_PIXELS)]
    if about_pixels:
        return f"the file is damaged ({about_pixels[0].removeprefix('tempfile.tif: ')})"
    if failure is not None:
        raise failure
    return None


def _fault_of_layout(image: Image.Image) -> str | None:
    """Return why Pillow would show a TIFF wrongly, or None."""
    bits = _values(image, _BITS_PER_SAMPLE)
    is_separate = _values(image, _PLANAR_CONFIGURATION) == (_SEPARATE,)
    if len(bits) > 1 and max(bits) > 8 and is_separate:
        return f"a TIFF of {max(bits)} bits whose channels are stored apart is not read here"
    return None


def _is_reduced(image: Image.Image) -> bool:
    is_reduced = any(kind & _REDUCED_OR_MASK for kind in _values(image, _NEW_SUBFILE_TYPE))
    return is_reduced or _values(image, _SUBFILE_TYPE) == (_REDUCED_IN_OLD_FILES,)


def _values(image: Image.Image, tag: int) -> tuple[int, ...]:
    found = image.tag_v2.get(tag, ())  # pyright: ignore[reportAttributeAccessIssue]
    return tuple(found) if isinstance(found, tuple) else (int(found),)


@contextlib.contextmanager
def _captured_libtiff_messages() -> Iterator[list[str]]:
    """Capture what libtiff prints, which names no file; everything else printed passes through.

    Yields:
        The messages of libtiff, filled when the body is done.
    """
    messages: list[str] = []
    try:
        sys.stderr.flush()
        original = os.dup(_STDERR)
    except (OSError, ValueError, AttributeError):
        yield messages  # There is no standard error.
        return
    with tempfile.TemporaryFile(buffering=0) as captured:
        os.dup2(captured.fileno(), _STDERR)
        try:
            yield messages
        finally:
            os.dup2(original, _STDERR)
            captured.seek(0)
            printed = captured.read()
            messages += [
                found[0].decode(errors="replace") for found in _LINE_OF_LIBTIFF.finditer(printed)
            ]
            rest = _LINE_OF_LIBTIFF.sub(b"", printed) if messages else printed
            if rest.strip():
                os.write(original, rest)
            os.close(original)


def _fault_of_parts(content: bytes, image: Image.Image) -> str | None:
    """Check the strips or tiles that have a checksum or a strict decoder."""
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
    """Return whether a part is a complete stream with the right checksum, using little memory."""
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
    """Return whether a part is intact; the tables of all parts are stored once."""
    fault = fault_of_jpeg(tables[:-2] + part[2:] if len(tables) > 4 else part)
    return fault is None or not fault.reason
