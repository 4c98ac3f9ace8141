"""Augmentation policies are deterministic everywhere and change what they should."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from artstyle_tf.images.batches.augmentation import (
    POLICIES,
    augment_image,
    policy_steps,
    seed_for,
)
from artstyle_tf.inspection.augmentation_preview import time_policy
from artstyle_tf.system.errors import ArtstyleError


def _image(height: int = 60, width: int = 80) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    red = columns * 255 // max(width - 1, 1)
    green = rows * 255 // max(height - 1, 1)
    return np.stack([red, green, (rows // 5 + columns // 5) % 2 * 200], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("policy", POLICIES)
def test_same_seed_same_image_in_any_thread_and_any_order(policy):
    image = _image()
    seeds = [seed_for(7, number) for number in range(40)]
    expected = [augment_image(image, policy=policy, seed=seed) for seed in seeds]

    with ThreadPoolExecutor(4) as executor:
        results = executor.map(
            lambda seed: augment_image(image, policy=policy, seed=seed), reversed(seeds)
        )
        for result, wanted in zip(results, reversed(expected), strict=True):
            np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize(("policy", "least"), [("flip", 2), ("gentle", 30), ("strong", 30)])
def test_seeds_give_different_images(policy, least):
    results = {augment_image(_image(), policy=policy, seed=seed).tobytes() for seed in range(40)}
    assert len(results) >= least


def test_flip_only_mirrors():
    image = _image()
    for seed in range(10):
        result = augment_image(image, policy="flip", seed=seed)
        assert np.array_equal(result, image) or np.array_equal(result, image[:, ::-1])


def test_gentle_keeps_fine_detail_and_strong_does_not():
    # Fine detail is brushwork, and that is what a style is made of.
    noise = np.random.default_rng(0).integers(0, 256, (160, 200, 1)).repeat(3, axis=2)
    image = noise.astype(np.uint8)

    def detail(of: np.ndarray) -> float:
        return float(np.abs(np.diff(of.astype(float), axis=1)).mean())

    def least_detail(policy: str) -> float:
        results = (augment_image(image, policy=policy, seed=seed) for seed in range(40))
        return min(map(detail, results)) / detail(image)

    assert least_detail("flip") == 1
    assert least_detail("gentle") > 0.5
    assert least_detail("strong") < 0.3


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (5, 300), (31, 33), (64, 48)])
def test_every_size_works_and_keeps_its_size(policy, size):
    image = _image(*size)
    before = image.copy()
    for seed in range(25):
        result = augment_image(image, policy=policy, seed=seed)
        assert result.shape == image.shape
        assert result.dtype == np.uint8
        assert not np.shares_memory(result, image)
    np.testing.assert_array_equal(image, before)


def test_views_and_read_only_images_work():
    image = _image()[:, ::-1]
    image.flags.writeable = False
    plain = np.ascontiguousarray(image)
    for policy in POLICIES:
        np.testing.assert_array_equal(
            augment_image(image, policy=policy, seed=3),
            augment_image(plain, policy=policy, seed=np.int64(3)),  # As pandas hands it out.
        )


def test_unknown_policy_names_the_known_ones():
    with pytest.raises(
        ArtstyleError, match=r"Received: wild\. Expected: one of flip, gentle, strong"
    ):
        augment_image(_image(), policy="wild", seed=0)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_wrong_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match="uint8"):
        augment_image(wrong, policy="flip", seed=0)


def test_seed_for_never_changes():
    # Seeds are written into manifests: other numbers would make other images of old runs.
    assert seed_for(42, "abc", 1) == 2976865160
    assert seed_for(42, "abc", 1) == seed_for(np.int64(42), "abc", np.int32(1))
    assert len({seed_for(1), seed_for("1"), seed_for(1, 1), seed_for("1", ""), seed_for(11)}) == 5


def test_seeds_are_spread_over_32_bits():
    seeds = np.array([seed_for("image", number) for number in range(2000)], dtype=np.float64)
    assert len(np.unique(seeds)) == 2000
    assert seeds.min() >= 0
    assert seeds.max() < 2**32
    assert abs(seeds.mean() / 2**32 - 0.5) < 0.03


def test_importing_is_light_and_albumentations_asks_no_network():
    program = (
        "import sys, os\n"
        "from artstyle_tf.images.batches import augmentation\n"
        "assert 'albumentations' not in sys.modules and 'cv2' not in sys.modules\n"
        "import numpy\n"
        "augmentation.augment_image(numpy.zeros((8, 8, 3), 'uint8'), policy='flip', seed=0)\n"
        "assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("NO_ALBUMENTATIONS_UPDATE", None)
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, env=environment)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_the_steps_of_a_policy_are_its_transforms_with_their_chances(policy):
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    steps = policy_steps(policy, 64, 64)
    names = [step.name for step in steps]
    assert "OneOf" not in names
    assert "HorizontalFlip" in names
    assert all(0 < step.probability <= 1 for step in steps)
    for step in steps:
        first, again = step.apply(image, 7), step.apply(image, 7)
        assert (first.shape, first.dtype) == (image.shape, np.uint8)
        assert np.array_equal(first, again)
        assert not np.array_equal(first, image), step.name  # it is always applied


def test_one_of_several_transforms_has_its_share_of_the_chance():
    chances = {step.name: step.probability for step in policy_steps("strong", 64, 64)}
    pair = chances["ElasticTransform"], chances["GridDistortion"]
    assert pair == pytest.approx((0.15, 0.15))
    assert chances["Superpixels"] == pytest.approx(0.15)


def test_the_cost_of_a_policy_is_reported_by_transform():
    images = list(np.random.default_rng(1).integers(0, 255, (3, 48, 48, 3), dtype=np.uint8))
    cost = time_policy("strong", images, seed=0)
    assert list(cost["transform"])[-1] == "whole policy"
    assert len(cost) == len(policy_steps("strong", 48, 48)) + 1
    assert (cost["milliseconds"] > 0).all()
    assert np.allclose(cost["expected_milliseconds"], cost["probability"] * cost["milliseconds"])
    expected = cost["expected_milliseconds"]
    assert expected.iloc[-1] == pytest.approx(expected.iloc[:-1].sum())
    slow = cost.set_index("transform")["milliseconds"]
    assert slow["Superpixels"] > slow["HorizontalFlip"]
