"""The network of a finished run, checked against what the run says of itself."""

from __future__ import annotations

import keras

from artstyle_tf.config.experiment import TrainingExperiment, TripletExperiment
from artstyle_tf.models.network import HEAD_NAME
from artstyle_tf.runs.gallery import load_run_gallery
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.run_files import not_as_expected
from artstyle_tf.runs.run_finding import read_run_config
from artstyle_tf.runs.served_run import ServedRun, network_of


def load_run_model(
    run_directory: RunDirectory, trained: TrainingExperiment, *, before_refit: bool = False
) -> keras.Model:
    """The network of a run, which has to fit what the run says of itself.

    Args:
        run_directory: of the run.
        trained: its config.
        before_refit: see `RunDirectory.load_model`.

    Raises:
        ArtstyleError: if it is missing or damaged, or belongs to another run.
    """
    size_px, class_names = trained.model.image_size_px, run_directory.read_class_names()
    model = run_directory.load_model(before_refit=before_refit)
    if getattr(model, "input_shape", None) != (None, size_px, size_px, 3):
        raise not_as_expected(
            run_directory.model_file,
            "input",
            f"{getattr(model, 'input_shape', None)}, but {run_directory.config_file.name} says "
            f"that images have {size_px} x {size_px} pixels",
        )
    is_classifier = model.layers[-1].name == HEAD_NAME
    if is_classifier != (trained.kind == "direct") or len(model.output_shape) != 2:
        what = "a classifier" if is_classifier else "no classifier"
        raise not_as_expected(
            run_directory.model_file, "network", f"{what}, but the run is of kind {trained.kind}"
        )
    if is_classifier and model.output_shape[-1] != len(class_names):
        raise not_as_expected(
            run_directory.class_names_file,
            "content",
            f"{len(class_names)} styles, but the network tells {model.output_shape[-1]} apart",
        )
    if not is_classifier:
        _check_gallery(run_directory, int(model.output_shape[-1]))
    return model


def _check_gallery(run_directory: RunDirectory, dimension: int) -> None:
    if not run_directory.gallery_file.is_file():
        return  # who needs it says so
    found = load_run_gallery(run_directory).embeddings.shape[1]
    if found != dimension:
        raise not_as_expected(
            run_directory.gallery_file,
            "embeddings",
            f"{found} dimensions, but the network gives {dimension}",
        )


def load_served_run(run_directory: RunDirectory) -> ServedRun:
    """Reads a finished run.

    Raises:
        ArtstyleError: if something is missing or damaged.
    """
    trained = read_run_config(run_directory)
    is_triplet = isinstance(trained, TripletExperiment)
    # The network comes last: it takes longest to read.
    class_names = run_directory.read_class_names()
    calibration = run_directory.read_calibration()
    gallery = load_run_gallery(run_directory) if is_triplet else None
    return ServedRun(
        name=run_directory.path.name,
        network=network_of(load_run_model(run_directory, trained)),
        class_names=class_names,
        image_size_px=trained.model.image_size_px,
        aspect=trained.data.aspect,
        max_side_px=trained.data.max_side_px,
        calibration=calibration,
        gallery=gallery,
        num_neighbors=trained.training.num_neighbors if is_triplet else 0,
    )
