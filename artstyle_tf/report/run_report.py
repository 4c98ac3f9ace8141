"""Write the report of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle_tf.report.atlas_points import find_atlas
from artstyle_tf.report.explanations import LARGE_PX, Explained, Explanation, explain
from artstyle_tf.report.page import PageImages
from artstyle_tf.report.prepared_files import PreparedFiles
from artstyle_tf.report.related_results import read_related_results
from artstyle_tf.report.report_paths import report_file
from artstyle_tf.report.run_facts import RunFacts, read_run_facts
from artstyle_tf.report.run_page import HEAT, LARGE, render_run_page
from artstyle_tf.report.sections.atlas import Atlas
from artstyle_tf.report.sections.data import sample_paths
from artstyle_tf.report.settings import ReportExperiment
from artstyle_tf.runs.run_directory import RunDirectory
from artstyle_tf.system.files import write_text
from artstyle_tf.system.progress import Reporter

if TYPE_CHECKING:
    import keras


def write_run_report(
    run: RunDirectory,
    settings: ReportExperiment,
    reporter: Reporter,
    *,
    model: keras.Model | None = None,
) -> Path:
    """Write the page of a finished run and return its path; `settings.runs` is not read.

    Args:
        run: its directory.
        settings: of the page.
        reporter: where progress goes.
        model: the run's, if it is loaded already; None to load it if needed.

    Raises:
        ArtstyleError: if the run is not finished, or the page cannot be written.
    """
    facts = read_run_facts(run)
    related = read_related_results(facts, run.path.parent.parent)
    atlas = find_atlas(run, facts, related, most=settings.max_images, seed=settings.seed)
    files = PreparedFiles(run, facts)
    mistakes = facts.evaluated.mistakes().head(settings.max_mistakes)["path"].tolist()
    explained = mistakes if settings.grad_cam else []

    def compute(images: list[Explained]) -> Iterator[Explanation]:
        from artstyle_tf.report.explained_images import explain_images  # which imports TensorFlow

        return explain_images(run, images, reporter, model=model, with_overlays=bool(explained))

    heat, near = explain(run, facts, files, explained, compute)
    uris = _small_images(facts, atlas, near, files, settings, reporter)
    large = files.thumbnails(mistakes, LARGE_PX, reporter)
    uris |= {f"{LARGE}{path}": uri for path, uri in large.items()}
    uris |= {f"{HEAT}{path}": uri for path, uri in heat.items()}
    page = render_run_page(
        facts,
        related,
        PageImages(uris),
        atlas=atlas,
        near=near,
        max_mistakes=settings.max_mistakes,
    )
    file = report_file(run, settings)
    write_text(file, page)
    return file


def _small_images(
    facts: RunFacts,
    atlas: Atlas | None,
    near: Sequence[dict[str, Any]],
    files: PreparedFiles,
    settings: ReportExperiment,
    reporter: Reporter,
) -> dict[str, str]:
    """Return path -> data URI; evaluated images come first if there are too many."""
    paths: list[Any] = list(facts.evaluated.predictions["path"])
    paths += [found["path"] for row in near for found in row["found"]]
    paths += [path for name in facts.class_names for path in sample_paths(facts, name)]
    paths += [] if atlas is None else list(atlas.points["path"])
    chosen = files.known(paths)[: settings.max_images]
    return files.thumbnails(chosen, settings.thumbnail_px, reporter)
