"""A finished run: scores, predictions, embeddings, figures."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle_tf.api.results import figure_files, saved_figure, shown_in_notebooks
from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.runs.run_directory import NAME_IN_RESULT, RunDirectory, open_run
from artstyle_tf.runs.run_finding import read_results, read_run_config
from artstyle_tf.system.errors import ArtstyleError

if TYPE_CHECKING:  # a run is opened before anything heavy is imported
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from artstyle_tf.api.loaded_network import LoadedNetwork

Files = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""Image files, folders or patterns, one or several."""


def load_run(path: str | os.PathLike[str]) -> Run:
    """Open a finished run.

    Args:
        path: folder of the run, such as outputs/models/demo.

    Raises:
        ArtstyleError: if the folder is no run, or the run is unfinished, damaged, or from a newer
            version.
    """
    directory = open_run(Path(path))
    _check_version(directory)
    read_results(directory)
    return Run(directory)


def _check_version(directory: RunDirectory) -> None:
    import artstyle_tf

    made_by = directory.read_environment().artstyle_tf
    if made_by is not None and _numbers(made_by) > _numbers(artstyle_tf.__version__):
        raise ArtstyleError(
            f"The run {directory.path} was made by a newer version",
            received=f"artstyle_tf {made_by}",
            expected=f"at most {artstyle_tf.__version__}, which is installed",
            fix="pip install --upgrade artstyle-tf",
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


class Run:
    """A finished run, as returned by `load_run` and the trainings.

    Attributes:
        directory: paths of its files.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    @property
    def path(self) -> Path:
        """Folder of the run."""
        return self.directory.path

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.path.name

    @cached_property
    def config(self) -> TrainingExperiment:
        """All settings of the training."""
        return read_run_config(self.directory)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Scores by part, their intervals, baseline, calibration and times; metrics.json."""
        return read_results(self.directory)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Styles in the order of the probabilities."""
        return self.directory.read_class_names()

    @property
    def report(self) -> Path | None:
        """The report page of the run, if there is one."""
        page = self.path / "report.html"
        return page if page.is_file() else None

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch; epoch 0 is the initialized head."""
        import pandas as pd

        return pd.read_csv(self.directory.history_file)

    def predictions(self, part: str = "test") -> pd.DataFrame:
        """Return the predictions for the run's own images from its evaluation.

        Args:
            part: test or validation.

        Returns:
            path, label, prediction, confidence, accepted, and probability_<style> for each style.

        Raises:
            ArtstyleError: if the run has no such part.
        """
        from artstyle_tf.runs.run_tables import read_predictions

        file = self._part(part) / "predictions.csv"
        return read_predictions(file, self.class_names, with_confidence=True)

    def confusion_matrix(self, part: str = "test") -> pd.DataFrame:
        """Count images by true style (rows) and predicted style (columns).

        Args:
            part: test or validation.
        """
        import pandas as pd

        table, names = self.predictions(part), list(self.class_names)
        counts = pd.crosstab(table["label"], table["prediction"])
        return counts.reindex(index=names, columns=names, fill_value=0)

    def predict(self, files: Files, *, top_k: int = 3) -> pd.DataFrame:
        """Predict the style of images, as `predict.py` does.

        Args:
            files: image files, folders or patterns, one or several.
            top_k: number of most probable styles to list.

        Returns:
            One row per image, in the order of the files: path, label (most probable style),
            confidence, accepted (false: abstain), top (pairs of style and probability), and
            unreadable (the reason where an image could not be read).

        Raises:
            ArtstyleError: if there is no such file, or the run's network is damaged.
        """
        return self._network.predict(_list_files(files), top_k=top_k)

    def embed(self, files: Files) -> np.ndarray:
        """Embed images: float32 [N, D], in the order of the files.

        Embeddings of a triplet run have length 1; those of a classifier are the pooled top.

        Args:
            files: image files, folders or patterns, one or several.

        Raises:
            ArtstyleError: if an image cannot be read.
        """
        return self._network.embed(_list_files(files))

    def nearest(self, file: str | os.PathLike[str], *, k: int = 5) -> pd.DataFrame:
        """Find the training images nearest to an image.

        Args:
            file: an image.
            k: number of neighbors.

        Returns:
            path, label and distance, nearest first: Euclidean between embeddings of length 1.
        """
        return self._network.nearest(Path(file), k=k)

    @property
    def figure_names(self) -> list[str]:
        """Valid names for `figure`, such as training_curves and test/confusion_matrix."""
        return sorted(figure_files(self.directory.figures))

    def figure(self, name: str) -> Figure:
        """Return a figure of the run, as a matplotlib Figure that a notebook shows.

        Args:
            name: one of `figure_names`. Without a part it is that of the test images, or of the
                validation images of a run without test images.

        Raises:
            ArtstyleError: if there is no such figure.
        """
        names = self.figure_names
        candidates = (name, *(f"{part}/{name}" for part in ("test", "validation")))
        found = next((each for each in candidates if each in names), name)
        drawn = self._drawn_anew(found)
        return saved_figure(self.directory.figures, found) if drawn is None else drawn

    def _drawn_anew(self, name: str) -> Figure | None:
        """Draw a figure from its table, with axes that can be changed; None for others."""
        from artstyle_tf.plots.confusion_matrix import plot_confusion_matrix
        from artstyle_tf.plots.training_curves import plot_training_curves

        if name == "training_curves":
            return shown_in_notebooks(plot_training_curves(self.history))
        part, _, kind = name.partition("/")
        if kind in ("confusion_matrix", "confusion_matrix_normalized"):
            figure = plot_confusion_matrix(
                self.confusion_matrix(part).to_numpy(),
                self.class_names,
                normalized=kind.endswith("normalized"),
                title=f"{self.name}: {part}",
            )
            return shown_in_notebooks(figure)
        return None

    @cached_property
    def _network(self) -> LoadedNetwork:
        from artstyle_tf.api.jobs import import_quietly

        return import_quietly("artstyle_tf.api.loaded_network").LoadedNetwork(self.directory)

    def _part(self, part: str) -> Path:
        parts = [name for name in NAME_IN_RESULT.values() if name in self.metrics]
        if part not in parts:
            raise ArtstyleError(
                f"The run has no {part} images",
                received=repr(part),
                expected=f"one of {', '.join(parts)}",
            )
        return self.path / part

    def _scores(self) -> dict[str, str]:
        lines = {}
        for part in NAME_IN_RESULT.values():
            if part in self.metrics:
                low, high = self.metrics["intervals"][part]["macro_f1"]
                score = self.metrics[part]["macro_f1"]
                lines[f"{part} macro-F1"] = f"{score:.3f} ({low:.3f}-{high:.3f})"
        return lines

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {score}" for name, score in self._scores().items())
        return f"<Run {self.path}: {scores}>"

    def _repr_html_(self) -> str:
        rows = {"run": str(self.path), "styles": str(len(self.class_names)), **self._scores()}
        if self.report is not None:
            rows["report"] = str(self.report)
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in rows.items()
        )
        return f"<table>{cells}</table>"


def _list_files(files: Files) -> list[Path]:
    from artstyle_tf.images.index.file_arguments import check_names, list_named_images

    single = isinstance(files, str | os.PathLike)
    names = [os.fspath(file) for file in ([files] if single else files)]  # pyright: ignore[reportArgumentType]
    check_names(names)
    return list(list_named_images(names).files)
