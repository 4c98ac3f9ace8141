"""A fixed number of augmented views of each image, so that activations can be cached.

Each epoch draws one view of each image, and the activations of a view are computed only once.
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
    """Return a name of a view in [0, V) that changes whenever its pixels may change."""
    if view == 0:
        return PLAIN
    return f"{views.policy}-{policy_fingerprint(views.policy)}-{views.seed}-{view}"


def make_view(views: ViewsConfig, image: np.ndarray, digest: str, view: int) -> np.ndarray:
    """Create view `view`, in [0, V), of an image, uint8 [S, S, 3].

    The view depends on the digest of the image's file, so that adding an image does not change the
    others.
    """
    if view == 0:
        return image
    seed = seed_for(views.seed, "view", int(view), digest)
    return augment_image(image, policy=views.policy, seed=seed)
