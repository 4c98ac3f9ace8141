from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.heads.closed_form import fit_ridge_probe
from artstyle_tf.heads.ridge_choice import ALPHAS, choose_ridge
from artstyle_tf.models.features import FeatureGroup

_CLASSES, _ARTISTS, _EACH = 3, 8, 6


def artists(*, features, spread, seed=0):
    """Sample features with an effect of the artist, of standard deviation `spread`."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(_CLASSES * _ARTISTS), _EACH)
    labels = clusters // _ARTISTS
    centers = generator.normal(0, 0.5, (_CLASSES, features))[labels]
    habits = generator.normal(0, spread, (_CLASSES * _ARTISTS, features))[clusters]
    return centers + habits + generator.normal(0, 1, (len(labels), features)), labels, clusters


@pytest.mark.parametrize("features", [12, 400])  # fewer and more than images
def test_scores_are_those_of_probes_fitted_without_the_fold(features, monkeypatch):
    points, labels, clusters = artists(features=features, spread=1.0)
    groups = [FeatureGroup(4, has_one_scale=False), FeatureGroup(features - 4, has_one_scale=True)]
    settings = {"num_classes": _CLASSES, "balanced": True, "groups": groups}
    folds = clusters % 4  # every artist in one fold
    monkeypatch.setattr("artstyle_tf.heads.ridge_choice.assign_folds", lambda *_, **__: folds)
    choice = choose_ridge(points, labels, clusters, num_folds=4, **settings)
    for ridge in (ALPHAS[0], ALPHAS[-1]):
        predicted = np.empty_like(labels)
        for number in range(4):
            learned = folds != number
            kernel, bias = fit_ridge_probe(
                points[learned], labels[learned], alpha=ridge, **settings
            )
            predicted[~learned] = (points[~learned] @ kernel + bias).argmax(axis=1)
        scores = [
            2
            * np.sum((predicted == label) & (labels == label))
            / (np.sum(predicted == label) + np.sum(labels == label))
            for label in range(_CLASSES)
        ]
        assert choice.scores[ridge] == pytest.approx(np.mean(scores), abs=0.01)
    assert choice.scores[choice.alpha] == max(choice.scores.values())


def test_images_by_the_same_artist_are_in_one_fold():
    """Scores are too high if the artists of an image are in the training folds."""
    points, labels, clusters = artists(features=60, spread=2.0)
    alone = np.arange(len(labels))
    settings = {"num_classes": _CLASSES, "balanced": True}
    known = choose_ridge(points, labels, alone, **settings)
    new = choose_ridge(points, labels, clusters, **settings)
    assert max(known.scores.values()) > max(new.scores.values()) + 0.2


def test_noise_needs_a_smooth_fit_and_ties_go_to_the_smoother():
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1], 20)
    points = labels[:, None] * 10.0 + generator.normal(0, 0.1, (40, 2))
    choice = choose_ridge(points, labels, np.arange(40), num_classes=2, balanced=True)
    assert set(choice.scores.values()) == {1.0}
    assert choice.alpha == max(ALPHAS)


def test_fewer_artists_than_folds_are_enough():
    points, labels, _ = artists(features=5, spread=1.0)
    choice = choose_ridge(
        points, labels, np.arange(len(labels)) % 3, num_classes=_CLASSES, balanced=False
    )
    assert choice.alpha in ALPHAS
