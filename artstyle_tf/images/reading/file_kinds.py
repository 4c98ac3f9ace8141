"""The format of a file by its first bytes, HEIF support, and reasons why a file is not read."""

from __future__ import annotations

import functools
import importlib.util
import re
from dataclasses import dataclass

HEAD_BYTES = 1024
"""Number of bytes that `kind_of` needs."""

HEIF_FORMAT = "HEIF"
"""Pillow's name of the format."""

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".heics", ".heifs", ".hif"})

_CONVERT = "not read here; convert it to PNG, TIFF or JPEG"
_DEVELOP = "not read here; develop it to TIFF or JPEG"
_EXPORT = "not read here; export it as PNG or TIFF"
_INSTALL = "not read without pip install 'artstyle-tf[heif]'; or convert it to JPEG"


@dataclass(frozen=True)
class FileKind:
    """The kind of a file.

    Attributes:
        name: of the format, e.g. "JPEG 2000".
        advice: why it is not read, and how to fix that; "" if it is read, or is not an image.
        is_image: whether the format can hold an image.
    """

    name: str
    advice: str = ""
    is_image: bool = True

    @property
    def is_read(self) -> bool:
        """Whether the format is read without another package."""
        return self.is_image and not self.advice

    def __str__(self) -> str:
        if not self.is_image:
            return f"not an image but {self.name}"
        return f"{self.name}, {self.advice}" if self.advice else self.name


HEIC = FileKind("HEIC", _INSTALL)
AVIF = FileKind("AVIF")
_RAW = FileKind("a camera's raw file", _DEVELOP)
_SVG = FileKind("SVG", _EXPORT)
_WEB_PAGE = FileKind("a web page", is_image=False)
_VIDEO = FileKind("a video", is_image=False)

_HEIF_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 miaf msf1 MiHE MiHA heif".split()
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_CANON_RAW_BRANDS = frozenset((b"crx ",))

# First bytes as regular expressions; the first match counts.
_BEGINNINGS: tuple[tuple[re.Pattern[bytes], FileKind], ...] = tuple(
    (re.compile(beginning, re.DOTALL), kind)
    for beginning, kind in (
        (rb".{8}CR\x02\x00", _RAW),  # Canon's CR2, which begins like a TIFF
        (rb"II\xbc", FileKind("JPEG XR", _CONVERT)),
        (rb"\xff\xd8\xff", FileKind("JPEG")),
        (rb"\x89PNG\r\n\x1a\n", FileKind("PNG")),
        (rb"GIF8[79]a", FileKind("GIF")),
        (rb"II[*+]\x00|MM\x00[*+]", FileKind("TIFF")),
        (rb"RIFF.{4}WEBP", FileKind("WebP")),
        # The header size that follows distinguishes it from a text that begins with "BM".
        (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", FileKind("BMP")),
        (rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", FileKind("JPEG 2000", _CONVERT)),
        (rb"\x00\x00\x00\x0cJXL \r\n\x87\n|\xff\x0a", FileKind("JPEG XL", _CONVERT)),
        (rb"8BPS\x00\x01", FileKind("PSD", _EXPORT)),
        (rb"8BPS\x00\x02", FileKind("PSB", _EXPORT)),
        (rb"%PDF-", FileKind("a PDF document", _EXPORT)),
        (rb"%!PS", FileKind("PostScript", _EXPORT)),
        (rb"\xc5\xd0\xd3\xc6", FileKind("EPS", _EXPORT)),
        (rb"gimp xcf", FileKind("GIMP's XCF", _EXPORT)),
        (rb"v/1\x01", FileKind("OpenEXR", _CONVERT)),
        (rb"#\?RADIANCE", FileKind("Radiance HDR", _CONVERT)),
        (rb"DDS \x7c", FileKind("DDS", _CONVERT)),
        (rb"qoif", FileKind("QOI", _CONVERT)),
        (rb"BPG\xfb", FileKind("BPG", _CONVERT)),
        (rb"AT&TFORM", FileKind("DjVu", _EXPORT)),
        (rb"\x00\x00\x01\x00[^\x00]|icns\x00", FileKind("an icon", _CONVERT)),
        (rb".{128}DICM", FileKind("DICOM", _CONVERT)),
        (rb"SIMPLE  =", FileKind("FITS", _CONVERT)),
        (rb"\xd7\xcd\xc6\x9a", FileKind("WMF", _EXPORT)),
        (rb"\x01\x00\x00\x00.{36} EMF", FileKind("EMF", _EXPORT)),
        (rb"\x00\xffKA", FileKind("an Affinity document", _EXPORT)),
        (rb"P[1-6]\s+[#\d]|P7\s+WIDTH|P[fF]\s+\d", FileKind("PNM", _CONVERT)),
        (rb"FUJIFILMCCD-RAW|IIRO|IIRS|IIU\x00|\x00MRM|FOVb", _RAW),
        (rb"RIFF.{4}AVI |\x1aE\xdf\xa3|.{4}moov", _VIDEO),
        (rb"PK\x03\x04", FileKind("a ZIP archive, as Office files are, too", is_image=False)),
        (rb"Rar!\x1a", FileKind("a RAR archive", is_image=False)),
        (rb"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", is_image=False)),
        (rb"\x1f\x8b", FileKind("a gzip archive", is_image=False)),
        (rb"\xd0\xcf\x11\xe0", FileKind("an old Office file", is_image=False)),
        (rb"version https://git-lfs", FileKind("a pointer of Git LFS", is_image=False)),
    )
)

# Formats without their own signature, or with that of another format.
_BY_SUFFIX = {
    **dict.fromkeys(
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq"),
            *(".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw"),
            *(".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
        ),
        _RAW,
    ),
    ".tga": FileKind("TGA", _CONVERT),
    ".pcx": FileKind("PCX", _CONVERT),
    ".svgz": _SVG,
    ".svg": _SVG,
    ".kra": FileKind("a Krita document", _EXPORT),
    ".ora": FileKind("OpenRaster", _EXPORT),
    ".pict": FileKind("PICT", _CONVERT),
}


def kind_of(head: bytes, suffix: str = "") -> FileKind | None:
    """Detect the format of a file.

    Args:
        head: its first `HEAD_BYTES` bytes, or all of it.
        suffix: of its name with the dot, for formats that cannot be detected otherwise; "" to use
            the content alone.

    Returns:
        The kind; None for anything else, such as plain text.
    """
    by_suffix = _BY_SUFFIX.get(suffix.lower())
    if by_suffix is not None and head:
        return by_suffix
    if head[4:8] == b"ftyp":
        return _kind_of_box_file(head)
    for beginning, kind in _BEGINNINGS:
        if beginning.match(head):
            return kind
    return _kind_of_text(head)


def _kind_of_box_file(head: bytes) -> FileKind:
    """Return the kind of an ISO base media file (ISO/IEC 14496-12), by its brands."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))]
    # Both HEIC and AVIF may have the major brand mif1; a compatible brand then decides.
    if _AVIF_BRANDS.intersection(brands):
        return AVIF
    if brands[0] in _HEIF_BRANDS:
        return HEIC
    if _CANON_RAW_BRANDS.intersection(brands):
        return _RAW
    return _VIDEO


def _kind_of_text(head: bytes) -> FileKind | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return _WEB_PAGE
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!--")) and b"<svg" in start):
        return _SVG
    if start.startswith(b"<?xml"):
        return FileKind("XML", is_image=False)
    return None


@functools.cache
def has_heif() -> bool:
    """Return whether pillow-heif is installed, without importing it."""
    return importlib.util.find_spec("pillow_heif") is not None


def opens_heif(content: bytes) -> bool:
    """Return whether a file is HEIC or HEIF and Pillow can read it.

    The decoder is registered at the first such file of each process, so that others cost nothing.
    """
    return kind_of(content[:HEAD_BYTES]) is HEIC and has_heif() and _register_heif()


@functools.cache
def _register_heif() -> bool:
    try:
        import pillow_heif
    except ImportError:  # its library does not fit this machine
        return False
    # An embedded thumbnail may show something else; depth and gain maps are not used.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True


def why_not_opened(content: bytes) -> str:
    """Return the reason for a file that no decoder can open."""
    kind = kind_of(content[:HEAD_BYTES])
    if kind is None:
        return (
            "not an image in a format that is read here"
            " (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC)"
        )
    if kind.is_read or (kind is HEIC and has_heif()):
        otherwise = " or of a kind that is not read here" if kind.name == "TIFF" else ""
        return f"cannot be decoded: it begins like {kind.name}, but is damaged{otherwise}"
    return str(kind)


def why_not_decoded(error: Exception, content: bytes) -> str:
    """Return the reason for a decoder's error."""
    if content.startswith(b"RIFF") and 8 + int.from_bytes(content[4:8], "little") > len(content):
        return "the file is cut off"
    details = str(error) or type(error).__name__
    if any(word in details.lower() for word in ("truncated", "unexpected end", "eof")):
        return f"the file is cut off ({details})"
    return f"cannot be decoded: {details}"
