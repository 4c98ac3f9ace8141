"""Images in rows, as a figure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle_tf.api.results import shown_in_notebooks
from artstyle_tf.system.errors import ArtstyleError

if TYPE_CHECKING:  # matplotlib takes its time
    from matplotlib.figure import Figure


def image_grid(
    rows: Mapping[str, Sequence[str | os.PathLike[str]]],
    *,
    captions: Mapping[str, Sequence[str]] | None = None,
    title: str = "",
) -> Figure:
    """Show images in rows, each whole in a square.

    Args:
        rows: name of the row -> its image files.
        captions: name of the row -> a caption for each of its images; None for the file names.
        title: of the figure.

    Returns:
        A matplotlib Figure that a notebook shows. Files that cannot be read are left out.

    Raises:
        ArtstyleError: if no image can be read.

    Example:
        >>> art.image_grid({"query": ["a.jpg"], "nearest": run.nearest("a.jpg")["path"]})
    """
    from artstyle_tf.inspection.thumbnails import read_thumbnail
    from artstyle_tf.plots.image_rows import plot_image_rows

    shown = {}
    for name, files in rows.items():
        texts = [Path(file).stem for file in files] if captions is None else captions[name]
        cells = [
            (pixels, (text, None))
            for file, text in zip(files, texts, strict=True)
            if (pixels := read_thumbnail(Path(file))) is not None
        ]
        if cells:
            shown[name] = cells
    if not shown:
        raise ArtstyleError(
            "There is no image to show",
            received=f"{sum(len(files) for files in rows.values())} files",
            expected="at least one file that is an image",
        )
    figure = plot_image_rows(
        [[pixels for pixels, _ in cells] for cells in shown.values()],
        [[caption for _, caption in cells] for cells in shown.values()],
        list(shown),
        title=title,
    )
    return shown_in_notebooks(figure)
