"""The first projections of a style head, from the training pictures alone."""

from __future__ import annotations

from artstyle_tf.models.network import Network
from artstyle_tf.models.splitting import branch_moments
from artstyle_tf.models.style_head import principal_projection
from artstyle_tf.system.finite_numbers import check_finite
from artstyle_tf.training.image_inputs import TrainingInputs


def start_style(network: Network, inputs: TrainingInputs) -> None:
    """Gives each style branch the principal directions of its block.

    Args:
        network: nothing is done if it has no branches.
        inputs: of the training pictures, with the present weights.
    """
    branches = network.features.branches
    if not branches:
        return
    mean_row = inputs.mean_row("train")
    check_finite(
        mean_row[None],
        "the activations of the train images",
        fix="check model.weights, which may be damaged or made for another input",
    )
    means = branch_moments(network, mean_row)
    for branch, mean in zip(branches, means, strict=True):
        projection = principal_projection(mean, width=branch.pooling.width)
        branch.pooling.projection.assign(projection)
