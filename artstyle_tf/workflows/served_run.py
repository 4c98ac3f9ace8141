"""A run's directory -> what answering needs of it."""

from __future__ import annotations

from artstyle_tf.config.experiment import TripletExperiment
from artstyle_tf.export.served_run import ServedRun, network_of
from artstyle_tf.training.gallery import load_gallery
from artstyle_tf.training.run_directory import RunDirectory
from artstyle_tf.workflows.training_run import read_run_config


def load_served_run(run_directory: RunDirectory) -> ServedRun:
    """Reads a finished run.

    Raises:
        ArtstyleError: if something is missing or damaged.
    """
    trained = read_run_config(run_directory)
    is_triplet = isinstance(trained, TripletExperiment)
    return ServedRun(
        name=run_directory.path.name,
        network=network_of(run_directory.load_model()),
        class_names=run_directory.read_class_names(),
        image_size_px=trained.model.image_size_px,
        aspect=trained.data.aspect,
        max_side_px=trained.data.max_side_px,
        calibration=run_directory.read_calibration(),
        gallery=load_gallery(run_directory.gallery_file) if is_triplet else None,
        num_neighbours=trained.training.num_neighbours if is_triplet else 0,
    )
