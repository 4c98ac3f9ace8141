"""Any image file -> 8-bit RGB pixels, or a short reason why not. Content counts, not the suffix."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from artstyle_tf.images.reading.color_conversion import needed_profile, strips_in_srgb
from artstyle_tf.images.reading.file_faults import fault_of_heif, fault_of_png
from artstyle_tf.images.reading.file_kinds import (
    HEIF_FORMAT,
    opens_heif,
    why_not_decoded,
    why_not_opened,
)
from artstyle_tf.images.reading.jpeg_faults import fault_of_jpeg, is_whole_jpeg
from artstyle_tf.images.reading.large_images import MAX_PIXELS, most_pixels
from artstyle_tf.images.reading.pixels import pixels_of, reduced_size
from artstyle_tf.images.reading.png_colors import scale_transparent_gray
from artstyle_tf.images.reading.tiff_files import load_tiff, seek_full_resolution

# Pillow reads many more, some of which start other programs (EPS) or are no images (PDF).
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF")
_LOSSY_FORMATS = frozenset({"JPEG", "MPO", "WEBP", "AVIF", HEIF_FORMAT})
_LOSSLESS_WEBP = b"VP8L"
_FAULTS = {"JPEG": fault_of_jpeg, "MPO": fault_of_jpeg, "PNG": fault_of_png, "HEIF": fault_of_heif}

_END_OF_JPEG = b"\xff\xd9"
_END_OF_PNG = b"IEND\xaeB`\x82"
_PNG_OF_8_BIT_RGB = b"\x08\x02"

_ORIENTATION_TAG = 0x0112
_TURN_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The filters that catch_warnings() restores belong to the whole process, so two threads must not do
# it at the same time.
_warning_filters = threading.Lock()


class UnreadableImageError(Exception):
    """A file that cannot be used as an image.

    Args:
        reason: short, for a user, without the file's name and a full stop.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class DecodedImage:
    """Pixels and properties of their file.

    Attributes:
        pixels: uint8 [H, W, 3], RGB.
        file_format: Pillow's name of the format, e.g. "JPEG".
        is_lossy: whether the format is lossy, so that storing it so again loses nothing new.
        is_plain: whether any decoder returns the same pixels for the same bytes: 8-bit RGB JPEG or
            PNG, one frame, no rotation, no transparency, no color profile but sRGB.
        is_reduced: whether the pixels are fewer than those of the file.
        decoder_warning: about an invisible flaw; "" for none.
    """

    pixels: np.ndarray
    file_format: str
    is_lossy: bool
    is_plain: bool
    is_reduced: bool = False
    decoder_warning: str = ""


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read an image as viewers show it: turned by EXIF, on white, in sRGB.

    JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, with pillow-heif HEIC; of several frames the first;
    gray, palette, CMYK, LAB, 1, 8, 16 and 32 bits per channel, with or without transparency.

    Args:
        path: the file, with any suffix.
        max_pixels: width x height above which the image is refused before it is decoded.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        UnreadableImageError: if the file is missing, empty, cut off, no image or too large.
    """
    return decode_image(read_bytes(path), max_pixels=max_pixels).pixels


def decode_gray_thumbnail(content: bytes, *, side_px: int) -> np.ndarray:
    """Decode uint8 [S, S], turned by EXIF, on white, squashed.

    It is fast, because a JPEG is decoded at a fraction of its size.

    Raises:
        UnreadableImageError: as `read_image`; cut-off files may still be read.
    """
    with opened_image(content) as image:
        image.draft("RGB", (2 * side_px, 2 * side_px))
        image.load()
        turn = _TURN_BY_ORIENTATION.get(_orientation(image))
        gray = Image.new("L", image.size)
        for top, strip in strips_in_srgb(image, None):
            gray.paste(strip.convert("L"), (0, top))
        small = gray.resize((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return np.array(small if turn is None else small.transpose(turn))


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        UnreadableImageError: if it cannot be opened.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"cannot be opened: {error.strerror or error}") from error


def decode_image(
    content: bytes, *, max_pixels: int = MAX_PIXELS, max_side_px: int | None = None
) -> DecodedImage:
    """Decode the bytes of a file as `read_image` does.

    Images larger than `max_side_px` are reduced to it; None keeps all sizes.

    Raises:
        UnreadableImageError: if the bytes are not an image that can be used.
    """
    with opened_image(content, max_pixels=max_pixels) as image:
        file_format = image.format or ""
        fault = _FAULTS[file_format](content) if file_format in _FAULTS else None
        if fault is not None and fault.reason:
            raise UnreadableImageError(fault.reason)
        # Loading comes next: only then are all of PNG's chunks and the true mode known.
        image.load()
        return DecodedImage(
            pixels=pixels_of(image, _orientation(image), max_side_px),
            file_format=file_format,
            is_lossy=file_format in _LOSSY_FORMATS and content[12:16] != _LOSSLESS_WEBP,
            is_plain=fault is None and _is_plain(image, content),
            is_reduced=reduced_size(*image.size, max_side_px) is not None,
            decoder_warning="" if fault is None else fault.message,
        )


def size_of_plain_jpeg(content: bytes, *, max_side_px: int | None) -> tuple[int, int] | None:
    """Return width and height of a JPEG that needs no preparation, in half the time of decoding.

    None if `DecodedImage.is_plain` would be false, a side exceeds `max_side_px`, or for a damaged
    JPEG.
    """
    try:
        with opened_image(content) as image:
            if (
                image.format == "JPEG"
                and (max_side_px is None or max(image.size) <= max_side_px)
                and _is_plain(image, content)
                and is_whole_jpeg(content)
            ):
                return image.size
    except UnreadableImageError:
        pass
    return None


def count_pixels(content: bytes) -> int:
    """Return the number of pixels that a file's header declares; 0 if it is no image."""
    try:
        with _one_reason(content), _warning_filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _identified(content) as image:
                return image.width * image.height
    except UnreadableImageError:
        return 0


@contextlib.contextmanager
def opened_image(content: bytes, *, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image in one of the supported formats; its pixels need not be loaded yet.

    Raises:
        UnreadableImageError: for every error inside the body, too.
    """
    with _one_reason(content), _opened(content, max_pixels) as image:
        yield image


@contextlib.contextmanager
def _one_reason(content: bytes) -> Iterator[None]:
    """Convert every error inside the body into an UnreadableImageError."""
    if not content:
        raise UnreadableImageError("the file is empty")
    try:
        yield
    except UnreadableImageError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImageError(why_not_opened(content)) from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError("far too many pixels: it may be a decompression bomb") from error
    except MemoryError as error:
        raise UnreadableImageError("there is not enough memory to decode it") from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files.
        raise UnreadableImageError(why_not_decoded(error, content)) from error


def _identified(content: bytes) -> Image.Image:
    formats = (*_FORMATS, HEIF_FORMAT) if opens_heif(content) else _FORMATS
    return Image.open(io.BytesIO(content), formats=formats)


@contextlib.contextmanager
def _opened(content: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """Open an image that is small enough, with everything loaded that Pillow may warn about.

    Its warnings (almost a bomb, strange EXIF) are about files, not about this program: an image is
    either read or rejected with a reason.
    """
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _identified(content)
        if image.format == "TIFF":
            seek_full_resolution(image)
        if image.format == "PNG":
            scale_transparent_gray(image)
        max_pixels = most_pixels(image, max_pixels)
        if image.width * image.height > max_pixels:
            raise UnreadableImageError(
                f"{image.width} x {image.height} is more than {max_pixels / 1e6:g} million pixels:"
                " it may be a decompression bomb"
            )
        if image.format == "TIFF":
            # The one decoder that still warns, and turns the image, while it loads.
            fault = load_tiff(image, content)
            if fault is not None:
                raise UnreadableImageError(fault)
        with contextlib.suppress(Exception):  # EXIF is optional, and so is parsing it.
            image.getexif()
    with image:
        yield image


def _is_plain(image: Image.Image, content: bytes) -> bool:
    """Return whether any decoder returns the same pixels, if the file is intact.

    A PNG has to be loaded.
    """
    if (
        2 <= _orientation(image) <= 8
        or needed_profile(image) is not None
        or image.mode != "RGB"
        or "transparency" in image.info
        or getattr(image, "n_frames", 1) != 1
    ):
        return False
    # Decoders differ about a missing end, even where no pixel is missing.
    if image.format == "JPEG":
        return content.rstrip(b"\x00").endswith(_END_OF_JPEG)
    # Pillow shows 16-bit color as 8-bit RGB; the file's header has the true depth.
    is_png = image.format == "PNG" and content[24:26] == _PNG_OF_8_BIT_RGB
    return is_png and content.endswith(_END_OF_PNG)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # A damaged EXIF block does not affect the pixels.
        return 1
