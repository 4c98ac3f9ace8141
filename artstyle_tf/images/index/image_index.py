"""Folders of images -> one table, without decoding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from artstyle_tf.images.index.groups import compile_group_pattern, find_groups
from artstyle_tf.images.index.image_listing import (
    Ignored,
    list_images,
    printable,
    report_ignored,
    unopened,
)
from artstyle_tf.images.index.split_folders import FolderLayout, recognize_layout
from artstyle_tf.images.index.style_folders import (
    check_root,
    check_style_names,
    check_styles,
    style_folders,
    warn_of_near_equal_styles,
)
from artstyle_tf.system.content_cache import file_digests
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT, Reporter

_HASHING_THREADS = 8  # More than cores: on network disks the threads mostly wait.


@dataclass(frozen=True)
class ImageIndex:
    """The content of a folder of style folders.

    Attributes:
        root: the folder.
        images: sorted by path; columns path (relative to root, with /), label (the style folder's
            name), group (images that must stay together), digest (SHA-256 of the file, hex),
            size_bytes; and folder_split (train, val or test) where the folders are a split.
        ignored: sorted by path; columns path, reason, needs_attention (bool: may be an image that
            the user expects to be used).
    """

    root: Path
    images: pd.DataFrame
    ignored: pd.DataFrame

    @property
    def class_names(self) -> tuple[str, ...]:
        """The styles, sorted; a style's position is its class id."""
        return tuple(sorted(self.images["label"].unique()))


def index_images(
    root: Path,
    *,
    group_pattern: str | None = None,
    group_file: Path | None = None,
    fewest_styles: int = 2,
    reporter: Reporter = SILENT,
) -> ImageIndex:
    """List the images of an image folder: one folder per style, any depth below.

    Args:
        root: folder of the style folders.
        group_pattern: regular expression searched in each file name. The match of its group named
            `group`, or else of its first group, or else of the whole expression is the image's
            group, e.g. the artist. An image without a match is a group of its own.
        group_file: CSV file with columns path and group instead of a pattern.
        fewest_styles: that must have images; 1 to inspect them only.
        reporter: where progress and the ignored files go.

    Returns:
        The index, independent of the order in which the file system lists files. Folders of a
        split, above the styles or below, are recognized; see `split_folders`.

    Raises:
        ArtstyleError: if there are not enough styles with images, a style's name has control
            characters, the folders look like a split and contradict it, or the groups cannot be
            determined.
    """
    root = Path(root)
    if group_pattern is not None and group_file is not None:
        raise ArtstyleError(
            "Groups are given by a pattern or by a file, not by both",
            received=f"group_pattern={group_pattern!r}, group_file={str(group_file)!r}",
        )
    pattern = None if group_pattern is None else compile_group_pattern(group_pattern)
    check_root(root)
    files, ignored = _list_files(root)
    report_ignored(ignored, reporter)  # first, because it may explain the next error
    listed = dict(ignored)
    layout = recognize_layout(files)
    check_styles(root, map(layout.label, files), fewest_styles)
    check_style_names(root, map(layout.label, files))
    images = _hash_files(root, files, ignored, reporter)
    images["label"] = images["path"].map(layout.label)
    check_styles(root, images["label"], fewest_styles)
    for folder in _empty_folders(root, layout, images["path"], ignored):
        ignored[folder] = Ignored("a folder without images", needs_attention=True)
    images["group"] = find_groups(
        list(images["path"]), root=root, pattern=pattern, file=group_file, reporter=reporter
    )
    images = images[["path", "label", "group", "digest", "size_bytes"]]
    if layout.splits:
        images["folder_split"] = images["path"].map(layout.split)
    report_ignored({path: ignored[path] for path in ignored.keys() - listed}, reporter)
    warn_of_near_equal_styles(images["label"].value_counts().to_dict(), reporter)
    return ImageIndex(root, images, _table_of_ignored(ignored))


def _list_files(root: Path) -> tuple[list[str], dict[str, Ignored]]:
    """Return the paths of possible images in style folders, and the ignored files."""
    listing = list_images(root)
    files: list[str] = []
    ignored = dict(listing.ignored)
    for path in listing.files:
        if printable(path) != path:
            ignored[printable(path)] = Ignored("its name is not valid UTF-8", needs_attention=True)
        elif "/" not in path:
            reason = "lies beside the style folders, not in one"
            ignored[path] = Ignored(reason, needs_attention=True)
        else:
            files.append(path)
    return files, ignored


def _hash_files(
    root: Path, files: list[str], ignored: dict[str, Ignored], reporter: Reporter
) -> pd.DataFrame:
    rows = []
    digests = file_digests([root / path for path in files], num_threads=_HASHING_THREADS)
    tracked = reporter.track(digests, total=len(files), description="Hashing files")
    for path, digest in zip(files, tracked, strict=True):
        try:
            if isinstance(digest, OSError):
                raise digest
            rows.append((path, digest, (root / path).stat().st_size))
        except OSError as error:
            ignored[path] = unopened(error)
    return pd.DataFrame(rows, columns=["path", "digest", "size_bytes"])


def _empty_folders(
    root: Path, layout: FolderLayout, paths: Iterable[str], ignored: Mapping[str, Ignored]
) -> list[str]:
    """Return the folders that would be a style, or a part of a split, if they contained images."""
    filled = {"/".join(path.split("/")[:depth]) for path in paths for depth in (1, 2)}
    candidates = style_folders(root)
    if layout.splits:
        tops = [top for top in candidates if top in filled]
        candidates += [f"{top}/{name}" for top in tops for name in style_folders(root / top)]
    return [
        printable(folder)
        for folder in candidates
        if folder not in filled and printable(folder) not in ignored
    ]


def _table_of_ignored(ignored: dict[str, Ignored]) -> pd.DataFrame:
    rows = [(path, why.reason, why.needs_attention) for path, why in sorted(ignored.items())]
    table = pd.DataFrame(rows, columns=["path", "reason", "needs_attention"])
    return table.astype({"path": str, "reason": str, "needs_attention": bool})
