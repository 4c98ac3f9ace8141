"""Decide whether the trunk cache can be used and saves time."""

from __future__ import annotations

from dataclasses import dataclass

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.trunk_cache.settings import CacheMode


class CacheImpossibleError(ArtstyleError):
    """A trunk cache is required that is not possible."""


@dataclass(frozen=True)
class CacheCosts:
    """Costs of training with and without the cache.

    Attributes:
        plain_passes: forward passes of images through frozen blocks without the cache.
        cached_passes: the same with the cache, for missing rows.
        new_bytes: to write.
        room_bytes: available after older tables have been removed.
    """

    plain_passes: int
    cached_passes: int
    new_bytes: int
    room_bytes: int


@dataclass(frozen=True)
class CacheDecision:
    """The outcome.

    Attributes:
        use: whether to use the cache.
        reason: one sentence.
    """

    use: bool
    reason: str


def obstacle(
    *,
    online_augmentation: bool,
    trains_batch_norm: bool,
    has_frozen_blocks: bool,
) -> str | None:
    """Return why activations cannot be cached at all; None if they can.

    Args:
        online_augmentation: every epoch has new images.
        trains_batch_norm: BatchNormalization is trained.
        has_frozen_blocks: some phase, or the linear probe, leaves the stem frozen.
    """
    if online_augmentation:
        return "online augmentation gives new images in every epoch (data.views gives fixed ones)"
    if trains_batch_norm:
        return "BatchNormalization is trained"
    if not has_frozen_blocks:
        return "no phase leaves blocks frozen"
    return None


def decide_on_cache(mode: CacheMode, obstacle: str | None, costs: CacheCosts) -> CacheDecision:
    """Choose between cached and plain training.

    Args:
        mode: "auto" uses the cache where it is possible and cheaper.
        obstacle: from `obstacle`.
        costs: compared by forward passes through the frozen blocks, which both ways make in the
            same network: the cache once for each view, plain training once an epoch.

    Raises:
        CacheImpossibleError: if the mode requires a cache that is not possible.
    """
    if mode == "never":
        return CacheDecision(use=False, reason="training.trunk_cache.mode is never")
    if obstacle is None and costs.new_bytes > costs.room_bytes:
        obstacle = (
            f"there is room for {format_bytes(costs.room_bytes)} of the "
            f"{format_bytes(costs.new_bytes)} it would take (free some disk space or raise "
            "training.trunk_cache.size_limit_gb)"
        )
    if obstacle is not None:
        if mode == "always":
            raise CacheImpossibleError(
                "The trunk cache cannot be used",
                received=f"training.trunk_cache.mode=always, but {obstacle}",
                fix="training.trunk_cache.mode=auto trains without the cache where it has to",
            )
        return CacheDecision(use=False, reason=obstacle)
    passes = (
        f"{costs.cached_passes:,} forward passes through the frozen blocks instead of "
        f"{costs.plain_passes:,}"
    )
    if mode == "auto" and costs.cached_passes >= costs.plain_passes:
        return CacheDecision(use=False, reason=f"it would take {passes}")
    if costs.cached_passes == 0:
        return CacheDecision(use=True, reason="everything is cached already")
    return CacheDecision(use=True, reason=f"{passes}, {format_bytes(costs.new_bytes)} on disk")


def format_bytes(number: float) -> str:
    """Format a size: "640 kB", "113 MB", "4.2 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            value = number / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{number:.0f} bytes"
