"""Which files are what they seem to every decoder."""

from __future__ import annotations

from PIL import Image

from artstyle_tf.images.reading.color_conversion import needed_profile

_END_OF_JPEG = b"\xff\xd9"
_END_OF_PNG = b"IEND\xaeB`\x82"
_PNG_OF_8_BIT_RGB = b"\x08\x02"
_TURNED = range(2, 9)


def is_plain_file(image: Image.Image, content: bytes, orientation: int) -> bool:
    """Whether any decoder makes the same pixels of the same bytes, if they are whole.

    Args:
        image: open; a PNG is loaded.
        content: of its file.
        orientation: as EXIF numbers them.
    """
    return (
        orientation not in _TURNED
        and needed_profile(image) is None
        and image.mode == "RGB"
        and "transparency" not in image.info
        and getattr(image, "n_frames", 1) == 1
        and _is_common_file(image.format or "", content)
    )


def _is_common_file(file_format: str, content: bytes) -> bool:
    """Whether the coding itself is one that every decoder reads in the same way."""
    # Decoders differ about a missing end, even where no pixel is missing.
    if file_format == "JPEG":
        return content.rstrip(b"\x00").endswith(_END_OF_JPEG)
    if file_format == "PNG":
        # Pillow shows 16-bit color as 8-bit RGB; the file's header knows better.
        return content[24:26] == _PNG_OF_8_BIT_RGB and content.endswith(_END_OF_PNG)
    return False
