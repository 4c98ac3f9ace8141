"""How every `tf.data` pipeline of the program runs."""

from __future__ import annotations

import tensorflow as tf


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset with its elements in order, and with nothing that tunes itself while it runs.

    TensorFlow's autotuning is a thread that looks at a pipeline ever less often, in the end once a
    minute. Whoever lets go of an iterator waits for that thread, and it can miss being told: four
    of nine trainings of a minute ended with a pause of up to a minute (TensorFlow 2.21, in
    `data::model::Model::OptimizeLoop`). So pipelines say themselves how many threads they use.
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return dataset.with_options(options)
