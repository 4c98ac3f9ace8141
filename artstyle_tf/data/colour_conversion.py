"""Pictures of any mode and colour profile -> 8-bit sRGB."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

_PIXELS_AT_ONCE = 1_000_000


def needed_profile(image: Image.Image) -> bytes | None:
    """The embedded colour profile, unless it is absent, sRGB or unreadable."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or _is_srgb(profile):
        return None
    return profile


def strips_in_srgb(
    image: Image.Image,
    profile: bytes | None,
    *,
    pixels_at_once: int = _PIXELS_AT_ONCE,
    rows_multiple_of: int = 1,
) -> Iterator[tuple[int, Image.Image]]:
    """Shows a picture of any mode as 8-bit RGB, transparent parts on white, strip by strip.

    On the way a pixel takes up to 30 bytes, which only a strip of a large picture does at a time.

    Args:
        image: a loaded picture.
        profile: what `needed_profile` said about it.
        pixels_at_once: most pixels of a strip, unless the fewest rows have more.
        rows_multiple_of: fewest rows of a strip, but for the last.

    Yields:
        First row and a picture of mode "RGB", which has the whole width; from top to bottom.

    Raises:
        ValueError: if Pillow cannot convert the mode.
    """
    width, height = image.size
    rows = max(1, pixels_at_once // max(1, width * rows_multiple_of)) * rows_multiple_of
    if rows >= height:
        parts = [(0, image)]
    else:
        boxes = ((0, top, width, min(top + rows, height)) for top in range(0, height, rows))
        parts = ((box[1], image.crop(box)) for box in boxes)
    if _is_deep_grey(image):
        limits = _range_of_values(image, rows)
        for top, part in parts:
            yield top, Image.fromarray(_to_8_bits(np.asarray(part), limits)).convert("RGB")
        return
    for top, part in parts:
        yield top, _to_srgb(part, profile)


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        with_alpha = image.convert("RGBA")
        opaque = _in_srgb(with_alpha.convert("RGB"), profile)
        on_white = Image.new("RGB", image.size, "white")
        on_white.paste(opaque, mask=with_alpha.getchannel("A"))
        return on_white
    if image.mode == "LAB":
        return _profile_transform(None, "LAB").apply(image)
    if image.mode == "P":
        image = image.convert("RGB")
    return _in_srgb(image, profile)


def _range_of_values(image: Image.Image, rows: int) -> tuple[float, float]:
    """Which grey values of more than 8 bits mean black and white.

    Those of uint16 use its whole range. What int32 and float32 mean is not written in a file, so
    the smallest usual range that holds all values is taken: 0..1 (float only), 0..255, 0..65535,
    else from the smallest to the largest value.
    """
    width, height = image.size
    low, high = np.inf, -np.inf
    for top in range(0, height, rows):
        values = np.asarray(image.crop((0, top, width, min(top + rows, height))))
        if values.dtype == np.uint16:
            return 0.0, 65535.0
        finite = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
        low, high = min(low, finite.min()), max(high, finite.max())
    ranges = ([1.0] if image.mode == "F" else []) + [255.0, 65535.0]
    low = min(low, 0.0)
    if low == 0:
        high = next((limit for limit in ranges if high <= limit), high)
    return low, high


def _to_8_bits(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Grey values [H, W] from black to white -> uint8 [H, W]."""
    low, high = limits
    scaled = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    return np.round((scaled - low) / max(high - low, 1e-12) * 255).astype(np.uint8)


@functools.lru_cache(maxsize=64)
def _is_srgb(profile: bytes) -> bool:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return "srgb" in ImageCms.getProfileDescription(opened).lower()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return True  # An unreadable profile cannot be followed; sRGB is what viewers then assume.


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile is not None:
        # A profile for other channels than the picture has is a mistake of whoever embedded it.
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return _profile_transform(profile, image.mode).apply(image)
    return image.convert("RGB")


@functools.lru_cache(maxsize=32)
def _profile_transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    source = (
        ImageCms.createProfile("LAB")
        if profile is None
        else ImageCms.ImageCmsProfile(io.BytesIO(profile))
    )
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    if not isinstance(transform, ImageCms.ImageCmsTransform):
        raise TypeError("Pillow returned no transform")
    return transform
