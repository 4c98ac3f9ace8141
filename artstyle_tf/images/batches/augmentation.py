"""Augmentation policies that preserve an image's style, behind one small interface.

Only this file and `reading.transforms` use albumentations: its development under a free license has
ended, so the policies may be built on another library one day.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artstyle_tf.system.errors import ArtstyleError

# Images of one training run share a size, images on disk do not: a few pipelines are enough for the
# first, and no number would be enough for the second.
_CACHED_PIPELINES_PER_THREAD = 8

# Superpixels and grids divide the image into cells, and albumentations divides by zero where a
# cell is smaller than a pixel.
_SMALLEST_SIDE_FOR_CELLS_PX = 32


def augment_image(image: np.ndarray, *, policy: str, seed: int) -> np.ndarray:
    """Apply a policy; the same image, policy and seed have the same result in every thread.

    Args:
        image: uint8 [H, W, 3], RGB, H and W at least 1.
        policy: a key of `POLICIES`.
        seed: in [0, 2**32), e.g. from `seed_for`.

    Returns:
        uint8 [H, W, 3], a new array of the same size.

    Raises:
        ArtstyleError: if the policy is unknown.
        ValueError: if the image has another shape or dtype.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"`image` should be uint8 [H, W, 3]. Received: {image.dtype} {image.shape}"
        )
    pipeline = _pipeline(policy, image.shape[0], image.shape[1])
    pipeline.set_random_seed(int(seed))  # It refuses NumPy's integers.
    augmented = pipeline(image=np.ascontiguousarray(image))["image"]
    # Where no transform changed anything, the result is the image itself or shares its memory.
    return augmented.copy() if np.may_share_memory(augmented, image) else augmented


def seed_for(*parts: int | str) -> int:
    """Hash numbers and strings to a seed in [0, 2**32), the same on every machine and version.

    The parts are e.g. the run's seed, the epoch, an image's digest; 1 and "1" differ, int and NumPy
    integers do not.
    """
    text = "\x1f".join(f"s{part}" if isinstance(part, str) else f"i{int(part)}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


class _ThreadPipelines(threading.local):
    """One cache per thread: a pipeline has a random state, so threads must not share one."""

    def __init__(self) -> None:
        self.by_key: OrderedDict[tuple[str, int, int], Any] = OrderedDict()


_thread_pipelines = _ThreadPipelines()


def _pipeline(policy: str, height: int, width: int) -> Any:
    if policy not in POLICIES:
        raise ArtstyleError(
            "There is no such augmentation policy",
            received=policy,
            expected=f"one of {', '.join(POLICIES)}",
        )
    cached = _thread_pipelines.by_key
    key = (policy, height, width)
    if key in cached:
        cached.move_to_end(key)
    else:
        cached[key] = _albumentations().Compose(POLICIES[policy](height, width))
        if len(cached) > _CACHED_PIPELINES_PER_THREAD:
            cached.popitem(last=False)
    return cached[key]


def _albumentations() -> Any:
    from artstyle_tf.images.reading.transforms import albumentations

    return albumentations


def _flip(height: int, width: int) -> list[Any]:  # left and right swapped half of the time
    del height, width
    return [_albumentations().HorizontalFlip(p=0.5)]


def _gentle(height: int, width: int) -> list[Any]:  # brushwork stays sharp
    import cv2

    transforms = _albumentations()
    shape = width / height
    return [
        transforms.RandomResizedCrop(
            size=(height, width),
            scale=(0.6, 1.0),
            ratio=(0.93 * shape, 1.07 * shape),
            interpolation=cv2.INTER_CUBIC,
        ),
        transforms.HorizontalFlip(p=0.5),
        transforms.ColorJitter(
            brightness=(0.9, 1.1),
            contrast=(0.9, 1.1),
            saturation=(0.85, 1.15),
            hue=(-0.02, 0.02),
            p=0.8,
        ),
    ]


def _strong(height: int, width: int) -> list[Any]:  # the changes of the reference project as well
    import cv2

    transforms = _albumentations()
    reflect = cv2.BORDER_REFLECT_101
    shortest = min(height, width)
    dropout = transforms.CoarseDropout(
        num_holes_range=(2, 6), hole_height_range=(0.06, 0.15), hole_width_range=(0.06, 0.15)
    )
    superpixels, warps = [], []
    if shortest >= _SMALLEST_SIDE_FOR_CELLS_PX:
        # Its default works on a copy of 128 px, which would blur a larger image beyond use.
        superpixels = [
            transforms.Superpixels(p_replace=(0.1, 0.3), n_segments=(100, 200), max_size=256)
        ]
        elastic = transforms.ElasticTransform(
            # Strength grows with the image: the same bend at 128 px and at 1024 px.
            alpha=0.25 * shortest,
            sigma=0.05 * shortest,
            border_mode=reflect,
        )
        grid = transforms.GridDistortion(
            num_steps=5, distort_limit=(-0.25, 0.25), border_mode=reflect
        )
        warps = [transforms.OneOf([elastic, grid], p=0.3)]
    return [
        transforms.HorizontalFlip(p=0.5),
        transforms.Affine(
            rotate=(-15, 15),
            scale=(0.9, 1.1),
            translate_percent=(-0.06, 0.06),
            shear=(-8, 8),
            border_mode=reflect,
            p=0.7,
        ),
        transforms.ColorJitter(
            brightness=(0.75, 1.25),
            contrast=(0.75, 1.25),
            saturation=(0.7, 1.3),
            hue=(-0.05, 0.05),
            p=0.7,
        ),
        transforms.GaussianBlur(sigma_limit=(0.5, 1.5), p=0.2),
        transforms.OneOf([dropout, *superpixels], p=0.3),
        *warps,
        transforms.RandomResizedCrop(
            size=(height, width),
            scale=(0.5, 1.0),
            ratio=(width / height, width / height),
            interpolation=cv2.INTER_CUBIC,
            p=0.5,
        ),
    ]


POLICIES: dict[str, Callable[[int, int], list[Any]]] = {
    "flip": _flip,
    "gentle": _gentle,
    "strong": _strong,
}
"""(height_px, width_px) -> albumentations transforms for images of that size, by policy."""


@dataclass(frozen=True)
class PolicyStep:
    """One transform of a policy.

    Attributes:
        name: of the transform.
        probability: of being applied to an image by the policy.
        apply: (uint8 [H, W, 3], seed) -> uint8 [H, W, 3]; always applies the transform.
    """

    name: str
    probability: float
    apply: Callable[[np.ndarray, int], np.ndarray]


def policy_steps(policy: str, height: int, width: int) -> list[PolicyStep]:
    """Return the transforms of a policy, a key of `POLICIES`, one by one for images of a size."""
    steps = []
    for transform, probability in _one_by_one(POLICIES[policy](height, width)):
        transform.p = 1.0
        pipeline = _albumentations().Compose([transform])

        def apply(image: np.ndarray, seed: int, pipeline: Any = pipeline) -> np.ndarray:
            pipeline.set_random_seed(int(seed))
            return pipeline(image=np.ascontiguousarray(image))["image"]

        steps.append(PolicyStep(type(transform).__name__, probability, apply))
    return steps


def _one_by_one(transforms: Sequence[Any]) -> Iterator[tuple[Any, float]]:
    for transform in transforms:
        if isinstance(transform, _albumentations().OneOf):
            total = sum(choice.p for choice in transform.transforms)
            yield from ((choice, transform.p * choice.p / total) for choice in transform.transforms)
        else:
            yield transform, transform.p


def policy_fingerprint(policy: str) -> str:
    """Return eight hexadecimal digits that change when the pixels of a policy may change.

    They cover the policy's transforms with their parameters and the libraries that apply them.
    """
    transforms = _albumentations()
    import cv2

    recipe = [repr(transform) for transform in POLICIES[policy](224, 224)]
    parts = [transforms.__version__, cv2.__version__, *recipe]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:8]
