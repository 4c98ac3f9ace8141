from __future__ import annotations

import keras
import numpy as np

from artstyle_tf.models.network import assign_head, build_classifier
from artstyle_tf.models.splitting import build_trunk


def build(tiny_backbone):
    return build_classifier(tiny_backbone(), num_classes=3, dropout=0.2, seed=1)


def test_the_head_turns_pooled_features_into_logits(tiny_backbone):
    classifier = build(tiny_backbone)
    images = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 3)).astype("float32")
    kernel = np.random.default_rng(1).normal(size=(12, 3))
    assign_head(classifier, kernel, np.array([0.0, 1.0, 2.0]))
    features = np.asarray(build_trunk(classifier, [0])(images))
    assert features.shape == (5, 12)
    expected = features @ kernel + [0.0, 1.0, 2.0]
    np.testing.assert_allclose(classifier.model(images), expected, rtol=1e-4, atol=1e-5)


def test_a_saved_classifier_predicts_the_same(tiny_backbone, tmp_path):
    classifier = build(tiny_backbone)
    images = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 3)).astype("float32")
    classifier.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(loaded(images), classifier.model(images))


def test_the_seed_determines_the_initial_head(tiny_backbone):
    kernels = [
        np.asarray(
            build_classifier(tiny_backbone(), num_classes=3, dropout=0, seed=seed).head.kernel
        )
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])
