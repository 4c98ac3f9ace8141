"""Detect image folders that are split already: train/<style>/, val/<style>/, or inverted.

Only paths of files are used. A folder counts as a part of a split only if it contains folders with
images, so that styles named "dev" or "test" stay styles.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from artstyle_tf.images.index.examples import examples
from artstyle_tf.system.errors import ArtstyleError

_SPLIT_OF_WORD = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# "train_set", "Test images", "val-split", "trainset"
_FILLERS = re.compile(r"(set|data|dataset|images?|imgs?|images?|photos?|split)$")


@dataclass(frozen=True)
class FolderLayout:
    """The roles of the folders of an image collection.

    Attributes:
        splits: name of a folder -> "train", "val" or "test"; empty if the folders are no split, and
            the first folder of a path is the style.
        styles_first: whether the style is above the split, in <style>/<split>/.
    """

    splits: Mapping[str, str] = field(default_factory=dict)
    styles_first: bool = False

    def label(self, path: str) -> str:
        """Return the style of an image, by its path relative to the root, with /."""
        parts = path.split("/")
        return parts[1] if self.splits and not self.styles_first else parts[0]

    def split(self, path: str) -> str:
        """Return the split of an image."""
        return self.splits[path.split("/")[1 if self.styles_first else 0]]

    def describe(self) -> str:
        """List the split folders, e.g. "Train, Valid"."""
        order = ("train", "val", "test")
        names = sorted(self.splits, key=lambda name: (order.index(self.splits[name]), name))
        return ", ".join(names)


def recognize_layout(paths: Iterable[str]) -> FolderLayout:
    """Detect whether the folders of images, with paths relative to the root, are a split.

    Validation and test split may be missing.

    Raises:
        ArtstyleError: if some folders look like a split and others contradict it.
    """
    folders = [path.split("/")[:-1] for path in paths]
    tops = sorted({parts[0] for parts in folders if parts})
    parts_of_split = {top: split for top in tops if (split := split_of_name(top)) is not None}
    nested = {parts[0] for parts in folders if len(parts) > 1 and parts[0] in parts_of_split}
    if nested:
        loose = {parts[0] for parts in folders if len(parts) == 1}
        return _checked_splits(parts_of_split, tops, sorted(loose.intersection(parts_of_split)))
    return _inverted(folders)


def split_of_name(name: str) -> str | None:
    """Return the split that a folder name stands for; None for any other name."""
    words = re.split(r"[^a-z]+", unicodedata.normalize("NFKC", name).casefold())
    splits = []
    for word in filter(None, words):
        core = word if word in _SPLIT_OF_WORD else _FILLERS.sub("", word)
        if core:
            splits.append(_SPLIT_OF_WORD.get(core))
    return splits[0] if len(splits) == 1 else None


def styles_named_like_splits(styles: Sequence[str]) -> bool:
    """Return whether all styles, whose folders hold images directly, are named like splits."""
    splits = [split_of_name(style) for style in styles]
    return None not in splits and "train" in splits and len(set(splits)) > 1


def styles_like_splits_in_words(styles: Sequence[str]) -> str:
    """Describe what `styles_named_like_splits` has detected."""
    return (
        f"The styles are named {examples(styles)}, like parts of a split, and are taken for "
        "styles, because images lie directly in their folders. If they are a split, put the images "
        "into train/<style>/, val/<style>/ and test/<style>/."
    )


def _checked_splits(
    parts_of_split: Mapping[str, str], tops: Sequence[str], loose: Sequence[str]
) -> FolderLayout:
    others = [top for top in tops if top not in parts_of_split]
    if others:
        raise _ambiguous(
            f"{examples(parts_of_split)} with folders inside, beside {examples(others)}",
            fix="keep either folders of a split or folders of styles here, or rename a style that "
            "is named like a split",
        )
    if loose:
        raise _ambiguous(
            f"images directly in {examples(loose)} and images in folders below",
            fix="move the images into the folders of their styles, or remove them",
        )
    layout = FolderLayout(splits=dict(parts_of_split))
    _check_splits(layout, "")
    return layout


def _inverted(folders: Sequence[Sequence[str]]) -> FolderLayout:
    """Detect <style>/<split>/: only if every style, and every image in it, is divided like that."""
    below: dict[str, set[str]] = {}
    for parts in folders:
        if parts:
            below.setdefault(parts[0], set()).add(parts[1] if len(parts) > 1 else "")
    # A folder "train" alone may hold images of trains.
    divided = [style for style, names in below.items() if _holds_a_split(names)]
    if not divided:
        return FolderLayout()
    names = sorted(set().union(*below.values()))
    undivided = sorted(
        style
        for style, found in below.items()
        if any(split_of_name(name) is None for name in found)
    )
    if undivided:
        raise _ambiguous(
            f"{examples(divided)} divided into folders of a split, and images elsewhere in "
            f"{examples(undivided)}",
            fix="put every image of every style into a folder of the split, or none",
        )
    splits = {name: split for name in names if (split := split_of_name(name)) is not None}
    layout = FolderLayout(splits=splits, styles_first=True)
    for style, found in below.items():
        _check_splits(FolderLayout({name: splits[name] for name in found}, True), f" in {style}")
    return layout


def _holds_a_split(names: Iterable[str]) -> bool:
    splits = {split_of_name(name) for name in names} - {None}
    return "train" in splits and len(splits) > 1


def _check_splits(layout: FolderLayout, where: str) -> None:
    by_split: dict[str, list[str]] = {}
    for name, split in sorted(layout.splits.items()):
        by_split.setdefault(split, []).append(name)
    for split, names in by_split.items():
        if len(names) > 1:
            raise _ambiguous(
                f"{examples(names)}{where}, which all mean {split}", fix="keep one of them"
            )
    if layout.styles_first:
        return  # a style that is missing in train is found with the counts of all styles
    if "train" not in by_split:
        raise _ambiguous(
            f"{examples(layout.splits)} alone, and no train",
            expected="a folder train",
            fix="add it; or point to the folder whose folders are the styles",
        )
    if len(by_split) == 1:
        raise _ambiguous(
            f"{examples(layout.splits)} alone",
            expected="val or test beside it",
            fix="point to the folder whose folders are the styles",
        )


def _ambiguous(received: str, *, fix: str, expected: str | None = None) -> ArtstyleError:
    return ArtstyleError(
        "The image folder looks split already, but not clearly",
        received=received,
        expected=expected or "train/<style>/, val/<style>/ and test/<style>/, or <style>/ alone",
        fix=fix,
    )
