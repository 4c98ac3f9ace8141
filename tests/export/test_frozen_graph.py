from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.models.network import build_classifier
from artstyle_tf.models.splitting import build_trunk
from artstyle_tf.trunk_cache.frozen_graph import freeze

IMAGES = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 3)).astype(np.float32)


@pytest.fixture
def classifier(tiny_backbone):
    return build_classifier(tiny_backbone(), num_classes=3, dropout=0.2, seed=1)


@pytest.mark.parametrize("boundaries", [[1], [2, 0, 1]])
def test_a_frozen_graph_computes_the_model_in_inference_mode(classifier, boundaries):
    trunk = build_trunk(classifier, boundaries)
    expected = trunk(IMAGES, training=False)
    expected = expected if isinstance(expected, list) else [expected]
    run = freeze(trunk)
    for count in (5, 2):  # any number of images
        found = run(IMAGES[:count])
        assert len(found) == len(boundaries)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other[:count], rtol=1e-4, atol=1e-5)


def test_it_keeps_the_weights_of_when_it_was_frozen(classifier):
    trunk = build_trunk(classifier, [1])
    run = freeze(trunk)
    before = run(IMAGES)[0]
    kernel = classifier.backbone.model.get_layer("stem_conv").kernel
    kernel.assign(kernel + 1)
    np.testing.assert_array_equal(run(IMAGES)[0], before)
    assert not np.allclose(freeze(trunk)(IMAGES)[0], before)
