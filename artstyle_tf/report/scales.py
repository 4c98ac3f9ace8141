"""Numbers to places on a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator


@dataclass(frozen=True)
class Scale:
    """A linear axis.

    Attributes:
        low: value at the start.
        high: value at the end; not equal to `low`.
        start_px: place of `low`.
        end_px: place of `high`.
    """

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        """Place of a value, to a tenth of a pixel; values outside stay at the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start_px + share * (self.end_px - self.start_px), 1)

    def ticks(self, most: int = 5, *, whole: bool = False) -> list[tuple[float, str]]:
        """Places and texts of round numbers on the axis."""
        locator = MaxNLocator(most, integer=whole, steps=[1, 2, 2.5, 5, 10])
        found = locator.tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        inside = [v for v in found if self.low - slack <= v <= self.high + slack]
        return [(self(value), f"{value:.6g}") for value in inside]


def path_of(points: Sequence[tuple[float, float]]) -> str:
    """The line through points, for the attribute `d` of an SVG path."""
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in points) if points else ""
