"""The studio: who paints which image, in what format, and what the file is called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from artstyle_tf.demo import (
    art_deco,
    cartoon,
    cubism,
    impressionism,
    japonism,
    naturalism,
    photograph,
    rococo,
)
from artstyle_tf.demo.artists import Artist, Commission, artists_of, favorite
from artstyle_tf.demo.canvas import hung_on_a_wall
from artstyle_tf.demo.palettes import mixed_palette

GENERATOR_VERSION = 1
"""Raised whenever the same seed gives other images than before."""

PAINTERS: dict[str, Callable[[Commission], np.ndarray]] = {
    "ArtDeco": art_deco.paint,
    "Cubism": cubism.paint,
    "Impressionism": impressionism.paint,
    "Japonism": japonism.paint,
    "Naturalism": naturalism.paint,
    "Rococo": rococo.paint,
    "cartoon": cartoon.paint,
    "photo": photograph.paint,
}

_MOODS = ("morning", "evening", "quiet", "late", "first", "winter", "distant", "little", "old")


@dataclass(frozen=True)
class PlannedImage:
    """One image of the set before it is drawn.

    Attributes:
        style: name of the style and of its folder.
        number: position within the style, from 0; with the seed it decides everything.
        artist: who paints it.
    """

    style: str
    number: int
    artist: Artist


def plan_style(style: str, count: int) -> list[PlannedImage]:
    """Deals a style's images out to its artists, by their shares.

    Args:
        style: a key of `PAINTERS`.
        count: number of images, at least 0.

    Returns:
        `count` planned images; all of an artist's stand together.
    """
    artists = artists_of(style)
    ends = np.round(np.cumsum([artist.share for artist in artists]) * count)
    owners = np.searchsorted(ends, np.arange(count), side="right")
    return [PlannedImage(style, number, artists[owner]) for number, owner in enumerate(owners)]


def paint_image(image: PlannedImage, *, seed: int) -> np.ndarray:
    """Paints a planned image; nothing but the plan and the seed matters.

    Args:
        image: what to paint.
        seed: of the set.

    Returns:
        uint8 [H, W, 3], RGB, one side 200 to 263 pixels, the other 264 to 320.
    """
    generator, artist = _generator(image, seed=seed), image.artist
    subject = favorite(artist.subjects, generator)
    palette = mixed_palette(favorite(artist.palettes, generator), generator)
    longer, shorter = generator.integers(264, 321), generator.integers(200, 264)
    portrait = generator.random() < artist.portrait_share
    height_px, width_px = (longer, shorter) if portrait else (shorter, longer)
    commission = Commission(
        height_px=int(height_px),
        width_px=int(width_px),
        subject=subject,
        palette=palette,
        artist=artist,
        generator=generator,
    )
    return hung_on_a_wall(PAINTERS[image.style](commission), generator)


def file_name(image: PlannedImage, *, seed: int) -> str:
    """Name of a planned image's file: `<artist>_<title>-<number>.jpg`."""
    # The subject is the first draw of the same generator that paints the image.
    generator = _generator(image, seed=seed)
    subject = favorite(image.artist.subjects, generator)
    mood = _MOODS[int(_digest(image, seed=seed)[-2:], 16) % len(_MOODS)]
    return f"{image.artist.name}_{mood}-{subject}-{image.number:02d}.jpg"


def _generator(image: PlannedImage, *, seed: int) -> np.random.Generator:
    return np.random.default_rng(int(_digest(image, seed=seed)[:32], 16))


def _digest(image: PlannedImage, *, seed: int) -> str:
    """A number that is the same on every machine: Python's own hash of a string is not."""
    text = f"{GENERATOR_VERSION}/{seed}/{image.style}/{image.number}"
    return hashlib.sha256(text.encode()).hexdigest()
