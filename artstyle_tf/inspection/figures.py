"""The figures of an inspection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.inspection.all_findings import folds_in_words
from artstyle_tf.inspection.augmentation_preview import AugmentationPreview, plot_augmented
from artstyle_tf.inspection.group_shares import largest_shares
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.survey import MEASURES
from artstyle_tf.inspection.thumbnails import read_thumbnail
from artstyle_tf.plots.bars import REST, plot_bars, plot_class_distribution, plot_stacked_bars
from artstyle_tf.plots.image_rows import plot_image_rows
from artstyle_tf.plots.style_measures import (
    plot_channel_densities,
    plot_style_boxes,
    plot_style_differences,
)
from artstyle_tf.plots.theme import save_figure
from artstyle_tf.system.progress import Reporter

_MOST_ROWS = 30
_MOST_TROUBLED = 8
_SHOWN_GROUPS = 5
_SHOWN_KINDS = 6
_MEASURES_IN_WORDS = {
    "red": "Red, mean level",
    "green": "Green, mean level",
    "blue": "Blue, mean level",
    "brightness": "Brightness, mean level",
    "contrast": "Contrast, levels",
    "saturation": "Saturation",
    "sharpness": "Sharpness",
}


def draw_figures(
    config: InspectExperiment,
    root: Path,
    inspection: Inspection,
    preview: AugmentationPreview | None,
    folder: Path,
    reporter: Reporter,
) -> None:
    """Draws and writes all figures for which there is something to draw.

    Args:
        config: of the inspection.
        root: folder of the images.
        inspection: what was found out.
        preview: of augmentation.
        folder: for the figures.
        reporter: where progress goes.
    """
    figures: list[tuple[str, Callable[[], Figure | None]]] = [
        ("class_distribution", lambda: plot_class_distribution(inspection.counts)),
        ("samples", lambda: _samples(config, root, inspection)),
        ("sizes", lambda: _sizes(inspection.readable)),
        ("formats", lambda: _kinds(inspection.readable, "file_format", "Formats of the files")),
        ("modes", lambda: _kinds(inspection.readable, "mode", "Modes of the images")),
        ("channel_densities", lambda: _densities(inspection)),
        ("measures", lambda: _measures(inspection.readable)),
        ("style_differences", lambda: _differences(inspection)),
        ("groups", lambda: _groups(inspection)),
        ("file_properties", lambda: _properties(inspection)),
        ("troubles", lambda: _troubles(root, inspection)),
        ("augmentation", lambda: _augmented(preview)),
        ("augmentation_counts", lambda: _augmented_counts(preview)),
        ("augmentation_cost", lambda: _augmentation_cost(preview)),
    ]
    for name, draw in reporter.track(
        figures, total=len(figures), description="Drawing", unit="figures"
    ):
        figure = draw()
        if figure is not None:
            save_figure(figure, folder / f"{name}.png")


def _samples(config: InspectExperiment, root: Path, inspection: Inspection) -> Figure | None:
    readable = inspection.readable
    shuffled = readable.sample(frac=1, random_state=config.seed)
    styles = sorted(readable["label"].unique())
    rows, captions, names = [], [], []
    for style in styles[:_MOST_ROWS]:
        chosen = shuffled[shuffled["label"] == style].head(config.samples_per_style)
        rows.append(chosen["path"])
        names.append(style)
        captions.append([Path(path).stem for path in chosen["path"]])
    more = f"; {len(styles) - len(names)} more styles" if len(styles) > len(names) else ""
    title = f"Images of each style, chosen by chance{more}"
    return _sheet(root, rows, captions, names, title=title)


def _troubles(root: Path, inspection: Inspection) -> Figure | None:
    """What can be seen of troubles: copies side by side, margins, frames, one color."""
    listed = pd.concat(
        [
            inspection.copies.rename(columns={"label": "style"})[["code", "path"]],
            inspection.troubles[["code", "path"]],
        ]
    )
    rows, captions, names = [], [], []
    for code, paths in listed.groupby("code", sort=False)["path"]:
        # Spread over all of them, because the first are all of the first style.
        step = 1 if "duplicates" in str(code) else max(1, len(paths) // _MOST_TROUBLED)
        shown = paths.iloc[::step].head(_MOST_TROUBLED)
        rows.append(shown)
        captions.append(list(shown))
        names.append(f"{str(code).replace('_', ' ')} ({len(paths)})")
    return _sheet(root, rows, captions, names, title="What may be wrong with images")


def _sheet(
    root: Path,
    rows: Sequence[pd.Series],
    captions: Sequence[Sequence[str]],
    names: Sequence[str],
    *,
    title: str,
) -> Figure | None:
    """Rows of those images that can be shown."""
    shown: list[tuple[list[np.ndarray], list[tuple[str, bool | None]], str]] = []
    for paths, of_row, name in zip(rows, captions, names, strict=True):
        thumbnails = [read_thumbnail(root / path) for path in paths]
        pairs = [
            (image, (caption, None))
            for image, caption in zip(thumbnails, of_row, strict=True)
            if image is not None
        ]
        if pairs:
            shown.append(([pair[0] for pair in pairs], [pair[1] for pair in pairs], name))
    if not shown:
        return None
    images, told, row_names = zip(*shown, strict=True)
    return plot_image_rows(images, told, row_names, title=title)


def _sizes(readable: pd.DataFrame) -> Figure | None:
    if readable.empty:
        return None
    return plot_style_boxes(
        readable[["width_px", "height_px", "aspect", "bytes_per_pixel"]],
        readable["label"],
        names=["Width (pixels)", "Height (pixels)", "Width / height", "Bytes per pixel"],
        logarithmic=[False, False, True, True],
        title="Sizes; boxes hold half of the images, whiskers 90 %",
    )


def _measures(readable: pd.DataFrame) -> Figure | None:
    if readable.empty:
        return None
    return plot_style_boxes(
        readable[list(MEASURES)],
        readable["label"],
        names=[_MEASURES_IN_WORDS[measure] for measure in MEASURES],
        logarithmic=[measure == "sharpness" for measure in MEASURES],
        title="What images look like; boxes hold half of the images, whiskers 90 %",
    )


def _kinds(readable: pd.DataFrame, column: str, title: str) -> Figure | None:
    if readable.empty:
        return None
    frequent = readable[column].value_counts().index[:_SHOWN_KINDS]
    kinds = readable[column].where(readable[column].isin(frequent), REST)
    shares = pd.crosstab(readable["label"], kinds, normalize="index")
    order = [kind for kind in (*frequent, REST) if kind in shares]
    numbers = readable["label"].value_counts()
    return plot_stacked_bars(
        shares[order],
        axis_name="Share of the style's images",
        title=title,
        as_shares=True,
        notes=[str(numbers[style]) for style in shares.index],
    )


def _densities(inspection: Inspection) -> Figure | None:
    if not inspection.histograms:
        return None
    title = "Red, green and blue: mean of the images' densities"
    return plot_channel_densities(inspection.histograms, title=title)


def _differences(inspection: Inspection) -> Figure | None:
    if inspection.by_pair.empty:
        return None
    pairs = inspection.by_pair[inspection.by_pair["unit"] == "image"]
    title = "How styles differ (Cliff's delta)"
    if inspection.has_groups:
        # Twelve works of one artist are no twelve proofs; a pair that only they part is not.
        keys = ["measure", "first", "second"]
        of_groups = inspection.by_pair[inspection.by_pair["unit"] == "group"]
        careful = pairs[keys].merge(of_groups, on=keys, how="left")["p_holm"].fillna(1.0)
        pairs = pairs.assign(p_holm=np.maximum(pairs["p_holm"].to_numpy(), careful.to_numpy()))
        title += ", significant also if each group counts once"
    return plot_style_differences(pairs, title=title)


def _groups(inspection: Inspection) -> Figure | None:
    if not inspection.has_groups:
        return None
    shares = largest_shares(inspection.images, num_largest=_SHOWN_GROUPS)
    shares.columns = ["largest group", "second", "third", "fourth", "fifth"]
    shares[REST] = (1.0 - shares.sum(axis=1)).clip(lower=0.0)
    numbers = inspection.groups.set_index("label")["num_groups"]
    return plot_stacked_bars(
        shares,
        axis_name="Share of the style's images (number of groups behind the bars)",
        title="How much of a style the largest groups, such as artists, have made",
        as_shares=True,
        notes=[str(numbers[style]) for style in shares.index],
    )


def _properties(inspection: Inspection) -> Figure | None:
    probe = inspection.probe
    if probe is None:
        return None
    low, high = probe.interval
    title = (
        f"Style guessed from the files alone: macro-F1 {probe.macro_f1:.2f} "
        f"({low:.2f}-{high:.2f}),\nchance {probe.chance:.2f}, {folds_in_words(inspection)}"
    )
    return plot_bars(
        list(probe.importances["property"].str.removesuffix("_px").str.replace("_", " ")),
        list(probe.importances["importance"]),
        axis_name="Macro-F1 lost when the property is shuffled",
        title=title,
        value_format="{:.3f}",
    )


def _augmented(preview: AugmentationPreview | None) -> Figure | None:
    if preview is None:
        return None
    return plot_augmented(preview.policy, preview.row_names, preview.images)


def _augmented_counts(preview: AugmentationPreview | None) -> Figure | None:
    if preview is None:
        return None
    before, after = preview.counts["before"], preview.counts["after"]
    return plot_stacked_bars(
        pd.DataFrame({"images": before, "augmented copies": after - before}),
        axis_name="Training images",
        title="What up-sampling (data.upsampling) would add to each style",
        as_shares=False,
        notes=[f"{a} of {b} made up" for a, b in zip(after - before, after, strict=True)],
    )


def _augmentation_cost(preview: AugmentationPreview | None) -> Figure | None:
    if preview is None:
        return None
    cost = preview.cost
    names = [
        name if probability == 1 else f"{name} ({probability:.0%})"
        for name, probability in zip(cost["transform"], cost["probability"], strict=True)
    ]
    side = preview.images[0][0].shape[0]
    return plot_bars(
        names,
        list(cost["expected_milliseconds"]),
        axis_name=f"Milliseconds an image of {side} px, on average over all, on one thread\n"
        "(in brackets: how many images meet it)",
        title=f"What the policy {preview.policy} costs",
    )
