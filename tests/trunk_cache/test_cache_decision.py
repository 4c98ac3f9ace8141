from __future__ import annotations

import pytest

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.trunk_cache.cache_decision import (
    CacheCosts,
    decide_on_cache,
    format_bytes,
    obstacle,
)

CHEAP = CacheCosts(plain_passes=12_080, cached_passes=6_392, new_bytes=131e6, room_bytes=1e9)


def test_the_cache_is_used_where_it_saves_passes_and_reports_the_numbers():
    decision = decide_on_cache("auto", None, CHEAP)
    assert decision.use
    assert decision.reason == (
        "6,392 forward passes through the frozen blocks instead of 12,080, 131 MB on disk"
    )


def test_the_cache_is_not_used_for_more_views_than_epochs():
    costs = CacheCosts(plain_passes=3_000, cached_passes=6_000, new_bytes=1, room_bytes=2)
    decision = decide_on_cache("auto", None, costs)
    assert not decision.use
    assert "6,000 forward passes through the frozen blocks instead of 3,000" in decision.reason
    assert decide_on_cache("always", None, costs).use


def test_cached_rows_cost_nothing():
    decision = decide_on_cache("auto", None, CacheCosts(100, 0, 0, 0))
    assert decision.use
    assert "cached already" in decision.reason


def test_a_small_disk_means_plain_training():
    costs = CacheCosts(plain_passes=9, cached_passes=1, new_bytes=5e9, room_bytes=2e9)
    decision = decide_on_cache("auto", None, costs)
    assert not decision.use
    assert "room for 2.0 GB of the 5.0 GB" in decision.reason
    with pytest.raises(ArtstyleError, match="mode=always, but there is room for"):
        decide_on_cache("always", None, costs)


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ({"online_augmentation": True}, "online augmentation"),
        ({"trains_batch_norm": True}, "BatchNormalization is trained"),
        ({"has_frozen_blocks": False}, "no phase leaves blocks frozen"),
    ],
)
def test_reasons_why_a_cache_is_impossible(reasons, words):
    possible = {
        "online_augmentation": False,
        "trains_batch_norm": False,
        "has_frozen_blocks": True,
    }
    assert obstacle(**possible) is None
    found = obstacle(**{**possible, **reasons})
    assert words in found
    assert decide_on_cache("auto", found, CHEAP).reason == found
    with pytest.raises(ArtstyleError, match="mode=auto trains without"):
        decide_on_cache("always", found, CHEAP)


def test_mode_never_uses_no_cache():
    assert not decide_on_cache("never", None, CHEAP).use


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12 bytes"), (4_200, "4.2 kB"), (131e6, "131 MB"), (9.96e9, "10.0 GB")],
)
def test_sizes_are_readable(number, text):
    assert format_bytes(number) == text
