"""Plan and draw the images of the demo set: artist, subject, size and file name."""

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
from artstyle_tf.demo.artists import Artist, ImageSpec, artists_of, sample_favorite
from artstyle_tf.demo.canvas import photometric_distortion
from artstyle_tf.demo.palettes import jittered_palette

GENERATOR_VERSION = 1
"""Incremented when the same seed produces other images than before."""

DRAW_FUNCTIONS: dict[str, Callable[[ImageSpec], np.ndarray]] = {
    "ArtDeco": art_deco.draw,
    "Cubism": cubism.draw,
    "Impressionism": impressionism.draw,
    "Japonism": japonism.draw,
    "Naturalism": naturalism.draw,
    "Rococo": rococo.draw,
    "cartoon": cartoon.draw,
    "photo": photograph.draw,
}

_TITLE_ADJECTIVES = (
    "morning",
    "evening",
    "quiet",
    "late",
    "first",
    "winter",
    "distant",
    "little",
    "old",
)


@dataclass(frozen=True)
class PlannedImage:
    """One image of the demo set before it is drawn.

    Style, number, artist and the seed of the set determine the image.

    Attributes:
        style: name of the style and of its folder.
        number: position within the style, from 0.
        artist: the artist whose habits apply.
    """

    style: str
    number: int
    artist: Artist


def plan_style(style: str, count: int) -> list[PlannedImage]:
    """Distribute a style's images among its artists in proportion to their shares.

    Args:
        style: a key of `DRAW_FUNCTIONS`.
        count: number of images, at least 0.

    Returns:
        `count` planned images, grouped by artist.
    """
    artists = artists_of(style)
    ends = np.round(np.cumsum([artist.share for artist in artists]) * count)
    owners = np.searchsorted(ends, np.arange(count), side="right")
    return [PlannedImage(style, number, artists[owner]) for number, owner in enumerate(owners)]


def draw_planned_image(image: PlannedImage, *, seed: int) -> np.ndarray:
    """Draw a planned image.

    The result depends only on the plan and the seed.

    Args:
        image: the image to draw.
        seed: seed of the demo set.

    Returns:
        uint8 [H, W, 3], RGB, one side 200 to 263 pixels, the other 264 to 320.
    """
    generator, artist = _generator(image, seed=seed), image.artist
    subject = sample_favorite(artist.subjects, generator)
    palette = jittered_palette(sample_favorite(artist.palettes, generator), generator)
    longer, shorter = generator.integers(264, 321), generator.integers(200, 264)
    portrait = generator.random() < artist.portrait_share
    height_px, width_px = (longer, shorter) if portrait else (shorter, longer)
    spec = ImageSpec(
        height_px=int(height_px),
        width_px=int(width_px),
        subject=subject,
        palette=palette,
        artist=artist,
        generator=generator,
    )
    return photometric_distortion(DRAW_FUNCTIONS[image.style](spec), generator)


def file_name(image: PlannedImage, *, seed: int) -> str:
    """Return the file name of a planned image, `<artist>_<title>-<number>.jpg`."""
    # The subject is the first sample of the generator that also draws the image.
    generator = _generator(image, seed=seed)
    subject = sample_favorite(image.artist.subjects, generator)
    adjective = _TITLE_ADJECTIVES[int(_digest(image, seed=seed)[-2:], 16) % len(_TITLE_ADJECTIVES)]
    return f"{image.artist.name}_{adjective}-{subject}-{image.number:02d}.jpg"


def _generator(image: PlannedImage, *, seed: int) -> np.random.Generator:
    return np.random.default_rng(int(_digest(image, seed=seed)[:32], 16))


def _digest(image: PlannedImage, *, seed: int) -> str:
    """Return a hex digest of the image's identity.

    SHA-256 and not `hash()`, which differs between processes.
    """
    text = f"{GENERATOR_VERSION}/{seed}/{image.style}/{image.number}"
    return hashlib.sha256(text.encode()).hexdigest()
