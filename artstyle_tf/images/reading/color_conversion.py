"""Images of any mode and color profile -> 8-bit sRGB."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from artstyle_tf.images.reading.gray_levels import GrayScale, is_deep_gray
from artstyle_tf.images.reading.png_colors import described_profile

_PIXELS_AT_ONCE = 1_000_000

# In levels: the many profiles of sRGB differ by less, gamma 2.2 differs by more.
_SAME_COLOR = 3

_CMS_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
_COLOR_MODES = frozenset({"RGB", "RGBA", "RGBa", "P", "PA"})


def needed_profile(image: Image.Image) -> bytes | None:
    """Return the color profile of a loaded image, unless it is absent, sRGB or unreadable."""
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return None if _is_srgb(profile) else profile
    return described_profile(image) if image.format == "PNG" else None


def strips_in_srgb(
    image: Image.Image,
    profile: bytes | None,
    *,
    pixels_at_once: int = _PIXELS_AT_ONCE,
    rows_multiple_of: int = 1,
) -> Iterator[tuple[int, Image.Image]]:
    """Convert an image of any mode to 8-bit RGB, transparent parts on white, strip by strip.

    Meanwhile a pixel takes up to 30 bytes, which only one strip of a large image does at a time.

    Args:
        image: a loaded image.
        profile: result of `needed_profile`.
        pixels_at_once: maximum pixels of a strip, unless the minimum rows have more.
        rows_multiple_of: minimum rows of a strip, except the last.

    Yields:
        First row and an image of mode "RGB", which has the whole width; from top to bottom.

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
    if is_deep_gray(image):
        scale = GrayScale(image, rows)
        for top, part in parts:
            yield top, _from_deep_gray(part, scale, profile)
        return
    if profile is not None and _is_gray_profile(profile) and image.mode in _COLOR_MODES:
        # Pillow decodes some gray files as color: their profile is right, others' is a mistake.
        tops = range(0, height, rows)
        is_gray = all(_has_no_color(image.crop((0, y, width, min(y + rows, height)))) for y in tops)
        profile = profile if is_gray else None
    for top, part in parts:
        yield top, _to_srgb(part, profile)


def _from_deep_gray(part: Image.Image, scale: GrayScale, profile: bytes | None) -> Image.Image:
    brightness = scale.brightness(part)
    converted = None
    if profile is not None:
        # 16 bits: in 8 bits of linear light all dark tones would be a few levels.
        with contextlib.suppress(*_CMS_ERRORS):
            deep = Image.fromarray(np.round(brightness * 65535).astype(np.uint16))
            converted = _profile_transform(profile, "I;16").apply(deep)
    if converted is None:
        converted = Image.fromarray(np.round(brightness * 255).astype(np.uint8))
    opaque = converted.convert("RGB")
    is_transparent = scale.is_transparent(part)
    if is_transparent is not None:
        opaque.paste((255, 255, 255), mask=Image.fromarray(is_transparent))
    return opaque


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        if image.mode == "La":
            image = image.convert("LA")
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


@functools.lru_cache(maxsize=64)
def _is_srgb(profile: bytes) -> bool:
    """Return whether a profile is named like sRGB and equals it.

    An equal profile with another name is applied, which changes nothing.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" not in ImageCms.getProfileDescription(opened).lower():
            return False
        samples = _lattice(_color_space(opened))
        if samples is None:
            return False
        converted = np.asarray(_profile_transform(profile, samples.mode).apply(samples))
    except _CMS_ERRORS:
        return True  # An unreadable profile cannot be applied; viewers then assume sRGB.
    plain = np.asarray(samples.convert("RGB"))
    return bool(np.abs(converted.astype(int) - plain).max() <= _SAME_COLOR)


def _color_space(opened: ImageCms.ImageCmsProfile) -> str:
    core: Any = opened.profile
    return core.xcolor_space.strip()


def _lattice(color_space: str) -> Image.Image | None:
    """Sample all colors of a color space; None for other spaces than gray and RGB."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    if color_space == "GRAY":
        return Image.fromarray(steps[None])
    if color_space == "RGB":
        colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
        return Image.fromarray(colors.reshape(len(steps), -1, 3))
    return None


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile is not None:
        # A profile for other channels than those of the image is a mistake, and ignored.
        with contextlib.suppress(*_CMS_ERRORS):
            if image.mode == "RGB" and _is_gray_profile(profile):
                image = image.getchannel("R")
            return _profile_transform(profile, image.mode).apply(image)
    return image.convert("RGB")


@functools.lru_cache(maxsize=64)
def _is_gray_profile(profile: bytes) -> bool:
    with contextlib.suppress(*_CMS_ERRORS):
        return _color_space(ImageCms.ImageCmsProfile(io.BytesIO(profile))) == "GRAY"
    return False


def _has_no_color(image: Image.Image) -> bool:
    pixels = np.asarray(image.convert("RGB"))
    return bool((pixels == pixels[:, :, :1]).all())


@functools.lru_cache(maxsize=32)
def _profile_transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.createProfile("LAB")
    if profile is not None:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    if not isinstance(transform, ImageCms.ImageCmsTransform):
        raise TypeError("Pillow returned no transform")
    return transform
