"""Gray images other than 8 bits from black to white -> brightness.

Pillow returns the numbers of a TIFF; their meaning is in its tags.

Source: TIFF Revision 6.0 (1992), BitsPerSample, PhotometricInterpretation, SampleFormat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

_HIGHEST_OF_16_BITS = 65535
_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE, _SAMPLE_FORMAT = 258, 262, 281, 339
_WHITE_IS_ZERO = 0
_SIGNED = 2
_BITS_IN_SIXTEEN = (10, 12, 14)
_TOP_BIT = 2**31


@dataclass(frozen=True)
class GrayKind:
    """The meaning of a gray image's samples.

    Attributes:
        bits: per sample.
        is_signed: whether they are signed integers.
        is_float: whether they are floats.
        white_is_zero: whether higher samples are darker.
        highest: sample of the brightest possible pixel; None if unknown.
    """

    bits: int
    is_signed: bool
    is_float: bool
    white_is_zero: bool
    highest: int | None


def is_deep_gray(image: Image.Image) -> bool:
    """Return whether an image is gray and its samples are not bytes from black to white."""
    if image.mode == "L":
        return _kind(image).is_signed
    return image.mode.startswith("I") or image.mode == "F"


class GrayScale:
    """Scale from the samples of one image to brightness.

    Args:
        image: for which `is_deep_gray` is true.
        rows: read at once to determine the range of its samples.
    """

    def __init__(self, image: Image.Image, rows: int) -> None:
        self._kind = _kind(image)
        self._low, self._high = self._range(image, rows)
        transparency = image.info.get("transparency")
        self._transparent = transparency if isinstance(transparency, int) else None

    def brightness(self, part: Image.Image) -> np.ndarray:
        """Return the brightness of a part of the image: float64 [H, W], 0 black, 1 white."""
        values = _values(part, self._kind).astype(np.float64)
        scaled = (_finite(values) - self._low) / max(self._high - self._low, 1e-12)
        if self._kind.white_is_zero:
            scaled = 1 - scaled
        return np.clip(scaled, 0, 1)

    def is_transparent(self, part: Image.Image) -> np.ndarray | None:
        """Return bool [H, W] if a gray level is declared transparent, else None."""
        if self._transparent is None:
            return None
        return np.asarray(part) == self._transparent

    def _range(self, image: Image.Image, rows: int) -> tuple[float, float]:
        """Return the samples of black and white (or white and black).

        Unsigned integers of up to 16 bits use their whole range. Files do not declare the range of
        longer ones, signed ones and floats, so the smallest usual range that holds all samples is
        used: 0..1 (float), 0..127 (int8), 0..255, 0..32767 (int16), 0..65535, else from the
        smallest to the largest sample; the whole range of uint32 if they use its highest bit.
        """
        kind = self._kind
        if kind.highest is not None:
            return 0.0, float(kind.highest)
        low, high = np.inf, -np.inf
        width, height = image.size
        for top in range(0, height, rows):
            part = image.crop((0, top, width, min(top + rows, height)))
            finite = _finite(_values(part, kind).astype(np.float64))
            low, high = min(low, finite.min()), max(high, finite.max())
        low = min(low, 0.0)
        if low == 0:
            high = next((limit for limit in _usual_limits(kind) if high <= limit), high)
        if low == 0 and high >= _TOP_BIT and not kind.is_float:
            high = float(2**kind.bits - 1)
        return low, high


def _usual_limits(kind: GrayKind) -> list[float]:
    if kind.is_float:
        return [1.0, 255.0, 65535.0]
    return {8: [127.0], 16: [255.0, 32767.0]}.get(kind.bits, [255.0, 65535.0])


def _kind(image: Image.Image) -> GrayKind:
    tags = getattr(image, "tag_v2", None)
    if tags is None:  # PNG, where deep gray can only be of 16 bits
        return GrayKind(16, False, False, white_is_zero=False, highest=_HIGHEST_OF_16_BITS)
    bits = _first(tags, _BITS_PER_SAMPLE, 1)
    is_signed, is_float = _first(tags, _SAMPLE_FORMAT, 1) == _SIGNED, image.mode == "F"
    highest = None
    if not is_signed and not is_float and bits <= 16:
        highest = 2**bits - 1
        declared = _first(tags, _MAX_SAMPLE_VALUE, 0)
        # The tag is meant for statistics, but such a number is the depth of a scanner.
        if bits == 16 and declared in {2**each - 1 for each in _BITS_IN_SIXTEEN}:
            highest = declared
    white_is_zero = _first(tags, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    return GrayKind(bits, is_signed, is_float, white_is_zero, highest)


def _first(tags: object, tag: int, default: int) -> int:
    value = tags.get(tag, default)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(value, tuple):
        value = value[0] if value else default
    return int(value)


def _values(part: Image.Image, kind: GrayKind) -> np.ndarray:
    values = np.asarray(part)
    if kind.is_signed and kind.bits == 8:
        return values.view(np.int8)
    if values.dtype == np.int32 and kind.bits == 32 and not kind.is_signed:
        return values.view(np.uint32)
    return values


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, posinf=0, neginf=0)
