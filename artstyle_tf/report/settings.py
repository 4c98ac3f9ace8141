"""Pages that tell what is known about runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artstyle_tf.config.base import NonNegativeInt, PositiveInt, RunName, Schema


class ReportExperiment(Schema):
    """A page for each run and, of several, one that puts them side by side.

    Attributes:
        runs: folders of finished runs.
        outputs: where the pages go, as outputs/models/<run>; None for the runs' own directories.
        run_name: name of the page of several runs.
        max_images: small images at most.
        max_mistakes: in the gallery of mistakes.
        thumbnail_px: longer side of small images.
        grad_cam: whether the network is loaded to show where it looks.
        seed: seed of projection and drawing.
    """

    runs: tuple[str, ...] = ()
    outputs: str | None = None
    run_name: RunName | None = None
    max_images: PositiveInt = 3000
    max_mistakes: PositiveInt = 24
    thumbnail_px: Annotated[int, Field(ge=32, le=256)] = 96
    grad_cam: bool = True
    seed: NonNegativeInt = 42
