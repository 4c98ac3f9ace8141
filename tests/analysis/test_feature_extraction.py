from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.analysis.feature_extraction import build_feature_network
from artstyle_tf.models.features import build_style_features
from artstyle_tf.models.network import build_classifier, build_embedding_model
from artstyle_tf.system.errors import ArtstyleError


def some_images():
    return np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype("float32")


@pytest.fixture
def classifier(tiny_backbone):
    backbone = tiny_backbone()
    features = build_style_features(backbone, blocks=["block1a", "block2b"], width=4)
    return build_classifier(backbone, num_classes=3, dropout=0.5, seed=0, features=features)


def features(model, layer):
    return build_feature_network(model, layer).model.predict_on_batch(some_images())


def test_the_head_reads_the_pooled_top_and_the_styles(classifier):
    network = build_feature_network(classifier.model, "head")
    assert network.groups == classifier.features.groups
    head = network.model.predict_on_batch(some_images())
    np.testing.assert_allclose(head[:, :12], features(classifier.model, "pooled"), rtol=1e-5)
    kernel, bias = (np.asarray(weight) for weight in classifier.head.get_weights())
    np.testing.assert_allclose(
        head @ kernel + bias, features(classifier.model, "output"), atol=1e-4
    )


def test_the_mean_of_a_map_is_taken(classifier, tiny_backbone):
    backbone = tiny_backbone()
    expected = backbone.model.predict_on_batch(some_images()).mean(axis=(1, 2))
    for model, layer in (
        (classifier.model, "top_activation"),
        (classifier.model, "pooled"),
        (backbone.model, "pooled"),
        (backbone.model, "head"),
        (backbone.model, "output"),
    ):
        np.testing.assert_allclose(features(model, layer), expected, rtol=1e-4, atol=1e-5)


def test_embeddings_are_not_normalized_again(tiny_backbone):
    model = build_embedding_model(tiny_backbone(), dimension=5, dropout=0, seed=0).model
    network = build_feature_network(model, "output")
    assert network.groups[0].has_one_scale
    lengths = np.linalg.norm(features(model, "output"), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_an_unknown_layer_is_refused_with_similar_names(classifier):
    with pytest.raises(ArtstyleError, match="block2b_add"):
        build_feature_network(classifier.model, "block2b_ad")
