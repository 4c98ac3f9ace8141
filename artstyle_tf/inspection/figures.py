"""The figures of an inspection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from artstyle_tf.inspection.augmentation_preview import AugmentationPreview, plot_augmented
from artstyle_tf.inspection.image_sets import largest_shares
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.survey import MEASURES
from artstyle_tf.inspection.thumbnails import read_thumbnail
from artstyle_tf.plots.bars import REST, plot_bars, plot_class_distribution, plot_stacked_bars
from artstyle_tf.plots.image_rows import plot_image_rows
from artstyle_tf.plots.saving import figures_in_background, save_figure
from artstyle_tf.plots.style_measures import (
    plot_channel_densities,
    plot_style_boxes,
    plot_style_differences,
)
from artstyle_tf.system.progress import Reporter

_NUM_PROCESSES = 2  # rendering takes three times as long as everything else about a figure
_MAX_ROWS = 30
_MAX_EXAMPLES = 8
_SHOWN_GROUPS = 5
_SHOWN_KINDS = 6
_MEASURE_NAMES = {
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
    """Draw and write all figures for which there are data into a folder."""
    readable = inspection.readable
    figures: list[tuple[str, Callable[[], Figure | None]]] = [
        ("class_distribution", lambda: plot_class_distribution(inspection.counts)),
        ("samples", lambda: _samples(config, root, inspection)),
        ("channel_densities", lambda: _densities(inspection)),
        ("style_differences", lambda: _differences(inspection)),
        ("groups", lambda: _groups(inspection)),
        ("file_properties", lambda: _properties(inspection)),
        ("problems", lambda: _problems(root, inspection)),
    ]
    if len(readable):
        figures += [
            ("sizes", lambda: _sizes(readable)),
            ("measures", lambda: _measures(readable)),
            ("formats", lambda: _kinds(readable, "file_format", "File formats")),
            ("modes", lambda: _kinds(readable, "mode", "Pixel formats (Pillow modes)")),
        ]
    if preview is not None:
        figures += [
            (
                "augmentation",
                lambda: plot_augmented(preview.policy, preview.row_names, preview.images),
            ),
            ("augmentation_counts", lambda: _augmented_counts(preview.counts)),
            ("augmentation_cost", lambda: _augmentation_cost(preview)),
        ]
    with figures_in_background(_NUM_PROCESSES):
        for name, draw in reporter.track(
            figures, total=len(figures), description="Drawing figures", unit="figures"
        ):
            figure = draw()
            if figure is not None:
                save_figure(figure, folder / f"{name}.png")


def _samples(config: InspectExperiment, root: Path, inspection: Inspection) -> Figure | None:
    readable = inspection.readable
    shuffled = readable.sample(frac=1, random_state=config.seed)
    styles = sorted(readable["label"].unique())
    rows, captions, names = [], [], []
    for style in styles[:_MAX_ROWS]:
        chosen = shuffled[shuffled["label"] == style].head(config.samples_per_style)
        rows.append(chosen["path"])
        names.append(style)
        captions.append([Path(path).stem for path in chosen["path"]])
    more = f"; {len(styles) - len(names)} more styles" if len(styles) > len(names) else ""
    title = f"Random images of each style{more}"
    return _sheet(root, rows, captions, names, title=title)


def _problems(root: Path, inspection: Inspection) -> Figure | None:
    """Plot problems: copies side by side, margins, frames, one color."""
    listed = pd.concat(
        [
            inspection.copies.rename(columns={"label": "style"})[["code", "path"]],
            inspection.problems[["code", "path"]],
        ]
    )
    rows, captions, names = [], [], []
    for code, paths in listed.groupby("code", sort=False)["path"]:
        # Evenly spaced, because the first ones are all of the first style.
        step = 1 if "duplicates" in str(code) else max(1, len(paths) // _MAX_EXAMPLES)
        shown = paths.iloc[::step].head(_MAX_EXAMPLES)
        rows.append(shown)
        captions.append(list(shown))
        names.append(f"{str(code).replace('_', ' ')} ({len(paths)})")
    return _sheet(root, rows, captions, names, title="Possible problems of images")


def _sheet(
    root: Path,
    rows: Sequence[pd.Series],
    captions: Sequence[Sequence[str]],
    names: Sequence[str],
    *,
    title: str,
) -> Figure | None:
    """Plot rows of those images that can be read."""
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
    images, texts, row_names = zip(*shown, strict=True)
    return plot_image_rows(images, texts, row_names, title=title)


def _sizes(readable: pd.DataFrame) -> Figure:
    return plot_style_boxes(
        readable[["width_px", "height_px", "aspect", "bytes_per_pixel"]],
        readable["label"],
        names=["Width (pixels)", "Height (pixels)", "Width / height", "Bytes per pixel"],
        logarithmic=[False, False, True, True],
        title="Image sizes (boxes: middle 50 % of the images, whiskers: 90 %)",
    )


def _measures(readable: pd.DataFrame) -> Figure:
    return plot_style_boxes(
        readable[list(MEASURES)],
        readable["label"],
        names=[_MEASURE_NAMES[measure] for measure in MEASURES],
        logarithmic=[measure == "sharpness" for measure in MEASURES],
        title="Image measures (boxes: middle 50 % of the images, whiskers: 90 %)",
    )


def _kinds(readable: pd.DataFrame, column: str, title: str) -> Figure:
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
    title = "Densities of red, green and blue levels, mean over the images"
    return plot_channel_densities(inspection.histograms, title=title)


def _differences(inspection: Inspection) -> Figure | None:
    if inspection.by_pair.empty:
        return None
    pairs = inspection.by_pair[inspection.by_pair["unit"] == "image"]
    title = "How styles differ (Cliff's delta)"
    if inspection.has_groups:
        # Works of one artist are not independent: a difference that only they cause is not shown.
        keys = ["measure", "first", "second"]
        of_groups = inspection.by_pair[inspection.by_pair["unit"] == "group"]
        conservative = pairs[keys].merge(of_groups, on=keys, how="left")["p_holm"].fillna(1.0)
        pairs = pairs.assign(p_holm=np.maximum(pairs["p_holm"].to_numpy(), conservative.to_numpy()))
        title += ", significant also with each group counted once"
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
        axis_name="Share of the style's images (number of groups beside the bars)",
        title="Shares of the largest groups, such as artists",
        as_shares=True,
        notes=[str(numbers[style]) for style in shares.index],
    )


def _properties(inspection: Inspection) -> Figure | None:
    probe = inspection.probe
    if probe is None:
        return None
    low, high = probe.interval
    title = (
        f"Style predicted from file properties alone: macro-F1 {probe.macro_f1:.2f} "
        f"({low:.2f}-{high:.2f}),\nchance {probe.chance:.2f}, {inspection.folds_in_words}"
    )
    return plot_bars(
        list(probe.importances["property"].str.removesuffix("_px").str.replace("_", " ")),
        list(probe.importances["importance"]),
        axis_name="Macro-F1 lost when the property is shuffled",
        title=title,
        value_format="{:.3f}",
    )


def _augmented_counts(counts: pd.DataFrame) -> Figure:
    before, after = counts["before"], counts["after"]
    return plot_stacked_bars(
        pd.DataFrame({"images": before, "augmented copies": after - before}),
        axis_name="Training images",
        title="Augmented copies that up-sampling (data.upsampling) would add",
        as_shares=False,
        notes=[f"{a} of {b} augmented" for a, b in zip(after - before, after, strict=True)],
    )


def _augmentation_cost(preview: AugmentationPreview) -> Figure:
    cost = preview.cost
    names = [
        name if probability == 1 else f"{name} ({probability:.0%})"
        for name, probability in zip(cost["transform"], cost["probability"], strict=True)
    ]
    side = preview.images[0][0].shape[0]
    return plot_bars(
        names,
        list(cost["expected_milliseconds"]),
        axis_name=f"Milliseconds per image of {side} px, mean over all images, on one thread\n"
        "(in brackets: share of the images that the transform is applied to)",
        title=f"Cost of the policy {preview.policy}",
    )
