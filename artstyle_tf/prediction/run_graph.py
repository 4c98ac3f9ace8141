"""The network of a run as a graph of constants: read if the run has one, else made and stored."""

from __future__ import annotations

import contextlib

from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.runs.served_run import ServedRun
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.trunk_cache.frozen_graph import FrozenGraph, freeze
from artstyle_tf.trunk_cache.stored_graph import read_graph, write_graph

RUNTIMES_FOLDER = "runtimes"
"""In the directory of a run: its network in other forms, for predictions only."""

TENSORFLOW = "tensorflow"


def open_graph(run: ServedRun, run_directory: RunDirectory) -> FrozenGraph:
    """Return the graph of a run's network, `run.network` with the outputs `run.output_names`.

    It is stored in the run's directory. Whoever may not write there waits for it each time.

    Raises:
        ArtstyleError: if the run's model is missing or damaged, or belongs to another run.
    """
    folder = run_directory.path / RUNTIMES_FOLDER / TENSORFLOW
    conditions = run_directory.prediction_digests()
    graph = read_graph(folder, conditions)
    if graph is None:
        graph = freeze(run.network, run.output_names)
        with contextlib.suppress(ArtstyleError):
            write_graph(graph, folder, conditions)
    return graph
