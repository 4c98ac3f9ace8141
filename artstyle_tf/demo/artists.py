"""Define the invented artists of each style and the specification of one image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from artstyle_tf.demo.palettes import PALETTE_NAMES, Palette
from artstyle_tf.demo.subjects import SUBJECTS

# Photos and cartoons have artist names too: without them each image of these two styles would be
# its own group, and a split by artist would be easier for these styles than for the others.
_NAMES = {
    "ArtDeco": "delphine-arnoux maxime-verlhac ottilie-brandt rex-calloway iris-fontanel",
    "Cubism": "pau-ferrandis lucienne-bracq anatol-wiesner marguerite-delvaux teo-santacruz "
    "ilya-borovik joan-gristany odile-marchal",
    "Impressionism": "claire-monteil auguste-pelletan berthe-sorlin camille-duroy "
    "edmond-lacaze suzanne-valmy emil-krog",
    "Japonism": "hanae-mizushiro toshiro-kuwabata o-sen-arakaze genzo-takiyama "
    "felix-bracquet mary-castell",
    "Naturalism": "jules-bastide harald-solberg anna-lindqvist thomas-wetherby "
    "rosalie-bonnard ivan-shchukov",
    "photo": "nora-feld samuel-oyelaran mika-tanabe lucia-prado dag-halvorsen",
    "Rococo": "honorine-fragier jean-claude-watelet elisabeth-boucart giambattista-rieri "
    "sophie-pater",
    "cartoon": "benny-quill dot-marlowe pip-jansen hugo-tardif wilma-sketchley",
}

STYLE_NAMES = tuple(_NAMES)

# The two subjects a style is known for. One half of its artists prefers the first, the other half
# the second; all artists draw every subject.
_MAIN_SUBJECTS = {
    "ArtDeco": ("town", "landscape"),
    "Cubism": ("still-life", "portrait"),
    "Impressionism": ("landscape", "flowers"),
    "Japonism": ("sea", "landscape"),
    "Naturalism": ("landscape", "sea"),
    "Rococo": ("portrait", "flowers"),
    "cartoon": ("town", "sea"),
    "photo": ("landscape", "still-life"),
}


@dataclass(frozen=True)
class Artist:
    """The habits of one artist; they do not depend on the seed of the demo set.

    Attributes:
        name: as in the file name, words joined by hyphens.
        share: fraction of the style's images that are by this artist.
        palettes: names of the preferred palettes, the most used first.
        subjects: names of the preferred subjects, the most used first.
        scale: size of strokes, facets and ornaments, about 0.75 to 1.35.
        boldness: weight of lines and strength of contrasts, in [0, 1].
        portrait_share: probability that an image is taller than wide.
    """

    name: str
    share: float
    palettes: tuple[str, ...]
    subjects: tuple[str, ...]
    scale: float
    boldness: float
    portrait_share: float


@dataclass(frozen=True)
class ImageSpec:
    """Specification of one image: the arguments of every style's `draw` function.

    Attributes:
        height_px, width_px: size of the image.
        subject: one of `SUBJECTS`.
        palette: colors of the image.
        artist: habits to apply.
        generator: source of randomness.
    """

    height_px: int
    width_px: int
    subject: str
    palette: Palette
    artist: Artist
    generator: np.random.Generator


def artists_of(style: str) -> tuple[Artist, ...]:
    """Return the artists of a style, the most productive first; their shares add up to 1."""
    names = _NAMES[style].split()
    productivity = 1 / (np.arange(len(names)) + 1.5)
    shares = productivity / productivity.sum()
    return tuple(
        _artist(style, position, name, float(share))
        for position, (name, share) in enumerate(zip(names, shares, strict=True))
    )


def _artist(style: str, position: int, name: str, share: float) -> Artist:
    digest = hashlib.sha256(name.encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    # The offset differs between artists, so that every style uses every palette.
    offset, count = 3 * STYLE_NAMES.index(style) + 2 * position, len(PALETTE_NAMES)
    subjects = [str(subject) for subject in generator.permutation(SUBJECTS)]
    first = _MAIN_SUBJECTS[style][position % 2]
    subjects = [first, *(subject for subject in subjects if subject != first)]
    return Artist(
        name=name,
        share=share,
        palettes=tuple(PALETTE_NAMES[(offset + step) % count] for step in (0, 1, 3, 6)),
        subjects=tuple(subjects),
        scale=float(generator.uniform(0.8, 1.25)),
        boldness=float(generator.uniform(0, 1)),
        portrait_share=float(generator.uniform(0.25, 0.75)),
    )


def sample_favorite(options: tuple[str, ...], generator: np.random.Generator) -> str:
    """Sample one option; each is 0.72 times as probable as the one before it."""
    weights = 0.72 ** np.arange(len(options))
    return options[generator.choice(len(options), p=weights / weights.sum())]
