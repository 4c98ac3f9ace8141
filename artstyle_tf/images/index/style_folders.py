"""Checks of the style folders and their names, before TensorFlow is imported."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from artstyle_tf.images.index.examples import examples
from artstyle_tf.images.index.image_listing import IMAGE_SUFFIXES
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.visible_text import has_controls

_COMBINING_ACCENTS = re.compile("[\u0300-\u036f]")
_SEPARATORS = re.compile(r"[\s_\-\u2010-\u2015]+")
# There a separator distinguishes numbers, as in "1-1" and "11".
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s_\-\u2010-\u2015]+(?=\d)")
_PUNCTUATION = " \t\n.,;:!?'\"`´’‘“”()[]"
HOW_TO_MERGE = "If they are one, put their images into one folder; if not, rename them."
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def check_image_folder(root: Path, *, fewest_styles: int = 2) -> None:
    """Check that the folder exists and contains folders, whose content is not checked.

    Raises:
        ArtstyleError: if there can be no images in style folders.
    """
    check_root(root)
    if not style_folders(root):
        check_styles(root, (), fewest_styles)


def check_root(root: Path) -> None:
    """Check that the folder of the style folders exists.

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
    """Check that images were found of at least `fewest_styles` different styles.

    Raises:
        ArtstyleError: if they are fewer.
    """
    different = sorted(set(styles))
    if len(different) >= fewest_styles:
        return
    folders = style_folders(root)
    if len(different) == 1:
        raise ArtstyleError(
            "There is only one style, so there is nothing to classify",
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
    """Return the sorted names of the folders in a folder that are not hidden.

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
    """Return the advice for a user without images."""
    return f"put images into {root.as_posix()}/<style>/, one folder per style, or try --demo"


def check_style_names(root: Path, names: Iterable[str]) -> None:
    """Check that style names, with repetitions, fit in one line of a list, such as labels.txt.

    Raises:
        ArtstyleError: if a name has control characters.
    """
    wrong = sorted({name for name in names if has_controls(name)})
    if wrong:
        count = f"{len(wrong)} style folders have" if len(wrong) > 1 else "A style folder has"
        raise ArtstyleError(
            f"{count} control characters in the name",
            received=f"{examples(wrong)} in {root}",
            expected="names without line ends, tabs, escapes and marks of the direction of writing",
            fix="rename the folder",
        )


def near_equal_styles(names: Sequence[str]) -> list[list[str]]:
    """Find styles that may be one: "Art Nouveau", "art_nouveau", "ArtNouveau ".

    Upper and lower case, accents and how they are stored, compatibility forms (NFKC), invisible
    characters, blanks, underscores, hyphens, and punctuation at the ends do not count. Returns
    sorted sets of two or more.
    """
    sets: dict[str, list[str]] = {}
    for name in sorted(names):
        sets.setdefault(_plain(name), []).append(name)
    return [members for members in sets.values() if len(members) > 1]


def warn_of_near_equal_styles(counts: Mapping[str, int], reporter: Reporter) -> None:
    """Warn once per set of near-equal styles; `counts` is style -> number of images."""
    for members in near_equal_styles(list(counts)):
        reporter.warn(
            f"Style folders have nearly the same name: {describe_near_equal(members, counts)}."
            f" They are different styles. {HOW_TO_MERGE}"
        )


def describe_near_equal(members: Sequence[str], counts: Mapping[str, int]) -> str:
    """Name the styles of one set distinguishably, with their number of images."""
    return ", ".join(
        f"{name} ({counts[style]} images)"
        for style, name in zip(members, distinct_names(members), strict=True)
    )


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return the names in quotes, with their Unicode form where they would look the same."""
    shown = [repr(name) for name in names]
    looks = [unicodedata.normalize("NFC", name) for name in shown]
    return [
        f"{name} in {_form(each)}" if looks.count(look) > 1 else name
        for each, name, look in zip(names, shown, looks, strict=True)
    ]


def nearest_style(name: str, known: Sequence[str]) -> str | None:
    """Return the known style that nearly equals a name, if there is exactly one."""
    found = near_styles(name, known)
    return found[0] if len(found) == 1 else None


def near_styles(name: str, known: Iterable[str]) -> list[str]:
    """Return the known styles that equal or nearly equal a name."""
    plain = _plain(name)
    return [style for style in known if _plain(style) == plain]


def _plain(name: str) -> str:
    """Return the common form of near-equal names; for punctuation alone, the name itself."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    letters = _COMBINING_ACCENTS.sub("", folded)
    letters = "".join(letter for letter in letters if unicodedata.category(letter) != "Cf")
    numbers_apart = _BETWEEN_DIGITS.sub(".", letters.strip(_PUNCTUATION))
    plain = _SEPARATORS.sub("", numbers_apart).strip(_PUNCTUATION)
    return unicodedata.normalize("NFKC", plain) or name


def _form(name: str) -> str:
    """Return the Unicode form in which a name is stored."""
    return next(
        (form for form in _FORMS if unicodedata.is_normalized(form, name)), "a mixed Unicode form"
    )
