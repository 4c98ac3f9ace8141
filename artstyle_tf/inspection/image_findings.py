"""Findings about single images, and about sets of copies."""

from __future__ import annotations

import pandas as pd

from artstyle_tf.images.index.image_listing import HIDDEN
from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.inspection.findings import Finding

# Singular, plural.
_TROUBLES = {
    "unreadable": ("cannot be read, and will be left out",) * 2,
    "truncated": ("is cut off", "are cut off"),
    "misnamed": ("has a suffix that its content belies", "have a suffix that their content belies"),
    "tiny": ("is so small that it will be blown up", "are so small that they will be blown up"),
    "huge": ("is so large that it slows everything", "are so large that they slow everything"),
    "animated": ("has several frames, of which the first is used",) * 2,
    "nearly_uniform": ("shows hardly more than one color", "show hardly more than one color"),
    "border": (
        "has margins of one color, which may be no part of the work",
        "have margins of one color, which may be no part of the work",
    ),
    "frame": (
        "looks framed: straight edges on all four sides",
        "look framed: straight edges on all four sides",
    ),
    "color_profile": (
        "has a color profile other than sRGB; preparation follows it",
        "have a color profile other than sRGB; preparation follows it",
    ),
    "decoder_warnings": (
        "makes the decoder warn, though no damage shows",
        "make the decoder warn, though no damage shows",
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
_FEWEST_TO_COMPARE = 5
_TIMES_AS_OFTEN = 2.0
_LARGE_DIFFERENCE = 0.25


def describe_troubles(troubles: pd.DataFrame, images: pd.DataFrame) -> list[Finding]:
    """One finding for each kind of trouble.

    Args:
        troubles: of `find_troubles`.
        images: of a `Survey`, to say in which style a trouble is most frequent.
    """
    findings = []
    for code, (one, several) in _TROUBLES.items():
        rows = troubles[troubles["code"] == code]
        if len(rows):
            what = f"1 image {one}" if len(rows) == 1 else f"{len(rows)} images {several}"
            text = f"{what}{_where(rows, images)}{_left_out(rows)}: {examples(rows['path'])}."
            findings.append(Finding(code, len(rows), text, tuple(rows["path"])))
    return findings


def describe_copies(copies: pd.DataFrame) -> list[Finding]:
    """One finding for each kind of copies; counts are sets.

    Args:
        copies: of `find_copies`.
    """
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
    """Folders without images, and files that are none.

    Args:
        ignored: of an `ImageIndex`.
    """
    findings = []
    is_empty = ignored["reason"] == "a folder without images"
    if is_empty.any():
        names = ignored.loc[is_empty, "path"]
        noun = "1 folder holds" if len(names) == 1 else f"{len(names)} folders hold"
        text = f"{noun} no images and will be no style: {examples(names)}."
        findings.append(Finding("empty_style", len(names), text, tuple(names)))
    rest = ignored[~is_empty & (ignored["reason"] != HIDDEN)]
    # An image with another suffix is "misnamed" already.
    is_missed = rest["needs_attention"] & ~rest["reason"].str.startswith("not an image")
    for code, rows in (("images_not_read", rest[is_missed]), ("ignored_files", rest[~is_missed])):
        if len(rows):
            noun = "1 file was" if len(rows) == 1 else f"{len(rows)} files were"
            told = rows["path"] + " (" + rows["reason"] + ")"
            but = ", although they may be images" if code == "images_not_read" else ""
            text = f"{noun} ignored{but}: {examples(told)}."
            findings.append(Finding(code, len(rows), text, tuple(told)))
    return findings


def describe_gray_images(images: pd.DataFrame) -> list[Finding]:
    """Images without color, which make color a give-away where one style has most of them.

    Args:
        images: of a `Survey`.
    """
    readable = images[images["is_readable"]]
    is_gray = readable["saturation"] < _GRAY_SATURATION
    if not is_gray.any():
        return []
    shares = is_gray.groupby(readable["label"]).mean()
    most = shares.idxmax()
    text = f"{int(is_gray.sum())} of {len(readable)} images have no color"
    if len(shares) > 1 and shares.max() - shares.min() >= _LARGE_DIFFERENCE:
        text += (
            f", {shares.max():.0%} of {most} but {shares.min():.0%} of {shares.idxmin()}: a "
            "network can tell these by color alone"
        )
    paths = readable.loc[is_gray, "path"]
    return [Finding("gray_images", len(paths), f"{text}.", tuple(paths))]


def _left_out(rows: pd.DataFrame) -> str:
    """Says so where only some images with a trouble can be used."""
    number = int(rows["detail"].str.startswith("left out").sum())
    if number == 0 or (rows["code"] == "unreadable").all():
        return ""
    return f" ({number} of {len(rows)} will be left out)"


def _equal(paths: pd.Series) -> str:
    """a = b = c; of a placeholder there may be thousands of copies."""
    rest = len(paths) - _SHOWN_COPIES
    return " = ".join(paths[:_SHOWN_COPIES]) + (f" = {rest} more" if rest > 0 else "")


def _where(rows: pd.DataFrame, images: pd.DataFrame) -> str:
    """The style in which something is much more frequent than elsewhere, if there is one."""
    counts = rows["label"].value_counts()
    totals = images["label"].value_counts()
    shares = (counts / totals).dropna()
    if len(rows) < _FEWEST_TO_COMPARE or len(totals) < 2 or shares.empty:
        return ""
    most = shares.idxmax()
    if counts[most] < 3 or shares[most] < _TIMES_AS_OFTEN * len(rows) / len(images):
        return ""
    return f", most often in {most} ({shares[most]:.0%} of it)"
