"""A fixed number of augmented versions of each picture, so that nothing random is left to compute.

Training on views is augmentation with a memory: each epoch draws one view of each picture, and what
the network makes of a view has to be computed only once.
"""

from __future__ import annotations

import numpy as np

from artstyle_tf.images.batches.augmentation import augment_picture, policy_fingerprint, seed_for
from artstyle_tf.images.settings import ViewsConfig

PLAIN = "plain"
"""Name of view 0: the picture as it is."""

NO_VIEWS = ViewsConfig(num_views=1)
"""Only the pictures themselves."""


def view_name(views: ViewsConfig, view: int) -> str:
    """A name that changes whenever the view's pixels may.

    Args:
        views: which the pictures have.
        view: in [0, V).
    """
    if view == 0:
        return PLAIN
    return f"{views.policy}-{policy_fingerprint(views.policy)}-{views.seed}-{view}"


def make_view(views: ViewsConfig, picture: np.ndarray, digest: str, view: int) -> np.ndarray:
    """One view of a picture.

    Args:
        views: which the pictures have.
        picture: uint8 [S, S, 3].
        digest: of the picture's file. The view follows from it, so that adding a picture leaves
            the others as they were.
        view: in [0, V).

    Returns:
        uint8 [S, S, 3].
    """
    if view == 0:
        return picture
    seed = seed_for(views.seed, "view", int(view), digest)
    return augment_picture(picture, policy=views.policy, seed=seed)
