"""The start of style branches: projections on the principal directions of the images."""

from __future__ import annotations

from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import branch_statistics
from artstyle_tf.models.style_head import principal_projection
from artstyle_tf.system.finite_numbers import check_finite
from artstyle_tf.training.image_inputs import ImageInputs


def start_style(network: Network, inputs: ImageInputs) -> None:
    """Initialize the projection of each style branch with its principal directions.

    Args:
        network: changed in place; nothing happens without style branches.
        inputs: of its training.

    Raises:
        NotFiniteError: if an activation of the training images is not finite.
    """
    if not network.features.style_poolings:
        return
    mean_row = inputs.mean_row("train")
    check_finite(
        mean_row[None],
        "the activations of the train images",
        fix="check model.weights, which may be damaged or made for another input",
    )
    means = branch_statistics(network, mean_row)
    for pooling, mean in zip(network.features.style_poolings, means, strict=True):
        pooling.projection.assign(principal_projection(mean, width=pooling.width))
