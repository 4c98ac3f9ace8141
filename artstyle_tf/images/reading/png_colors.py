"""Colors of a PNG that are declared without a profile: gamma, primaries, a transparent gray.

Sources: Portable Network Graphics, third edition (W3C 2025), sections 11.3.1.1 and 11.3.2;
ICC.1:2022 (profiles); Lindbloom, "RGB/XYZ Matrices" and "Chromatic Adaptation" (Bradford).
"""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

_GAMMA_OF_SRGB = 0.45455
_SAME_GAMMA = 0.02  # encoders write 1/2.2 in several ways
_LEAST_GAMMA, _MOST_GAMMA = 0.2, 2.0  # beyond, it is a mistake
_PRIMARIES_OF_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_SAME_PRIMARY = 0.011

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_FEWER_BITS = {"L;2": 3, "L;4": 15}


def described_profile(image: Image.Image) -> bytes | None:
    """Build an ICC profile from the gamma and the primaries that a loaded PNG declares.

    An embedded profile, which takes precedence, is ignored here. Returns None if nothing is
    declared that differs from sRGB.
    """
    gamma, primaries = image.info.get("gamma"), image.info.get("chromaticity")
    if not gamma or "srgb" in image.info or not _LEAST_GAMMA <= gamma <= _MOST_GAMMA:
        return None
    is_usual = abs(gamma - _GAMMA_OF_SRGB) <= _SAME_GAMMA
    if image.mode in ("1", "L", "LA", "I", "I;16", "I;16B"):
        return None if is_usual else _profile(b"GRAY", 1 / gamma, [])
    if primaries is None or np.allclose(primaries, _PRIMARIES_OF_SRGB, atol=_SAME_PRIMARY):
        if is_usual:
            return None
        primaries = _PRIMARIES_OF_SRGB
    columns = _columns(primaries)
    return None if columns is None else _profile(b"RGB ", 1 / gamma, columns)


def scale_transparent_gray(image: Image.Image) -> None:
    """Scale the transparent gray of an unloaded PNG of 2 or 4 bits as Pillow scales its pixels."""
    transparency = image.info.get("transparency")
    tiles = getattr(image, "tile", None)
    levels = _FEWER_BITS.get(str(tiles[0][3])) if tiles else None
    if levels is not None and isinstance(transparency, int):
        image.info["transparency"] = transparency * 255 // levels


def _columns(primaries: tuple[float, ...]) -> list[np.ndarray] | None:
    """Compute XYZ of red, green, blue under D50 from x and y of white, red, green and blue."""
    points = np.asarray(primaries, dtype=np.float64).reshape(4, 2)
    if (points[:, 1] <= 0).any():
        return None
    white, *colors = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in points)
    try:
        amounts = np.linalg.solve(np.stack(colors, axis=1), white)
    except np.linalg.LinAlgError:
        return None
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD
    columns = [adapted @ (color * amount) for color, amount in zip(colors, amounts, strict=True)]
    return columns if np.isfinite(columns).all() else None


def _profile(color_space: bytes, exponent: float, columns: list[np.ndarray]) -> bytes:
    """Build a display profile of version 2: light is the sample to the power of the exponent."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, min(round(exponent * 256), 0xFFFF))
    name = b"as declared\0"
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(80)),
        (b"wtpt", _xyz(_D50)),
        *zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, columns), strict=False),
        *((kind, curve) for kind in ((b"rTRC", b"gTRC", b"bTRC") if columns else (b"kTRC",))),
    ]
    start = 128 + 4 + 12 * len(tags)
    table, contents = struct.pack(">I", len(tags)), b""
    for kind, content in tags:
        table += struct.pack(">4sII", kind, start + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12s4s28x",
        start + len(contents),
        0x02400000,
        b"mntr",
        color_space,
        b"XYZ ",
        struct.pack(">6H", 2025, 1, 1, 0, 0, 0),
        b"acsp",
    )
    return (header + _xyz(_D50)[8:]).ljust(128, b"\0") + table + contents


def _xyz(values: np.ndarray) -> bytes:
    fixed = [int(np.clip(round(value * 65536), -(2**31), 2**31 - 1)) for value in values]
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *fixed)
