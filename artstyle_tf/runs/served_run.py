"""Load a finished run for prediction, and turn outputs of its network into predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np

from artstyle_tf.config.experiment import TrainingExperiment, TripletExperiment
from artstyle_tf.images.reading.decoding import AspectPolicy
from artstyle_tf.metrics.calibration import Calibration, probabilities_of
from artstyle_tf.metrics.neighbors import Neighbors, knn_probabilities, nearest_neighbors
from artstyle_tf.models.features import POOLING_NAME
from artstyle_tf.models.network import HEAD_NAME
from artstyle_tf.runs.gallery import Gallery, load_run_gallery
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_files import not_as_expected
from artstyle_tf.runs.run_finding import read_run_config


@dataclass(frozen=True)
class Predictions:
    """Predictions of a run for N images.

    Attributes:
        probabilities: float32 [N, C], scaled by the run's temperature; with a gallery, the shares
            of the neighbors' votes.
        accepted: bool [N], whether the confidence reaches the run's threshold; None for runs of
            earlier versions, which have none.
        embeddings: float32 [N, D].
        neighbors: the nearest k of the gallery; None without one.
    """

    probabilities: np.ndarray
    accepted: np.ndarray | None
    embeddings: np.ndarray
    neighbors: Neighbors | None = None

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def predicted(self) -> np.ndarray:
        """Most probable class: int64 [N]."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self) -> np.ndarray:
        """Its probability: float32 [N]."""
        return self.probabilities.max(axis=1)


@dataclass(frozen=True)
class ServedRun:
    """A finished run with everything that a prediction needs.

    Attributes:
        name: of the run.
        class_names: C names.
        image_size_px: S.
        aspect: how an image becomes a square.
        max_side_px: larger images were reduced to this when they were prepared, or None.
        calibration: temperature and threshold; None for runs of earlier versions.
        gallery: training images that vote as neighbors; None for a classifier.
        num_neighbors: k, which vote.
        load_network: builds `network`.
    """

    name: str
    class_names: tuple[str, ...]
    image_size_px: int
    aspect: AspectPolicy
    max_side_px: int | None
    calibration: Calibration | None
    gallery: Gallery | None = None
    num_neighbors: int = 0
    load_network: Callable[[], keras.Model] = field(kw_only=True)

    @cached_property
    def network(self) -> keras.Model:
        """The network in Keras: float32 [B, S, S, 3] in 0..255 -> the outputs of `network_of`.

        It is built when it is first read, which takes seconds.

        Raises:
            ArtstyleError: if it is missing or damaged, or belongs to another run.
        """
        return self.load_network()

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs of `network`."""
        return ("logits", "embedding") if self.gallery is None else ("embedding",)

    @property
    def temperature(self) -> float:
        """Temperature that divides the logits."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    @property
    def votes(self) -> int:
        """Number of voting neighbors: a small gallery has fewer than k."""
        return 0 if self.gallery is None else min(self.num_neighbors, len(self.gallery))

    def predictions_of(self, outputs: list[np.ndarray]) -> Predictions:
        """Return the predictions for the outputs of `network` for N images."""
        neighbors = None
        if self.gallery is None:
            logits, embeddings = outputs
            probabilities = probabilities_of(logits, self.temperature)
        else:
            (embeddings,) = outputs
            neighbors = nearest_neighbors(
                embeddings, self.gallery.embeddings, num_neighbors=self.votes
            )
            probabilities = knn_probabilities(
                neighbors, self.gallery.labels, num_classes=len(self.class_names)
            )
        accepted = None
        if self.calibration is not None:
            accepted = self.calibration.accepts(probabilities.max(axis=1))
        return Predictions(probabilities, accepted, embeddings, neighbors)

    def predicting_with(
        self, network: Callable[[np.ndarray], list[np.ndarray]]
    ) -> Callable[[np.ndarray], Predictions]:
        """Return a function, pixels -> predictions, with `network` in another runtime."""
        return lambda pixels: self.predictions_of(network(pixels))


def load_served_run(run_directory: RunDirectory, *, model: keras.Model | None = None) -> ServedRun:
    """Load a finished run.

    Args:
        run_directory: of the run.
        model: what `load_run_model` would return, if it is at hand.

    Raises:
        ArtstyleError: if something is missing or damaged.
    """
    trained = read_run_config(run_directory)
    is_triplet = isinstance(trained, TripletExperiment)
    class_names = run_directory.read_class_names()
    calibration = run_directory.read_calibration()
    gallery = load_run_gallery(run_directory) if is_triplet else None
    return ServedRun(
        name=run_directory.path.name,
        load_network=lambda: network_of(model or load_run_model(run_directory, trained)),
        class_names=class_names,
        image_size_px=trained.model.image_size_px,
        aspect=trained.data.aspect,
        max_side_px=trained.data.max_side_px,
        calibration=calibration,
        gallery=gallery,
        num_neighbors=trained.training.num_neighbors if is_triplet else 0,
    )


def load_run_model(
    run_directory: RunDirectory, trained: TrainingExperiment, *, before_refit: bool = False
) -> keras.Model:
    """Load the network of a run and check it against `trained`, its config, and its other files.

    Raises:
        ArtstyleError: if it is missing or damaged, or belongs to another run.
    """
    size_px, class_names = trained.model.image_size_px, run_directory.read_class_names()
    model = run_directory.load_model(before_refit=before_refit)
    input_shape = getattr(model, "input_shape", None)
    if input_shape != (None, size_px, size_px, 3):
        raise not_as_expected(
            run_directory.model_file,
            "input",
            f"{input_shape}, but images have {size_px} x {size_px} pixels according to "
            f"{run_directory.config_file.name}",
        )
    is_classifier = model.layers[-1].name == HEAD_NAME
    if is_classifier != (trained.kind == "direct") or len(model.output_shape) != 2:
        what = "a classifier" if is_classifier else "no classifier"
        raise not_as_expected(
            run_directory.model_file, "network", f"{what}, but the run is of kind {trained.kind}"
        )
    size = model.output_shape[-1]
    if is_classifier and size != len(class_names):
        raise not_as_expected(
            run_directory.class_names_file,
            "content",
            f"{len(class_names)} styles, but the network has {size} outputs",
        )
    if not is_classifier and run_directory.gallery_file.is_file():
        found = load_run_gallery(run_directory).embeddings.shape[1]
        if found != size:
            raise not_as_expected(
                run_directory.gallery_file,
                "embeddings",
                f"{found} dimensions, but the network has {size} outputs",
            )
    return model


def network_of(model: keras.Model) -> keras.Model:
    """Return a saved model with all outputs that are served.

    Returns:
        For a classifier a model with two outputs, logits [B, C] and the pooled top [B, D] as the
        image's embedding; an embedding model unchanged.
    """
    if model.layers[-1].name != HEAD_NAME:
        return model
    pooled = model.get_layer(POOLING_NAME).output
    return keras.Model(model.input, [model.output, pooled], name=model.name)


def keras_network(network: keras.Model) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return the network in Keras, the reference for all runtimes.

    It maps pixels, float32 [B, S, S, 3], to one float32 array for each output.
    """

    def run(images: np.ndarray) -> list[np.ndarray]:
        outputs = network.predict_on_batch(images)
        return outputs if isinstance(outputs, list) else [outputs]

    return run
