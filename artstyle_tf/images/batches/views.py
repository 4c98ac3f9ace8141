"""A fixed number of augmented versions of each picture, so that nothing random is left to compute.

Training on views is augmentation with a memory: each epoch draws one view of each picture, and what
the network makes of a view has to be computed only once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from artstyle_tf.images.batches.augmentation import augment_picture, policy_fingerprint, seed_for

PLAIN = "plain"
"""Name of view 0: the picture as it is."""


@dataclass(frozen=True)
class Views:
    """How many views a picture has, and how they are made.

    Attributes:
        num_views: V, with the picture itself as view 0.
        policy: of the other views; see `images.batches.augmentation`. Not used if V is 1.
        seed: of the other views.
    """

    num_views: int = 1
    policy: str = "gentle"
    seed: int = 42

    def name(self, view: int) -> str:
        """A name that changes whenever the view's pixels may, in [0, V)."""
        if view == 0:
            return PLAIN
        return f"{self.policy}-{policy_fingerprint(self.policy)}-{self.seed}-{view}"

    def make(self, picture: np.ndarray, digest: str, view: int) -> np.ndarray:
        """One view of a picture.

        Args:
            picture: uint8 [S, S, 3].
            digest: of the picture's file. The view follows from it, so that adding a picture
                leaves the others as they were.
            view: in [0, V).

        Returns:
            uint8 [S, S, 3].
        """
        if view == 0:
            return picture
        seed = seed_for(self.seed, "view", int(view), digest)
        return augment_picture(picture, policy=self.policy, seed=seed)


NO_VIEWS = Views()
"""Only the pictures themselves."""
