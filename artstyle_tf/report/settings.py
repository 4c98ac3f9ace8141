"""Settings of the report."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artstyle_tf.config.base import NonNegativeInt, PositiveInt, RunName, Schema


class ReportExperiment(Schema):
    """A page for each run and, for several runs, one that compares them.

    Attributes:
        runs: folders of finished runs.
        outputs: pages are written to outputs/models/<run>; None for the runs' own directories.
        run_name: name of the page that compares several runs.
        max_images: small images at most.
        max_mistakes: misclassified images shown at most.
        thumbnail_px: longer side of small images.
        grad_cam: whether to load the network and compute Grad-CAM maps.
        seed: seed of projection and sampling.
    """

    runs: tuple[str, ...] = ()
    outputs: str | None = None
    run_name: RunName | None = None
    max_images: PositiveInt = 3000
    max_mistakes: PositiveInt = 24
    thumbnail_px: Annotated[int, Field(ge=32, le=256)] = 96
    grad_cam: bool = True
    seed: NonNegativeInt = 42
