"""The result of a job: its values, and its summary."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle_tf.api.jobs import do_job, publish_run
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.visible_text import shown_values

if TYPE_CHECKING:  # these take their time
    import pandas as pd
    from matplotlib.figure import Figure

# The keys under which a result may have the folders of its files and of its figures.
_FOLDERS = ("results", "saved_model", "run", "study", "prepared")


class Result(Mapping[str, Any]):
    """Values of a finished job, by the keys that `--json` prints; shown as its summary.

    Args:
        values: JSON object.
        summarize: values -> text.
    """

    def __init__(
        self, values: Mapping[str, Any], summarize: Callable[[dict[str, Any]], str]
    ) -> None:
        self._values = dict(values)
        self._summarize = summarize

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def summary(self) -> str:
        """The text that the command line prints."""
        return self._summarize(shown_values(self._values))

    @property
    def folder(self) -> Path | None:
        """Folder of its tables."""
        found = next((self._values[key] for key in _FOLDERS if key in self._values), None)
        return None if found is None else Path(found)

    @property
    def table_names(self) -> list[str]:
        """Names that `table` takes: CSV files below `folder`."""
        return sorted(_files_below(self.folder, ".csv"))

    def table(self, name: str) -> pd.DataFrame:
        """Read one of its tables.

        Args:
            name: of `table_names`.

        Raises:
            ArtstyleError: if there is no such table.
        """
        from artstyle_tf.images.index.image_tables import read_csv_table

        files = _files_below(self.folder, ".csv")
        return read_csv_table(_chosen(files, name, "table"))

    @property
    def figure_names(self) -> list[str]:
        """Valid names for `figure`."""
        return sorted(figure_files(self._values.get("figures")))

    def figure(self, name: str) -> Figure:
        """Return a figure of the result, as a matplotlib Figure that a notebook shows.

        Args:
            name: of `figure_names`.

        Raises:
            ArtstyleError: if there is no such figure.
        """
        return saved_figure(self._values.get("figures"), name)

    def __repr__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary)}</pre>"


def result_of(
    name: str, config: Any, *, quiet: bool, resume: bool = False, overwrite: bool = False
) -> Result:
    """Run a job.

    Args:
        name: key of `api.jobs.JOBS`.
        config: of the job.
        quiet: print warnings only, no progress.
        resume: continue an interrupted job.
        overwrite: replace an earlier result of this name.
    """
    invocation = Invocation(
        reporter=Reporter(quiet=quiet), resume=resume, overwrite=overwrite, publish=publish_run
    )
    done = do_job(name, config, invocation)
    return Result(done.result, done.summarize)


def saved_figure(folder: str | Path | None, name: str) -> Figure:
    """Return a figure that was written as PNG, without axes around it.

    Raises:
        ArtstyleError: if there is none of this name.
    """
    file = _chosen(figure_files(folder), name, "figure")
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    pixels = imread(file)
    height, width = pixels.shape[:2]
    figure = Figure(figsize=(width / 150, height / 150), dpi=150)
    # Not figimage: where pyplot is imported, notebooks show nothing of a figure that has no axes.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(pixels, aspect="auto", interpolation="nearest")
    axes.set_axis_off()
    return shown_in_notebooks(figure)


def figure_files(folder: str | Path | None) -> dict[str, Path]:
    """Return name, such as test/gallery, -> PNG file at any depth of a folder; {} for None."""
    return _files_below(folder, ".png")


def _files_below(folder: str | Path | None, suffix: str) -> dict[str, Path]:
    if folder is None:
        return {}
    root = Path(folder)
    files = sorted(root.rglob(f"*{suffix}"))
    return {file.relative_to(root).with_suffix("").as_posix(): file for file in files}


def _chosen(files: Mapping[str, Path], name: str, what: str) -> Path:
    if name not in files:
        raise ArtstyleError(
            f"There is no {what} {name}",
            received=repr(name),
            expected=f"one of {', '.join(sorted(files))}" if files else f"a result with {what}s",
        )
    return files[name]


def shown_in_notebooks(figure: Figure) -> Figure:
    """Make a figure that pyplot does not manage displayable in notebooks."""
    import io

    def as_png() -> bytes:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", facecolor="white")
        return buffer.getvalue()

    # IPython asks the object itself where no backend has registered its type.
    figure._repr_png_ = as_png  # pyright: ignore[reportAttributeAccessIssue]
    return figure
