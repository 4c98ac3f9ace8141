"""Pictures of any mode and colour profile -> 8-bit sRGB."""

from __future__ import annotations

import contextlib
import functools
import io

import numpy as np
from PIL import Image, ImageCms


def needed_profile(image: Image.Image) -> bytes | None:
    """The embedded colour profile, unless it is absent, sRGB or unreadable."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or _is_srgb(profile):
        return None
    return profile


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Shows a picture of any mode as 8-bit RGB, transparent parts on white.

    Args:
        image: a loaded picture.
        profile: what `needed_profile` said about it.

    Returns:
        A picture of mode "RGB" and the same size.

    Raises:
        ValueError: if Pillow cannot convert the mode.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
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


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Scales grey values of more than 8 bits.

    Args:
        values: [H, W]; uint16 uses its whole range. What int32 and float32 mean is not written in
            a file, so the smallest usual range that holds all values is taken: 0..1 (float only),
            0..255, 0..65535, else from the smallest to the largest value.

    Returns:
        uint8 [H, W].
    """
    scaled = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    low, high = 0.0, 65535.0
    if values.dtype != np.uint16:
        ranges = ([1.0] if values.dtype.kind == "f" else []) + [255.0, 65535.0]
        low, high = min(scaled.min(), 0.0), scaled.max()
        if low == 0:
            high = next((limit for limit in ranges if high <= limit), high)
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
