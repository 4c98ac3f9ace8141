"""Features with overflow are rejected by everything that is fitted in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.heads.closed_form import fit_linear_probe, fit_ridge_probe
from artstyle_tf.heads.projection_init import fit_projection
from artstyle_tf.heads.ridge_choice import choose_ridge
from artstyle_tf.metrics.calibration import fit_temperature
from artstyle_tf.system.finite_numbers import NotFiniteError

LABELS = np.arange(30) % 3

FITS = {
    "logistic": lambda features: fit_linear_probe(
        features, LABELS, num_classes=3, C=1.0, balanced=True
    ),
    "ridge": lambda features: fit_ridge_probe(
        features, LABELS, num_classes=3, alpha=1.0, balanced=True
    ),
    "choice of a ridge": lambda features: choose_ridge(
        features, LABELS, np.arange(30), num_classes=3, balanced=True
    ),
    "projection": lambda features: fit_projection(
        features, np.ones((4, 3)), np.zeros(3), dimension=4, pca_fraction=0.5
    ),
}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_no_head_is_fitted_to_features_that_are_not_finite(fit, value):
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    FITS[fit](features)
    features[7, 2] = value
    with pytest.raises(NotFiniteError, match="features"):
        FITS[fit](features)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_no_temperature_is_fitted_to_logits_that_are_not_finite(value):
    logits = np.random.default_rng(0).normal(size=(30, 3))
    assert fit_temperature(logits, LABELS) > 0
    logits[4, 1] = value
    with pytest.raises(NotFiniteError, match="1 of 30"):
        fit_temperature(logits, LABELS)
