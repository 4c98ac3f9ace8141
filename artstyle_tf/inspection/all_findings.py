"""All findings of an inspection; here those about single images and copies."""

from __future__ import annotations

import pandas as pd

from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.index.image_listing import HIDDEN
from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.inspection.augmentation_preview import AugmentationPreview
from artstyle_tf.inspection.findings import Finding, by_severity
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.style_findings import (
    describe_counts,
    describe_folders,
    describe_groups,
    describe_measures,
    describe_near_equal_styles,
    describe_shortcut,
    describe_split,
    describe_upsampling,
)

# Singular, plural.
_PROBLEMS = {
    "unreadable": ("cannot be read, and will be left out",) * 2,
    "truncated": ("is cut off", "are cut off"),
    "misnamed": (
        "has a suffix that contradicts its content",
        "have a suffix that contradicts their content",
    ),
    "tiny": ("is so small that it will be enlarged", "are so small that they will be enlarged"),
    "huge": ("is so large that it slows everything", "are so large that they slow everything"),
    "animated": ("has several frames, of which the first is used",) * 2,
    "nearly_uniform": ("shows hardly more than one color", "show hardly more than one color"),
    "border": (
        "has margins of one color, which may not belong to the work",
        "have margins of one color, which may not belong to the work",
    ),
    "frame": (
        "looks framed: straight edges on all four sides",
        "look framed: straight edges on all four sides",
    ),
    "color_profile": (
        "has a color profile other than sRGB, which preparation applies",
        "have a color profile other than sRGB, which preparation applies",
    ),
    "decoder_warnings": (
        "has a warning of the decoder, though no damage is visible",
        "have a warning of the decoder, though no damage is visible",
    ),
}
_COPIES = {
    "exact_duplicates": (
        "is the same file in one style: the copies count twice",
        "are the same file in one style: the copies count twice",
    ),
    "exact_duplicates_across_styles": (
        "is the same file in several styles: one must be wrong",
        "are the same file in several styles: one must be wrong",
    ),
    "near_duplicates": (
        "looks the same and lies in one style",
        "look the same and lie in one style",
    ),
    "near_duplicates_across_styles": (
        "looks the same but lies in several styles: one must be wrong",
        "look the same but lie in several styles: one must be wrong",
    ),
}
_SHOWN_COPIES = 4
_GRAY_SATURATION = 0.03
_MIN_TO_COMPARE = 5
_TIMES_AS_OFTEN = 2.0
_LARGE_DIFFERENCE = 0.25


def collect_findings(
    config: InspectExperiment,
    index: ImageIndex,
    inspection: Inspection,
    preview: AugmentationPreview | None,
) -> list[Finding]:
    """Return all findings, errors first; `preview` is None if no image could be augmented."""
    findings = [
        *describe_split(inspection),
        *describe_folders(index),
        *describe_counts(inspection.counts, config.limits),
        *describe_near_equal_styles(inspection.counts),
        *describe_problems(inspection.problems, inspection.images),
        *describe_copies(inspection.copies),
        *describe_shortcut(inspection, config.limits),
        *describe_groups(inspection, config.limits),
        *describe_gray_images(inspection.readable),
        *describe_ignored(index.ignored),
        *describe_measures(inspection),
    ]
    if preview is not None and inspection.why_not_split is None:
        findings += describe_upsampling(preview.counts)
    return by_severity(findings)


def describe_problems(problems: pd.DataFrame, images: pd.DataFrame) -> list[Finding]:
    """Return one finding per kind of problem, with the style in which it is most frequent.

    Args:
        problems: of `find_problems`.
        images: of a `Survey`.
    """
    findings = []
    for code, (one, several) in _PROBLEMS.items():
        rows = problems[problems["code"] == code]
        if len(rows):
            what = f"1 image {one}" if len(rows) == 1 else f"{len(rows)} images {several}"
            text = f"{what}{_where(rows, images)}{_left_out(rows)}: {examples(rows['path'])}."
            findings.append(Finding(code, len(rows), text, tuple(rows["path"])))
    return findings


def describe_copies(copies: pd.DataFrame) -> list[Finding]:
    """Return one finding per kind of copies of `find_copies`; counts are sets."""
    findings = []
    for code, (one, several) in _COPIES.items():
        rows = copies[copies["code"] == code]
        sets = [_equal(members["path"]) for _, members in rows.groupby("set", sort=False)]
        if sets:
            what = f"1 set of images {one}"
            if len(sets) > 1:
                what = f"{len(sets)} sets of images {several}"
            findings.append(Finding(code, len(sets), f"{what}. {examples(sets)}.", tuple(sets)))
    return findings


def describe_ignored(ignored: pd.DataFrame) -> list[Finding]:
    """Return findings about the ignored folders and files of an `ImageIndex`."""
    findings = []
    is_empty = ignored["reason"] == "a folder without images"
    if is_empty.any():
        names = ignored.loc[is_empty, "path"]
        noun = "1 folder has" if len(names) == 1 else f"{len(names)} folders have"
        text = f"{noun} no images and will not be a style: {examples(names)}."
        findings.append(Finding("empty_style", len(names), text, tuple(names)))
    rest = ignored[~is_empty & (ignored["reason"] != HIDDEN)]
    # An image with another suffix is "misnamed" already.
    may_be_image = rest["needs_attention"] & ~rest["reason"].str.startswith("not an image")
    for code, rows in (
        ("images_not_read", rest[may_be_image]),
        ("ignored_files", rest[~may_be_image]),
    ):
        if len(rows):
            noun = "1 file was" if len(rows) == 1 else f"{len(rows)} files were"
            named = rows["path"] + " (" + rows["reason"] + ")"
            but = ""
            if code == "images_not_read":
                may_be = "it may be an image" if len(rows) == 1 else "they may be images"
                but = f", although {may_be}"
            text = f"{noun} ignored{but}: {examples(named)}."
            findings.append(Finding(code, len(rows), text, tuple(named)))
    return findings


def describe_gray_images(readable: pd.DataFrame) -> list[Finding]:
    """Return a finding about images without color, a shortcut if one style has most of them."""
    is_gray = readable["saturation"] < _GRAY_SATURATION
    if not is_gray.any():
        return []
    shares = is_gray.groupby(readable["label"]).mean()
    most = shares.idxmax()
    text = f"{int(is_gray.sum())} of {len(readable)} images have no color"
    if len(shares) > 1 and shares.max() - shares.min() >= _LARGE_DIFFERENCE:
        text += (
            f", {shares.max():.0%} of {most} but {shares.min():.0%} of {shares.idxmin()}: a "
            "network can distinguish these by color alone"
        )
    paths = readable.loc[is_gray, "path"]
    return [Finding("gray_images", len(paths), f"{text}.", tuple(paths))]


def _left_out(rows: pd.DataFrame) -> str:
    """Count the images with a problem that are left out, if not all are."""
    number = int(rows["detail"].str.startswith("left out").sum())
    if number == 0 or (rows["code"] == "unreadable").all():
        return ""
    return f" ({number} of {len(rows)} will be left out)"


def _equal(paths: pd.Series) -> str:
    """Format a = b = c, shortened: a placeholder may have thousands of copies."""
    rest = len(paths) - _SHOWN_COPIES
    return " = ".join(paths[:_SHOWN_COPIES]) + (f" = {rest} more" if rest > 0 else "")


def _where(rows: pd.DataFrame, images: pd.DataFrame) -> str:
    """Name the style in which a problem is much more frequent than elsewhere, if there is one."""
    counts = rows["label"].value_counts()
    totals = images["label"].value_counts()
    shares = (counts / totals).dropna()
    if len(rows) < _MIN_TO_COMPARE or len(totals) < 2 or shares.empty:
        return ""
    most = shares.idxmax()
    if counts[most] < 3 or shares[most] < _TIMES_AS_OFTEN * len(rows) / len(images):
        return ""
    return f", most often in {most} ({shares[most]:.0%} of it)"
