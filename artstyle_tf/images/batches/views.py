"""A fixed number of augmented versions of each image, so that nothing random is left to compute.

Training on views is augmentation with a memory: each epoch draws one view of each image, and what
the network makes of a view has to be computed only once.
"""

from __future__ import annotations

import numpy as np

from artstyle_tf.images.batches.augmentation import augment_image, policy_fingerprint, seed_for
from artstyle_tf.images.settings import ViewsConfig

PLAIN = "plain"
"""Name of view 0: the image as it is."""

NO_VIEWS = ViewsConfig(num_views=1)
"""Only the images themselves."""


def view_name(views: ViewsConfig, view: int) -> str:
    """A name that changes whenever the view's pixels may.

    Args:
        views: which the images have.
        view: in [0, V).
    """
    if view == 0:
        return PLAIN
    return f"{views.policy}-{policy_fingerprint(views.policy)}-{views.seed}-{view}"


def make_view(views: ViewsConfig, image: np.ndarray, digest: str, view: int) -> np.ndarray:
    """One view of an image.

    Args:
        views: which the images have.
        image: uint8 [S, S, 3].
        digest: of the image's file. The view follows from it, so that adding an image leaves
            the others as they were.
        view: in [0, V).

    Returns:
        uint8 [S, S, 3].
    """
    if view == 0:
        return image
    seed = seed_for(views.seed, "view", int(view), digest)
    return augment_image(image, policy=views.policy, seed=seed)
