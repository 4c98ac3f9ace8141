"""The markers of a JPEG: which scans it has, and which bits are missing.

Source: ITU-T T.81 (1992), sections B.2 and G.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_START_OF_SCAN, _END_OF_IMAGE, _RESTART_INTERVAL = 0xDA, 0xD9, 0xDD
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_NUM_COEFFICIENTS = 64
_NOTHING_SENT = 99

# Within pixel data, 0xFF is followed by 0, a restart marker, or itself.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass
class JpegScans:
    """The content of a JPEG's markers.

    Attributes:
        is_progressive: whether scans refine each other.
        num_components: 1 for gray, 3 for color, 4 for CMYK.
        mcu_width_px: width of a minimum coded unit, in pixels.
        mcu_height_px: its height.
        has_restarts: whether pixel data can continue after a missing part.
        first_pixels: position of the first pixel data.
        last_scan: position of the marker of the last scan.
        last_adds_detail: whether the last scan is the first with some of the coefficients.
        lowest_bits: for each component and coefficient the lowest bit that was sent.
    """

    is_progressive: bool
    num_components: int
    mcu_width_px: int
    mcu_height_px: int
    has_restarts: bool
    first_pixels: int
    last_scan: int
    last_adds_detail: bool
    lowest_bits: dict[int, list[int]]

    @property
    def inexact_share(self) -> float:
        """Return the share of the coefficients of which bits were never sent."""
        return self._share_above(0)

    @property
    def absent_share(self) -> float:
        """Return the share of the coefficients of which no bit was sent."""
        return self._share_above(_NOTHING_SENT - 1)

    def _share_above(self, bit: int) -> float:
        lowest = [each for component in self.lowest_bits.values() for each in component]
        return sum(each > bit for each in lowest) / len(lowest)


def read_scans(jpeg: bytes) -> JpegScans | None:
    """Read the markers up to the end of the image.

    Returns:
        Their content; None without a frame or a scan, or for a kind of frame that Pillow cannot
        read either.
    """
    scans: JpegScans | None = None
    has_restarts = False
    position = 2
    while (found := _MARKER.search(jpeg, position)) is not None:
        kind, start = jpeg[found.start() + 1], found.end()
        if kind == _END_OF_IMAGE:
            break
        if kind in _ALONE:
            position = start
            continue
        position = start + int.from_bytes(jpeg[start : start + 2], "big")
        segment = jpeg[start + 2 : position]
        if kind in _START_OF_FRAME and scans is None:
            scans = _read_frame(segment, is_progressive=kind in _PROGRESSIVE)
        elif kind == _RESTART_INTERVAL:
            has_restarts = segment[:2] != b"\0\0"
        elif kind == _START_OF_SCAN and scans is not None:
            scans.first_pixels = scans.first_pixels or position
            scans.last_scan = found.start()
            _note_scan(scans, segment)
    if scans is None or not scans.first_pixels:
        return None
    scans.has_restarts = has_restarts
    return scans


def _read_frame(segment: bytes, *, is_progressive: bool) -> JpegScans | None:
    components = [segment[at : at + 3] for at in range(6, len(segment) - 2, 3)]
    if not components or len(segment) < 6 or len(components) != segment[5]:
        return None
    # The blocks of a single component are stored one by one, independent of its sampling.
    is_alone = len(components) == 1
    return JpegScans(
        is_progressive=is_progressive,
        num_components=len(components),
        mcu_width_px=8 * (1 if is_alone else max(1, *(each[1] >> 4 for each in components))),
        mcu_height_px=8 * (1 if is_alone else max(1, *(each[1] & 15 for each in components))),
        has_restarts=False,
        first_pixels=0,
        last_scan=0,
        last_adds_detail=False,
        lowest_bits={each[0]: [_NOTHING_SENT] * _NUM_COEFFICIENTS for each in components},
    )


def _note_scan(scans: JpegScans, segment: bytes) -> None:
    """Record which coefficients a scan sends, and down to which bit."""
    count = segment[0] if segment else 0
    if len(segment) < 4 + 2 * count:
        return
    first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
    if not scans.is_progressive:
        first, last, bits = 0, _NUM_COEFFICIENTS - 1, 0
    scans.last_adds_detail = False
    for component in segment[1 : 1 + 2 * count : 2]:
        lowest = scans.lowest_bits.get(component)
        if lowest is None:
            continue
        scans.last_adds_detail |= scans.is_progressive and _NOTHING_SENT in lowest[first : last + 1]
        lowest[first : last + 1] = [bits & 15] * (min(last, _NUM_COEFFICIENTS - 1) - first + 1)
