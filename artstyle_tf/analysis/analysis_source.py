"""What an analysis looks at: a network and images, of a run or without one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras

from artstyle_tf.analysis.places import find_analyzed_run
from artstyle_tf.analysis.settings import AnalyzeExperiment
from artstyle_tf.images.preparation.preparation import PreparedImages
from artstyle_tf.images.prepare_data import index_and_split_what_can_be, prepare
from artstyle_tf.images.reading.decoding import AspectPolicy
from artstyle_tf.models.backbones import build_backbone
from artstyle_tf.runs.known_images import find_known_images
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.run_images import other_images, own_images
from artstyle_tf.runs.served_run import load_run_model
from artstyle_tf.system.invocation import Invocation


@dataclass(frozen=True)
class AnalysisSource:
    """A network, and the images it looks at.

    Attributes:
        name: of the run or the backbone.
        model: images float32 [B, S, S, 3] -> logits, embedding or feature map.
        prepared: the images of all splits, augmented copies too.
        class_names: in the order of the class ids.
        aspect: how an image becomes a square.
    """

    name: str
    model: keras.Model
    prepared: PreparedImages
    class_names: Sequence[str]
    aspect: AspectPolicy

    @property
    def image_size_px(self) -> int:
        """Side of the square images."""
        return int(self.model.input_shape[1])


@contextmanager
def open_source(config: AnalyzeExperiment, invocation: Invocation) -> Iterator[AnalysisSource]:
    """Finds network and images; those of another folder go away afterwards."""
    run = find_analyzed_run(config)
    if run is None:
        yield _bare_backbone(config, invocation)
        return
    trained = read_run_config(run)
    # Validation images are asked, too, and what has learned them would seem to be sure.
    model, class_names = load_run_model(run, trained, before_refit=True), run.read_class_names()

    def source(prepared: PreparedImages) -> AnalysisSource:
        return AnalysisSource(run.path.name, model, prepared, class_names, trained.data.aspect)

    if config.images is None:
        yield source(own_images(run.read_images(), run, trained))
        return
    with tempfile.TemporaryDirectory(prefix="artstyle-") as temporary:
        folder = Path(temporary) / "prepared"
        prepared = other_images(Path(config.images), folder, run, trained, invocation)
        known = find_known_images(run, trained, prepared, invocation.reporter)
        for warning in known.warnings():
            invocation.reporter.warn(warning)
        yield source(prepared)


def _bare_backbone(config: AnalyzeExperiment, invocation: Invocation) -> AnalysisSource:
    assert config.backbone is not None
    backbone = build_backbone(
        config.backbone, image_size_px=config.image_size_px, weights=config.weights
    )
    data = config.data
    if config.images is not None:
        data = data.model_copy(update={"images": config.images})
    index, images = index_and_split_what_can_be(data, invocation.reporter)
    with invocation.stopwatch.stage("preparation"):
        prepared = prepare(data, index, images, invocation.reporter, to_train=False)
    return AnalysisSource(
        config.backbone, backbone.model, prepared, index.class_names, config.data.aspect
    )
