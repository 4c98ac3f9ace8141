from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.analysis.out_of_fold import most_ambiguous, most_typical, out_of_fold_probabilities
from artstyle_tf.heads.closed_form import fit_linear_probe


def blobs():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    return 2 * np.eye(3)[labels] + generator.normal(size=(60, 3)), labels


def test_each_image_is_predicted_out_of_fold():
    features, labels = blobs()
    folds = np.arange(60) % 4
    found = out_of_fold_probabilities(features, labels, folds, num_classes=3)
    kernel, bias = fit_linear_probe(
        features[folds != 1],
        labels[folds != 1],
        num_classes=3,
        C=4.0,
        balanced=True,
    )
    logits = features[folds == 1] @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[folds == 1], expected, rtol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    # The label of an image does not affect its own prediction.
    renamed = np.where(folds == 1, (labels + 1) % 3, labels)
    other = out_of_fold_probabilities(features, renamed, folds, num_classes=3)
    np.testing.assert_array_equal(other[folds == 1], found[folds == 1])


def test_a_class_in_only_one_fold_has_no_probability_there():
    features, labels = blobs()
    folds = np.where(labels == 2, 0, np.arange(60) % 3)
    found = out_of_fold_probabilities(features, labels, folds, num_classes=4)
    assert (found[folds == 0][:, 2:] == 0).all()
    assert (found[folds == 1][:, 2] > 0).all()


def test_typical_and_ambiguous_images():
    labels = np.array([0, 0, 0, 2, 2])
    probabilities = np.array(
        [[0.9, 0.1, 0.0], [0.5, 0.45, 0.05], [0.2, 0.8, 0.0], [0.3, 0.1, 0.6], [0.0, 0.0, 1.0]]
    )
    typical = most_typical(labels, probabilities, per_class=2)
    assert [row.tolist() for row in typical] == [[0, 1], [4, 3]]
    ambiguous = most_ambiguous(labels, probabilities, per_class=2)
    assert [row.tolist() for row in ambiguous] == [[1, 2], [3, 4]]


@pytest.mark.parametrize("choose", [most_typical, most_ambiguous])
def test_probabilities_are_not_changed(choose):
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7]])
    choose(np.array([0, 1]), probabilities, per_class=1)
    assert probabilities.tolist() == [[0.6, 0.4], [0.3, 0.7]]
