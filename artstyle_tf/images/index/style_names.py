"""Names of style folders: those that cannot be shown, and those that may be one style."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from artstyle_tf.images.index.examples import examples
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.visible_text import has_controls

_COMBINING_ACCENTS = re.compile("[\u0300-\u036f]")
_SEPARATORS = re.compile(r"[\s_\-\u2010-\u2015]+")
# There a separator tells numbers apart, as in "1-1" and "11".
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s_\-\u2010-\u2015]+(?=\d)")
_PUNCTUATION = " \t\n.,;:!?'\"`´’‘“”()[]"
HOW_TO_MERGE = "If they are one, put their images into one folder; if not, rename them."
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def check_style_names(root: Path, names: Iterable[str]) -> None:
    """Refuses what cannot stand in one line of a list, such as an export's labels.

    Args:
        root: folder of the images.
        names: of the style folders, each as often as it likes.

    Raises:
        ArtstyleError: if a name has control characters.
    """
    wrong = sorted({name for name in names if has_controls(name)})
    if wrong:
        count = f"{len(wrong)} style folders have" if len(wrong) > 1 else "A style folder has"
        raise ArtstyleError(
            f"{count} control characters in the name",
            received=f"{examples(wrong)} in {root}",
            expected="names without ends of lines, tabs, escapes and marks of the direction of "
            "writing",
            fix="rename the folder",
        )


def near_equal_styles(names: Sequence[str]) -> list[list[str]]:
    """Finds styles that may be one: "Art Nouveau", "art_nouveau", "ArtNouveau ".

    Upper and lower case, accents and how they are stored, compatibility forms (NFKC), invisible
    characters, blanks, underscores, hyphens, and punctuation at the ends do not count.

    Args:
        names: of the style folders, each once.

    Returns:
        Sets of two or more, sorted.
    """
    sets: dict[str, list[str]] = {}
    for name in sorted(names):
        sets.setdefault(_plain(name), []).append(name)
    return [members for members in sets.values() if len(members) > 1]


def warn_of_near_equal_styles(counts: Mapping[str, int], reporter: Reporter) -> None:
    """Warns before one style is learned as several.

    Args:
        counts: style -> images.
        reporter: gets one warning a set.
    """
    for members in near_equal_styles(list(counts)):
        reporter.warn(
            f"Style folders have nearly the same name: {describe_near_equal(members, counts)}."
            f" They are different styles. {HOW_TO_MERGE}"
        )


def describe_near_equal(members: Sequence[str], counts: Mapping[str, int]) -> str:
    """Names styles so that they can be told apart on a terminal, with their number of images.

    Args:
        members: one set of `near_equal_styles`.
        counts: style -> images.
    """
    return ", ".join(
        f"{name} ({counts[style]} images)"
        for style, name in zip(members, distinct_names(members), strict=True)
    )


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names in quotes, with their Unicode form where they would look the same."""
    shown = [repr(name) for name in names]
    looks = [unicodedata.normalize("NFC", name) for name in shown]
    return [
        f"{name} in {_form(each)}" if looks.count(look) > 1 else name
        for each, name, look in zip(names, shown, looks, strict=True)
    ]


def nearest_style(name: str, known: Sequence[str]) -> str | None:
    """The known style that a name nearly is, if there is exactly one."""
    found = near_styles(name, known)
    return found[0] if len(found) == 1 else None


def near_styles(name: str, known: Iterable[str]) -> list[str]:
    """The known styles that a name is or nearly is."""
    plain = _plain(name)
    return [style for style in known if _plain(style) == plain]


def _plain(name: str) -> str:
    """What near-equal names have in common; of punctuation alone, the name itself."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    letters = _COMBINING_ACCENTS.sub("", folded)
    letters = "".join(letter for letter in letters if unicodedata.category(letter) != "Cf")
    numbers_apart = _BETWEEN_DIGITS.sub(".", letters.strip(_PUNCTUATION))
    plain = _SEPARATORS.sub("", numbers_apart).strip(_PUNCTUATION)
    return unicodedata.normalize("NFKC", plain) or name


def _form(name: str) -> str:
    """The Unicode form in which a name is stored."""
    return next(
        (form for form in _FORMS if unicodedata.is_normalized(form, name)), "a mixed Unicode form"
    )
