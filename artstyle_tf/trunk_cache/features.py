"""Features of any images from a pretrained backbone, computed once and stored on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from artstyle_tf.images.settings import AspectPolicy, DataConfig
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.models.network import Network
from artstyle_tf.models.settings import ModelConfig
from artstyle_tf.models.splitting import branch_statistics, build_features
from artstyle_tf.models.style_head import principal_projection
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.trunk_cache.activation_cache import ActivationCache, Activations
from artstyle_tf.trunk_cache.cache_folder import filling
from artstyle_tf.trunk_cache.feature_matrix import FeatureMatrix
from artstyle_tf.trunk_cache.feature_request import (
    STYLE,
    FeatureRequest,
    Layers,
    build_layers,
    check_layers,
    feature_request,
)
from artstyle_tf.trunk_cache.frozen_graph import freeze
from artstyle_tf.trunk_cache.identified_images import (
    NO_IMAGES,
    IdentifiedImages,
    ImagePath,
    ImageReader,
    identify_images,
)
from artstyle_tf.trunk_cache.settings import TrunkCacheConfig
from artstyle_tf.trunk_cache.trunk_runtime import RuntimeChoice

FORMAT_VERSION = 1

_BATCH_SIZE = 32


class TrunkCache:
    """Features of images, which a second call with the same images reads from disk.

    Everything is found by content: the digest of each image's file, the weights, the layers and the
    image size. So a moved or renamed image is recognized, a changed one is computed again, and of a
    list with new images only these are computed. Several processes can use one folder at the same
    time; it can be the folder of a training, too. `trunk_cache.py` lists and clears it.

    Args:
        folder: where the features are stored; created if it does not exist.
        size_limit_gb: for the whole folder; the least recently used tables are removed. None for
            the default of `training.trunk_cache`.
        runtime: of the forward passes: "auto", "keras" or "openvino".
        reporter: where progress goes; None for stderr.

    Example:
        ```python
        cache = TrunkCache("outputs/trunk_cache")
        files = sorted(Path("data/images").rglob("*.jpg"))
        options = {"backbone": "efficientnet_v2_b0", "layers": "style"}
        X = cache.features(files, **options)
        y = [file.parent.name for file in files]
        cross_val_score(RidgeHead(feature_groups=cache.feature_groups(**options)), X, y)
        ```
    """

    def __init__(
        self,
        folder: ImagePath,
        *,
        size_limit_gb: float | None = None,
        runtime: RuntimeChoice = "auto",
        reporter: Reporter | None = None,
    ) -> None:
        self.folder = Path(folder)
        limit_gb = TrunkCacheConfig().size_limit_gb if size_limit_gb is None else size_limit_gb
        self._size_limit_bytes = int(limit_gb * 1e9)
        self._runtime: RuntimeChoice = runtime
        self._reporter = reporter if reporter is not None else Reporter()
        self._opened: tuple[object, tuple[Network, ActivationCache]] | None = None

    def features(
        self,
        paths: Sequence[ImagePath],
        *,
        backbone: str,
        weights: str | os.PathLike[str] = "pretrained",
        layers: Layers = "style",
        image_size_px: int | None = None,
        aspect: AspectPolicy | None = None,
        projections_from: Sequence[ImagePath] | None = None,
    ) -> np.memmap:
        """Read or compute the features of images.

        Images are decoded as in preparation and training: any format that the program reads,
        upright, in sRGB, on white, reduced to at most `data.max_side_px`, then made square.

        Args:
            paths: N image files.
            backbone: name of a backbone, such as "efficientnet_v2_b0" or "hub:dinov2_small".
            weights: "pretrained", "imagenet", "demo", or the path of a weights file without top.
            layers: what to read.
                - "pooled": means of the feature map at the top, [N, C].
                - A list of names of blocks: means of the feature map that leaves each of them,
                  joined in the order of the list.
                - "style": what a style head reads before any training: the pooled top, then, of
                  each of the default blocks (`models.style_head.choose_style_blocks`), the matrix
                  square root of its second moments, projected to `model.style.width` channels
                  (`models.style_head.StylePooling`). The projections are the principal directions
                  of the mean second moments of `projections_from`; no labels are used. So these
                  features depend on the set of images.
            image_size_px: side S of the square input of the network, in pixels; None for the
                default of `model.image_size_px`.
            aspect: how an image becomes a square: "squash", "crop" or "pad"; None for the default
                of `data.aspect`.
            projections_from: with "style", the image files that give the projections; None for
                `paths`. Give the training images when you compute features of others for a
                classifier of the first: features of two projections cannot be compared.

        Returns:
            float32 [N, D], read-only, a memory map; row n belongs to path n.

        Raises:
            ArtstyleError: if an image cannot be read, if backbone, weights or layers are not
                known, or if the folder cannot be written.
        """
        request = feature_request(backbone, weights, layers, image_size_px, aspect)
        if projections_from is not None and layers != STYLE:
            raise ArtstyleError(
                "Only style features have projections",
                received=f"projections_from with layers={layers!r}",
                fix='leave projections_from out, or use layers="style"',
            )
        images = identify_images(paths, self._reporter)
        reference = (
            images
            if projections_from is None
            else identify_images(projections_from, self._reporter)
        )
        if layers != STYLE:
            reference = NO_IMAGES
        matrix = self._matrix(request, images, reference)
        if matrix is not None and (found := matrix.open()) is not None:
            return found
        return self._computed(request, images, reference)

    def feature_groups(
        self, *, backbone: str, layers: Layers = "style", image_size_px: int | None = None
    ) -> tuple[FeatureGroup, ...]:
        """Return which columns of `features` belong together, as `feature_groups` of the heads.

        Arguments as in `features`. The result is (size, has_one_scale, depth) of each group, in the
        order of the columns.
        """
        check_layers(layers)
        size_px = image_size_px or ModelConfig().image_size_px
        bare = build_backbone(backbone, image_size_px=size_px, weights=None)
        return build_layers(bare, layers)[1]

    def _computed(
        self, request: FeatureRequest, images: IdentifiedImages, reference: IdentifiedImages
    ) -> np.memmap:
        network, cache = self._open(request)
        matrix = self._matrix(request, images, reference)
        assert matrix is not None  # the weights are on this machine now
        every = images.together_with(reference)
        reader = ImageReader(
            every,
            image_size_px=request.image_size_px,
            aspect=request.aspect,
            max_side_px=DataConfig().max_side_px,
        )
        with filling([matrix.folder], self._reporter):
            found = matrix.open()  # another program may have been faster
            if found is not None:
                return found
            rows = cache.activations(
                [0], every.keys, reader.batches, dtype="float32", description="images"
            )[0]
            if reference.keys:
                _start_projections(network, rows, reference.positions_in(every))
            return matrix.write(
                _features(network, rows, images.positions_in(every)),
                (len(images.keys), int(network.features.tensor.shape[-1])),
                size_limit_bytes=self._size_limit_bytes,
                kept=[table.folder.name for table in cache.tables([0], "float32").values()],
            )

    def _open(self, request: FeatureRequest) -> tuple[Network, ActivationCache]:
        """Build the network, or return the last one if it is the same: building takes seconds."""
        key = (request, request.weights_digest())
        if self._opened is not None and self._opened[0] == key:
            return self._opened[1]
        backbone = build_backbone(
            request.backbone, image_size_px=request.image_size_px, weights=request.weights
        )
        network, _ = build_layers(backbone, request.layers)
        cache = ActivationCache(
            self.folder,
            network,
            preprocessing=request.preprocessing,
            size_limit_bytes=self._size_limit_bytes,
            runtime=self._runtime,
            compile_trunk=freeze,
            reporter=self._reporter,
        )
        # Again, because building may have downloaded them.
        self._opened = ((request, request.weights_digest()), (network, cache))
        return network, cache

    def _matrix(
        self, request: FeatureRequest, images: IdentifiedImages, reference: IdentifiedImages
    ) -> FeatureMatrix | None:
        """Return where the features are, or will be; None while weights must be downloaded."""
        digest = request.weights_digest()
        if digest is None:
            return None
        description = {
            "format": FORMAT_VERSION,
            "backbone": request.backbone,
            "boundary": "features",  # listed with the boundaries of activations in the cache
            "weights_file": digest,
            "keras": keras.__version__,
            **request.preprocessing,
            "dtype": "float32",
            "images": images.digest,
            "projections_from": reference.digest if reference.keys else None,
        }
        return FeatureMatrix(self.folder, description, reporter=self._reporter)


def _start_projections(network: Network, rows: Activations, positions: np.ndarray) -> None:
    """Initialize each style branch with the principal directions of some rows."""
    total = np.zeros(rows.row_shape)
    for batch in _batches(positions):
        total += np.asarray(rows.read(batch, np.zeros_like(batch)), np.float64).sum(axis=0)
    means = branch_statistics(network, total / len(positions))
    for pooling, mean in zip(network.features.style_poolings, means, strict=True):
        pooling.projection.assign(principal_projection(mean, width=pooling.width))


def _features(network: Network, rows: Activations, positions: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the features of some rows: float32 [B, D]."""
    to_features = build_features(network) if network.features.branches else None
    for batch in _batches(positions):
        read = rows.read(batch, np.zeros_like(batch))
        yield read if to_features is None else to_features.predict_on_batch(read)


def _batches(positions: np.ndarray) -> list[np.ndarray]:
    return np.array_split(positions, range(_BATCH_SIZE, len(positions), _BATCH_SIZE))
