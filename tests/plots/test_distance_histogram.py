from __future__ import annotations

import warnings

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from artstyle_tf.plots.distance_histogram import plot_distance_histogram
from artstyle_tf.plots.saving import save_figure
from artstyle_tf.plots.theme import BLUE, ORANGE, house_style


def draw(figure):
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    return figure


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def shares_of(figure):
    """Return values and edges of the distributions, in drawing order."""
    return [(patch.get_data().values, patch.get_data().edges) for patch in figure.axes[0].patches]


@pytest.fixture
def distances():
    generator = np.random.default_rng(0)
    return generator.uniform(0.2, 1.0, 4000), generator.uniform(0.8, 1.6, 20_000)


def test_both_distributions_share_bins_and_hold_all_their_pairs(distances):
    figure = draw(plot_distance_histogram(*distances, title="run: test"))
    (same, edges), (different, other_edges), (common, _) = shares_of(figure)
    assert np.array_equal(edges, other_edges)
    assert same.sum() == pytest.approx(1)
    assert different.sum() == pytest.approx(1)
    assert common == pytest.approx(np.minimum(same, different))
    inside = (edges[:-1] > 0.2) & (edges[1:] < 1.0)
    assert same[inside] == pytest.approx(np.diff(edges)[inside] / 0.8, rel=0.4)  # uniform
    assert same[edges[:-1] > 1.0].sum() == 0
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "run: test"
    assert axes.get_xlabel() == "L2 distance between embeddings"
    assert axes.get_ylabel() == "Share of the pairs"


def test_fills_are_transparent_and_outlines_are_not(distances):
    first, second, _ = plot_distance_histogram(*distances, title="t").axes[0].patches
    for patch, color in ((first, BLUE), (second, ORANGE)):
        assert to_hex(patch.get_facecolor()) == to_hex(patch.get_edgecolor()) == color.lower()
        assert patch.get_facecolor()[3] < 0.5
        assert patch.get_edgecolor()[3] == 1


def test_the_legend_has_means_counts_and_the_overlap(distances):
    figure = plot_distance_histogram(*distances, title="t")
    same, different = distances
    *names, common = legend_of(figure)
    assert names == [
        f"same style: mean {same.mean():.2f}, 4,000 pairs",
        f"different styles: mean {different.mean():.2f}, 20,000 pairs",
    ]
    assert common == f"overlap: {shares_of(figure)[2][0].sum():.0%}"
    assert int(common[-3:-1]) == pytest.approx(25, abs=2)  # 0.8 to 1.0, of a width of 0.8
    positions = [lines.get_segments()[0][0][0] for lines in figure.axes[0].collections]
    assert positions == pytest.approx([same.mean(), different.mean()])


@pytest.mark.parametrize(
    ("different", "common"), [([0.1, 0.2], "100%"), ([0.1, 1.2], "50%"), ([1.1, 1.2], "0%")]
)
def test_the_overlap_shows_how_informative_distances_are(different, common):
    figure = plot_distance_histogram(np.array([0.1, 0.2]), np.array(different), title="t")
    assert legend_of(figure)[-1] == f"overlap: {common}"


def test_two_small_samples_of_one_distribution_overlap():
    generator = np.random.default_rng(0)
    same, different = generator.normal(1, 0.15, 60), generator.normal(1, 0.15, 5000)
    common = legend_of(plot_distance_histogram(same, different, title="t"))[-1]
    assert int(common.split()[-1].rstrip("%")) >= 85


@pytest.mark.parametrize("value", [0.0, 0.001, 2.0])
def test_a_collapsed_embedding_looks_collapsed(value):
    figure = draw(
        plot_distance_histogram(np.full(50, value), np.full(300, value), margin=0.2, title="t")
    )
    axes = figure.axes[0]
    assert axes.get_xlim()[0] == 0
    assert axes.get_xlim()[1] >= 2  # 0.001 is not stretched over the whole axis
    assert legend_of(figure)[-1] == "overlap: 100%"
    assert axes.get_yticks().max() == 1  # no share is above 100%


@pytest.mark.parametrize(("num_same", "num_different"), [(0, 0), (0, 5), (5, 0)])
def test_without_pairs_of_a_kind_there_is_nothing_in_common(num_same, num_different):
    figure = draw(
        plot_distance_histogram(np.ones(num_same), np.ones(num_different), margin=0.2, title="t")
    )
    first, second = legend_of(figure)
    assert first == ("same style: mean 1.00, 5 pairs" if num_same else "same style: no pairs")
    assert second.endswith("mean 1.00, 5 pairs" if num_different else "no pairs")
    assert len(figure.axes[0].texts) == (num_same > 0)  # the margin begins at the mean


def test_the_margin_bar_has_the_given_length(distances):
    figure = draw(plot_distance_histogram(*distances, margin=0.3, title="t"))
    (bar,) = figure.axes[0].get_lines()
    start, end = bar.get_xdata()
    assert start == pytest.approx(distances[0].mean())
    assert end - start == pytest.approx(0.3)
    assert [text.get_text() for text in figure.axes[0].texts] == ["margin 0.3"]
    assert plot_distance_histogram(*distances, title="t").axes[0].get_lines()[:] == []


@pytest.mark.parametrize(("mean", "margin"), [(0.0, 0.2), (0.7, 0.2), (1.95, 0.1), (0.5, 3.0)])
def test_the_name_of_the_margin_stays_inside_the_axes(mean, margin):
    figure = draw(plot_distance_histogram(np.full(9, mean), np.ones(9), margin=margin, title="t"))
    axes = figure.axes[0]
    name, frame = axes.texts[0].get_window_extent(), axes.get_window_extent()
    assert frame.x0 <= name.x0
    assert name.x1 <= frame.x1
    assert name.y1 <= frame.y1
    assert axes.get_xlim()[1] > mean + margin - 1e-9


def test_values_that_are_not_finite_are_left_out():
    same = np.array([0.5, np.nan, np.inf], dtype=np.float32)
    figure = draw(plot_distance_histogram(same, np.ones(2), title="t"))
    assert legend_of(figure)[0] == "same style: mean 0.50, 1 pair"


def test_distances_beyond_the_unit_sphere_widen_the_axis():
    figure = plot_distance_histogram(np.array([0.5]), np.array([7.0]), title="t")
    assert figure.axes[0].get_xlim() == (0, 7)
    assert shares_of(figure)[1][0].sum() == 1


def test_two_million_distances_make_a_readable_image(tmp_path):
    generator = np.random.default_rng(0)
    different = generator.normal(1.3, 0.2, 2_000_000).astype(np.float32)
    figure = plot_distance_histogram(different[:400_000] / 2, different, title="$x^{ " * 5)
    save_figure(figure, tmp_path / "distances.png")
    with Image.open(tmp_path / "distances.png") as image:
        image.load()
        assert image.format == "PNG"
        # A legend that is wider than the figure would widen the file.
        assert image.width <= 8.5 * 150 + 40
