"""Features: activations of a network at one of its layers, computed once and stored on disk."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from artstyle_tf.analysis.analyzed_images import AnalysisSource
from artstyle_tf.analysis.feature_shards import FeatureShards
from artstyle_tf.images.batches.batches import evaluation_batches, steps_per_epoch
from artstyle_tf.images.batches.image_store import ImageStore, errors_of_reading
from artstyle_tf.models.features import POOLING_NAME, FeatureGroup, feature_groups
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.trunk_cache.frozen_graph import freeze
from artstyle_tf.trunk_cache.trunk_runtime import TrunkRuntime, open_trunk_runtime

HEAD, POOLED, OUTPUT = "head", "pooled", "output"
"""Names that every network has: the input of its head, its pooled top, and its output."""

# The layers that `models` builds between the backbone and the head.
_BEFORE_HEAD, _JOINED = "dropout", "features"


@dataclass(frozen=True)
class FeatureNetwork:
    """A network up to one layer.

    Attributes:
        model: float32 [B, S, S, 3] in 0..255 -> features float32 [B, D].
        layer: as configured.
        groups: parts of D that are scaled as wholes; see `heads.closed_form.feature_scales`.
    """

    model: keras.Model
    layer: str
    groups: tuple[FeatureGroup, ...]


def build_feature_network(model: keras.Model, layer: str) -> FeatureNetwork:
    """Cut a network at a layer.

    Args:
        model: float32 [B, S, S, 3] -> logits, embedding or, for a bare backbone, feature map.
        layer: "head" for the input of the classifier, "pooled" for the means of the top feature
            map, "output" for logits or embedding, or the name of any layer. Feature maps are
            averaged over all positions.

    Raises:
        ArtstyleError: if there is no such layer, or its output is neither a vector nor a map.
    """
    tensor = _tensor(model, layer)
    joined = tensor
    if len(tensor.shape) == 4:
        tensor = keras.layers.GlobalAveragePooling2D(name="pooled_features")(tensor)
    if len(tensor.shape) != 2 or tensor.shape[-1] is None:
        raise ArtstyleError(
            f"The layer {layer} has no features of an image",
            received=f"an output of shape {tuple(tensor.shape)}",
            expected="a vector or a feature map",
            fix="choose another layer, e.g. layer=pooled",
        )
    if tensor is joined:
        tensor = keras.layers.Identity()(tensor)  # a new layer always gives a valid model
    network = keras.Model(model.input, tensor, name="feature_network")
    if layer == OUTPUT:  # logits and embeddings are compared as they are
        groups = (FeatureGroup(int(tensor.shape[-1]), has_one_scale=True),)
    else:
        groups = _groups(model, joined, int(tensor.shape[-1]))
    return FeatureNetwork(network, layer, groups)


def _tensor(model: keras.Model, layer: str) -> keras.KerasTensor:
    names = [known.name for known in model.layers]
    if layer == OUTPUT:
        return model.output
    if layer == POOLED:
        return model.get_layer(POOLING_NAME).output if POOLING_NAME in names else model.output
    if layer == HEAD:
        # A bare backbone has no head; a pooled head would read its pooled top.
        return model.get_layer(_BEFORE_HEAD).input if _BEFORE_HEAD in names else model.output
    if layer not in names:
        near = difflib.get_close_matches(layer, names, n=3, cutoff=0.4)
        raise ArtstyleError(
            f"The network {model.name} has no such layer",
            received=f"layer={layer}",
            expected=f"{HEAD}, {POOLED}, {OUTPUT} or the name of a layer"
            + (f", such as {', '.join(near)}" if near else ""),
        )
    output = model.get_layer(layer).output
    if isinstance(output, list | tuple):
        raise ArtstyleError(f"The layer {layer} has several outputs", fix="choose another layer")
    return output


def _groups(model: keras.Model, tensor: keras.KerasTensor, size: int) -> tuple[FeatureGroup, ...]:
    """Return the pooled top and the style of each block, where they are joined; else one group."""
    if _JOINED in [layer.name for layer in model.layers]:
        joined = model.get_layer(_JOINED)
        if tensor is joined.output:
            return feature_groups(joined.input)
    return (FeatureGroup(size, has_one_scale=False),)


def extract_features(
    source: AnalysisSource,
    network: FeatureNetwork,
    *,
    root: Path,
    batch_size: int,
    invocation: Invocation,
) -> FeatureShards:
    """Compute the features that are not on disk yet.

    Args:
        source: of the images.
        network: computes the features.
        root: folder of all features.
        batch_size: of the forward passes.
        invocation: options of the command.

    Returns:
        The features of all images, augmented copies too.

    Raises:
        ArtstyleError: if an image cannot be read any more, or the folder cannot be written.
    """
    description = {
        "layer": network.layer,
        "weights": weights_digest(network.model),
        "keras": keras.__version__,
        "image_size_px": source.image_size_px,
        "aspect": source.aspect,
        "dimension": int(network.model.output_shape[-1]),
    }
    shards = FeatureShards(
        root,
        network.layer.replace("/", "_"),  # not of the run: frozen networks share their features
        description,
        source.prepared.manifest,
        reporter=invocation.reporter,
    )
    runtime: TrunkRuntime | None = None

    def compute(rows: pd.DataFrame) -> np.ndarray:
        """Compute the features of one shard; images are read batch by batch."""
        nonlocal runtime
        store = ImageStore(
            [source.prepared.root / path for path in rows["path"]],
            image_size_px=source.image_size_px,
            aspect=source.aspect,
            digests=list(rows["digest"]),
        )
        no_labels = np.zeros(len(rows), np.int32)
        batches = evaluation_batches(store, no_labels, batch_size=batch_size)
        features = []
        for images, _ in invocation.reporter.track(
            batches.as_numpy_iterator(),
            total=steps_per_epoch(len(rows), batch_size),
            description=f"Features of {len(rows):,} images",
            unit="batches",
        ):
            if runtime is None:
                runtime = open_trunk_runtime(
                    network.model,
                    "auto",
                    images,
                    compile_trunk=freeze,
                    reporter=invocation.reporter,
                )
            features += runtime.run(images)
        return np.concatenate(features)

    with invocation.stopwatch.stage("features"), errors_of_reading():
        shards.extract(compute)
    return shards
