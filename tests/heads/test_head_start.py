"""Test the initial head without a training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from artstyle_tf.heads import head_start, ridge_choice
from artstyle_tf.heads.head_start import choose_probe, fit_head_start
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.models.features import FeatureGroup

_GROUPS = (FeatureGroup(3, has_one_scale=False), FeatureGroup(4, has_one_scale=True))


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 12)
    features = generator.normal(0, 1, (36, 7)) + labels[:, None] * np.arange(7) / 5
    return features.astype(np.float32), labels


def start(method, data):
    probe = LinearProbeConfig(method=method)
    features, labels = data
    return fit_head_start(probe, None, features, labels, _GROUPS, num_classes=3)


def test_the_mean_of_two_regressions_has_the_mean_of_their_logits(data):
    features, _ = data
    logits = {
        method: features @ kernel + bias
        for method in ("logistic", "ridge", "mean")
        for kernel, bias in [start(method, data)]
    }
    assert np.abs(logits["logistic"] - logits["ridge"]).max() > 0.1
    expected = (logits["logistic"] + logits["ridge"]) / 2
    np.testing.assert_allclose(logits["mean"], expected, atol=1e-4)


def test_alpha_auto_is_chosen_on_images_of_other_groups(data, monkeypatch):
    features, labels = data
    rows = pd.DataFrame({"source_digest": np.arange(36), "group": np.arange(36) // 3})
    rows.loc[35, "source_digest"] = 0  # a copy ties two groups together
    images = SplitImages(rows, labels, ImageStore([], image_size_px=8, aspect="squash"))
    seen = []
    choose = ridge_choice.choose_ridge
    monkeypatch.setattr(
        head_start,
        "choose_ridge",
        lambda features, labels, clusters, **settings: (
            seen.append(clusters) or choose(features, labels, clusters, **settings)
        ),
    )
    for method in ("ridge", "mean"):
        probe = LinearProbeConfig(method=method, alpha="auto")
        chosen = choose_probe(probe, features, images, _GROUPS, num_classes=3, seed=1)
        assert chosen.alpha in ridge_choice.ALPHAS
        assert chosen.method == method
    assert len(np.unique(seen[0])) == 11
    assert seen[0][35] == seen[0][0]
    given = LinearProbeConfig(method="ridge", alpha=2.5)
    unused = LinearProbeConfig(method="logistic", alpha="auto")
    for probe in (given, unused):
        same = choose_probe(probe, features, images, _GROUPS, num_classes=3, seed=1)
        assert same is probe
