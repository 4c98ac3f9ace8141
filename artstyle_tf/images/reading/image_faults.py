"""What is wrong with a file that cannot be used as an image, in a few words."""

from __future__ import annotations

from artstyle_tf.images.reading.file_kinds import HEAD_BYTES, HEIC, kind_of
from artstyle_tf.images.reading.heif_files import has_heif


def what_it_is_instead(content: bytes) -> str:
    """What a file is that no decoder can open."""
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


def why_it_failed(error: Exception, content: bytes) -> str:
    """What a decoder's error means."""
    if content.startswith(b"RIFF") and 8 + int.from_bytes(content[4:8], "little") > len(content):
        return "the file is cut off"
    details = str(error) or type(error).__name__
    if any(word in details.lower() for word in ("truncated", "unexpected end", "eof")):
        return f"the file is cut off ({details})"
    return f"cannot be decoded: {details}"
