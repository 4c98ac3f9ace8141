"""Names of prepared files: flat, portable, the same on every machine."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

# A file name may have 255 bytes; the rest is left for marks, digests and suffixes.
_MOST_BYTES = 180

# Forbidden on Windows, and + because it marks augmented children here.
_UNWANTED = re.compile(r'[<>:"|?*\\+\x00-\x1f\x7f]')


def name_prepared_images(images: Iterable[tuple[str, str, str]]) -> list[str]:
    """Chooses a path without suffix for each image; folders below a style become part of it.

    Two names never differ in upper and lower case or in their suffix alone: file systems and
    readers may not tell them apart. Where two would, all of them get a mark made of their path.

    Args:
        images: (path relative to the source root, label, split), each path once.

    Returns:
        "<split>/<label>/<name>" per image, unique, independent of the order of the images.
    """
    listed = list(images)
    plain = [f"{split}/{label}/{_flat_name(path)}" for path, label, split in listed]
    names = list(plain)
    mark_length = 8
    while twins := _colliding(names):
        for number in twins:
            mark = hashlib.sha256(listed[number][0].encode()).hexdigest()[:mark_length]
            names[number] = f"{plain[number]}-{mark}"
        mark_length += 8
    return names


def child_name(parent: str, number: int) -> str:
    """The name of an augmented child; no original's name contains a plus sign.

    Args:
        parent: a name from `name_prepared_images`.
        number: of the child, from 1.
    """
    return f"{parent}+{number:03d}"


def _flat_name(path: str) -> str:
    below_style = path.split("/", 1)[-1]
    stem = below_style.rsplit(".", 1)[0] if "." in below_style.rsplit("/", 1)[-1] else below_style
    # A name that ends in a dot or a blank is none on Windows.
    name = _UNWANTED.sub("_", stem.replace("/", "__")).rstrip(". ") or "_"
    if len(name.encode()) > _MOST_BYTES:
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name.encode()[:_MOST_BYTES].decode(errors='ignore')}-{mark}"
    return name


def _colliding(names: list[str]) -> list[int]:
    folded = [unicodedata.normalize("NFC", name).casefold() for name in names]
    counts = Counter(folded)
    return [number for number, name in enumerate(folded) if counts[name] > 1]
