"""What the features of an image follow from, apart from the image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.images.settings import AspectPolicy, DataConfig
from artstyle_tf.models.backbone_registry import check_backbone, imagenet_file
from artstyle_tf.models.settings import ModelConfig
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.trunk_cache.feature_layers import Layers, check_layers
from artstyle_tf.trunk_cache.identified_images import file_digest


@dataclass(frozen=True)
class FeatureRequest:
    """The arguments of `TrunkCache.features` without the images; see there."""

    backbone: str
    weights: str
    layers: str | tuple[str, ...]
    image_size_px: int
    aspect: AspectPolicy

    @property
    def preprocessing(self) -> dict[str, object]:
        """What happens to an image before the network, and what is read of it, as JSON values."""
        return {
            "image_size_px": self.image_size_px,
            "aspect": self.aspect,
            "max_side_px": DataConfig().max_side_px,
            "layers": self.layers if isinstance(self.layers, str) else list(self.layers),
        }

    def weights_digest(self) -> str | None:
        """SHA-256 of the weights file as it is now; None if it is not on this machine."""
        is_imagenet = self.weights == "imagenet"
        file = imagenet_file(self.backbone) if is_imagenet else Path(self.weights)
        return file_digest(file) if file.is_file() else None


def feature_request(
    backbone: str,
    weights: str | os.PathLike[str] | None,
    layers: Layers,
    image_size_px: int | None,
    aspect: AspectPolicy | None,
) -> FeatureRequest:
    """Checks the arguments, as far as that goes without the network, and fills in the defaults.

    Raises:
        ArtstyleError: if backbone, weights or layers are not known.
    """
    check_layers(layers)
    if weights is None:
        raise ArtstyleError(
            "Features of random weights would be others in every call",
            received="weights=None",
            expected='"imagenet", or the path of a weights file without top',
        )
    check_backbone(backbone, os.fspath(weights))
    return FeatureRequest(
        backbone=backbone,
        weights=os.fspath(weights),
        layers=layers if isinstance(layers, str) else tuple(layers),
        image_size_px=image_size_px or ModelConfig().image_size_px,
        aspect=aspect or DataConfig().aspect,
    )
