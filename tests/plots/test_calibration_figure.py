from __future__ import annotations

import numpy as np
import pytest

from artstyle_tf.metrics.acceptance_threshold import risk_coverage
from artstyle_tf.metrics.calibration import reliability
from artstyle_tf.plots.calibration import plot_calibration
from artstyle_tf.plots.saving import save_figure


def plot(probabilities, labels):
    return plot_calibration(
        reliability(probabilities, labels),
        risk_coverage(probabilities, labels),
        error=0.123,
        title="A run: test",
    )


@pytest.fixture
def predictions():
    rng = np.random.default_rng(3)
    return rng.dirichlet(np.full(4, 0.3), size=60), rng.integers(0, 4, size=60)


def test_bars_are_the_accuracies_of_the_bins_and_fuller_ones_are_more_opaque(predictions):
    table = reliability(*predictions)
    bars = plot(*predictions).axes[0].patches
    assert [bar.get_height() for bar in bars] == pytest.approx(table["accuracy"].tolist())
    opacities = np.array([bar.get_alpha() for bar in bars])
    assert opacities[table["count"].argmax()] == opacities.max() == 1.0
    assert opacities[table["count"].argmin()] == opacities.min()


def test_the_curve_ends_where_all_predictions_are_accepted(predictions):
    probabilities, labels = predictions
    (curve,) = plot(*predictions).axes[1].get_lines()
    coverage, accuracy = curve.get_data()
    assert coverage[-1] == 1.0
    assert accuracy[-1] == pytest.approx((probabilities.argmax(axis=1) == labels).mean())


def test_one_image_can_be_drawn(tmp_path):
    save_figure(plot(np.array([[0.9, 0.1]]), np.array([0])), tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 5000
