"""Map numbers to pixel positions of the SVG charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator


@dataclass(frozen=True)
class Scale:
    """A linear axis.

    Attributes:
        low: value at the start.
        high: value at the end; not equal to `low`.
        start_px: position of `low`.
        end_px: position of `high`.
    """

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        """Return the position of a value, to a tenth of a pixel, clipped to the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start_px + share * (self.end_px - self.start_px), 1)

    def ends(self, interval: Sequence[float] | None) -> tuple[float, float] | None:
        """Return the positions of the ends of an interval; None without one."""
        return None if interval is None else (self(interval[0]), self(interval[1]))

    def ticks(self, most: int = 5, *, whole: bool = False) -> list[tuple[float, str]]:
        """Return positions and labels of round numbers on the axis."""
        locator = MaxNLocator(most, integer=whole, steps=[1, 2, 2.5, 5, 10])
        found = locator.tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        inside = [v for v in found if self.low - slack <= v <= self.high + slack]
        return [(self(value), f"{value:.6g}") for value in inside]


@dataclass(frozen=True)
class Axes:
    """The plot area of a chart.

    Attributes:
        x_limits: values at the left and right end.
        y_limits: values at the bottom and top.
        height_px: of the chart.
        top_px: position of the upper end of the plot area.
    """

    x_limits: tuple[float, float]
    y_limits: tuple[float, float]
    height_px: int = 300
    top_px: int = 12

    _WIDTH_PX, _LEFT_PX, _RIGHT_PX, _BELOW_PX = 420, 58, 408, 42

    @property
    def x(self) -> Scale:
        """Return the horizontal scale."""
        return Scale(*self.x_limits, self._LEFT_PX, self._RIGHT_PX)

    @property
    def y(self) -> Scale:
        """Return the vertical scale."""
        return Scale(*self.y_limits, self.height_px - self._BELOW_PX, self.top_px)

    def content(self, x_ticks: list[Any], y_ticks: list[Any]) -> dict[str, Any]:
        """Return what the macro `axes` of charts.html draws."""
        return {
            "box": (self._WIDTH_PX, self.height_px),
            "frame": (self._LEFT_PX, self.top_px, self._RIGHT_PX, self.height_px - self._BELOW_PX),
            "x_ticks": x_ticks,
            "y_ticks": y_ticks,
        }


def path_of(points: Sequence[tuple[float, float]]) -> str:
    """Return the line through points, for the attribute `d` of an SVG path."""
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in points) if points else ""
