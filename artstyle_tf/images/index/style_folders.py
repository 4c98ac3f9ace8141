"""Whether a folder can be a collection of images at all; asked before TensorFlow is imported."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from artstyle_tf.images.index.examples import examples
from artstyle_tf.images.index.image_listing import IMAGE_SUFFIXES
from artstyle_tf.system.errors import ArtstyleError


def check_image_folder(root: Path, *, fewest_styles: int = 2) -> None:
    """Checks that the folder exists and holds folders; what these hold is not looked at.

    Args:
        root: folder of the style folders.
        fewest_styles: as for `check_styles`.

    Raises:
        ArtstyleError: if there can be no images in style folders.
    """
    check_root(root)
    if not style_folders(root):
        check_styles(root, (), fewest_styles)


def check_root(root: Path) -> None:
    """Checks that the folder exists.

    Raises:
        ArtstyleError: if it does not.
    """
    if root.is_dir():
        return
    raise ArtstyleError(
        "There are no images",
        received=f"{root}, which {'is a file' if root.exists() else 'does not exist'}",
        expected="a folder with one folder per style",
        fix=how_to_add_images(root),
    )


def check_styles(root: Path, styles: Iterable[str], fewest_styles: int) -> None:
    """Checks that enough styles have images.

    Args:
        root: folder of the style folders.
        styles: of images that were found, each as often as it likes.
        fewest_styles: that must have images.

    Raises:
        ArtstyleError: if they are fewer.
    """
    different = sorted(set(styles))
    if len(different) >= fewest_styles:
        return
    folders = style_folders(root)
    if len(different) == 1:
        raise ArtstyleError(
            "There is only one style, so there is nothing to tell apart",
            received=f"images in {root / different[0]} alone",
            expected="at least two folders with images",
            fix=how_to_add_images(root),
        )
    lying_in_root = sum(path.suffix.lower() in IMAGE_SUFFIXES for path in root.iterdir())
    if folders:
        received = f"{len(folders)} folders without images in {root}: {examples(folders)}"
    elif lying_in_root:
        received = f"{lying_in_root} images lying in {root} itself, and no folders"
    else:
        received = f"the empty folder {root}"
    raise ArtstyleError(
        "There are no images",
        received=received,
        expected="one folder with images per style",
        fix=how_to_add_images(root),
    )


def style_folders(root: Path) -> list[str]:
    """Names of the folders in a folder that are not hidden, sorted.

    Raises:
        ArtstyleError: if the folder cannot be listed.
    """
    try:
        return sorted(
            entry.name
            for entry in root.iterdir()
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except OSError as error:
        raise ArtstyleError("The images cannot be listed", received=str(error)) from error


def how_to_add_images(root: Path) -> str:
    """The advice for a user without images."""
    return f"put images into {root.as_posix()}/<style>/, one folder per style, or try --demo"
