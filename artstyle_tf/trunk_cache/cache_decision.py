"""Whether the trunk cache can be used, whether it saves time, and why."""

from __future__ import annotations

from dataclasses import dataclass

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.trunk_cache.settings import CacheMode


class CacheImpossibleError(ArtstyleError):
    """A trunk cache is insisted on that is not possible."""


@dataclass(frozen=True)
class CacheCosts:
    """What training would cost with and without the cache.

    Attributes:
        plain_passes: forward passes of images through frozen blocks without the cache.
        cached_passes: the same with the cache: what it lacks.
        new_bytes: what would be written.
        room_bytes: what there is room for, after older tables have been removed.
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
        reason: one sentence for people.
    """

    use: bool
    reason: str


def obstacle(
    *,
    online_augmentation: bool,
    trains_batch_norm: bool,
    has_frozen_blocks: bool,
) -> str | None:
    """Why activations cannot be kept at all; None if they can.

    Args:
        online_augmentation: every epoch has new images.
        trains_batch_norm: BatchNormalization is to learn.
        has_frozen_blocks: some phase, or the linear probe, leaves the stem frozen.
    """
    if online_augmentation:
        return "online augmentation makes new images in every epoch (data.views makes fixed ones)"
    if trains_batch_norm:
        return "BatchNormalization is to learn"
    if not has_frozen_blocks:
        return "no phase leaves blocks frozen"
    return None


def decide_on_cache(mode: CacheMode, obstacle: str | None, costs: CacheCosts) -> CacheDecision:
    """Chooses between cached and plain training.

    Args:
        mode: what the user wants: "auto" uses the cache where it is possible and cheaper.
        obstacle: from `obstacle`.
        costs: compared by forward passes through the frozen blocks, which both ways have to make
            in the same network: the cache once for each view, plain training once an epoch.

    Returns:
        The decision.

    Raises:
        CacheImpossibleError: if the user insists on a cache that is not possible.
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
        return CacheDecision(use=True, reason="everything it needs is there already")
    return CacheDecision(use=True, reason=f"{passes}, {format_bytes(costs.new_bytes)} on disk")


def format_bytes(number: float) -> str:
    """A size for people: "640 kB", "113 MB", "4.2 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            value = number / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{number:.0f} bytes"
