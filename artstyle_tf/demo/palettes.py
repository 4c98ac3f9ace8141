"""Define ten palettes that all styles share, so that colors alone do not reveal the style."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# From dark to pale, then two accents.
_HEX_COLORS = {
    "harbor": "14213d 2f4b6e 5b84a6 a9c6d3 f1ead8 e0a030 c8452f",
    "orchard": "24331f 4c6b3a 86a05a c3cd92 f6efd6 d8782f a63446",
    "rose": "3d2436 7a4a63 c08497 e8bcc0 fbf0e6 8fae8b d9a441",
    "lagoon": "0f3b3f 1f6f78 58a6a3 a8d5c8 f3f0dc ee8a4e 8c4a6b",
    "ochre": "2d2018 6b4a2e a9793f d6b57a f5e6c6 4f6d7a 9c3d2a",
    "dusk": "231f3d 4b4275 8a6fa3 d4a5b5 fbe3c8 f0a35e 3f7d8c",
    "slate": "20262b 4a545c 7f8b92 b9c0c2 f0eee9 b4763a 7d2e2e",
    "spring": "24503f 5c9a6d a6cf8f d8e8b4 fdf8e3 f0a6b0 5d8fc7",
    "ember": "2b1216 6e2325 b5442f e08a4b f8dca8 2f5d62 e9c46a",
    "ivory": "3a3531 8c7b68 c7b299 e6d8c3 fbf7ef b08d57 7c93a3",
}

PALETTE_NAMES = tuple(_HEX_COLORS)


@dataclass(frozen=True)
class Palette:
    """The seven colors of one image.

    Attributes:
        colors: float32 [7, 3], RGB in 0..1: dark, shade, middle, light, pale, accent, second
            accent.
    """

    colors: np.ndarray

    @property
    def dark(self) -> np.ndarray:
        """The darkest color: float32 [3]."""
        return self.colors[0]

    @property
    def shade(self) -> np.ndarray:
        """A color for shadows: float32 [3]."""
        return self.colors[1]

    @property
    def middle(self) -> np.ndarray:
        """The color that sets the overall tone: float32 [3]."""
        return self.colors[2]

    @property
    def light(self) -> np.ndarray:
        """A light color: float32 [3]."""
        return self.colors[3]

    @property
    def pale(self) -> np.ndarray:
        """The lightest color, for paper, clouds and highlights: float32 [3]."""
        return self.colors[4]

    @property
    def accent(self) -> np.ndarray:
        """The first accent color: float32 [3]."""
        return self.colors[5]

    @property
    def second_accent(self) -> np.ndarray:
        """The second accent color: float32 [3]."""
        return self.colors[6]

    def random_color(self, generator: np.random.Generator) -> np.ndarray:
        """Return one of the seven colors at random: float32 [3]."""
        return self.colors[generator.integers(len(self.colors))]


def jittered_palette(
    name: str, generator: np.random.Generator, *, jitter: float = 0.035
) -> Palette:
    """Return a named palette with jittered colors.

    Args:
        name: one of `PALETTE_NAMES`.
        generator: source of randomness.
        jitter: standard deviation of the shift of each channel of each color, and of a shift of
            each channel that all colors share.

    Returns:
        The palette; its accents are swapped with a probability of 0.5.
    """
    text = _HEX_COLORS[name].replace(" ", "")
    colors = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(7, 3) / 255
    colors = colors + generator.normal(0, jitter, (7, 3)) + generator.normal(0, jitter, 3)
    if generator.random() < 0.5:
        colors[[5, 6]] = colors[[6, 5]]
    return Palette(np.clip(colors, 0.02, 0.99).astype(np.float32))


def blend(first: np.ndarray, second: np.ndarray, share: float | np.ndarray) -> np.ndarray:
    """Interpolate: `first` where the share is 0, `second` where it is 1: float32, broadcast."""
    return (first + (second - first) * share).astype(np.float32)


def brightened(color: np.ndarray, amount: float) -> np.ndarray:
    """Blend towards white (amount > 0) or black (amount < 0), amount in [-1, 1]: float32."""
    target = np.ones(3) if amount > 0 else np.zeros(3)
    return blend(color, target, abs(amount))
