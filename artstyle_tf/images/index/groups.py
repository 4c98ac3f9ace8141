"""Groups of images that belong together: the works of one artist, the frames of one film."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from artstyle_tf.images.index.image_tables import (
    examples,
    match_images,
    read_image_table,
    same_text,
)
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import limited_to
from artstyle_tf.system.progress import Reporter

# <artist>_<title>, <artist> - <title>, <film>-0001: the part before the first separator or number.
_USUAL_GROUP_PATTERNS = (r"^([^_]+)_", r"^(.+?) - ", r"^(.*[^-_ \d])[-_ ]?\d+\.[^.]+$")
_SHARE_OF_STYLES_WITH_GROUPS = 0.5
_SHARE_OF_NAMES_WITH_GROUP = 0.5
_SHARE_WITH_SIBLINGS = 0.3
_FEWEST_GROUPS_OF_STYLE = 3
_LARGEST_SHARE_OF_STYLE = 0.5

# A name takes microseconds; a careless pattern can take exponential time.
_MOST_SECONDS_OF_MATCHING = 5.0
_SECONDS_OF_A_NAME = 0.001


def find_groups(
    paths: Sequence[str],
    *,
    root: Path,
    pattern: re.Pattern[str] | None,
    file: Path | None,
    reporter: Reporter,
) -> list[str]:
    """Return the name of each image's group; an image without a known group is its own group.

    `paths` are relative to root, with /; for pattern and file see `index_images`. The reporter gets
    a warning about rows of the file that name no image.

    Raises:
        ArtstyleError: if the pattern or the file matches none of these images.
    """
    by_path: dict[str, str] = {}
    if file is not None:
        by_path = _groups_of_file(paths, root, Path(file), reporter)
    elif pattern is not None:
        by_path = _groups_of_names(paths, pattern)
    return with_one_spelling([by_path.get(path) or path for path in paths], paths)


def with_one_spelling(groups: Iterable[str], paths: Sequence[str]) -> list[str]:
    """Return the first spelling of each of N groups, ignoring outer blanks and the form of accents.

    An artist with two spellings would lie on both sides of a split. An image that is a group of its
    own keeps its exact path.
    """
    first: dict[str, str] = {}
    return [
        group if group == path else first.setdefault(same_text(group), group)
        for group, path in zip(groups, paths, strict=True)
    ]


def compile_group_pattern(group_pattern: str) -> re.Pattern[str]:
    """Compile a user's regular expression.

    Raises:
        ArtstyleError: if it is invalid.
    """
    try:
        return re.compile(group_pattern)
    except re.error as error:
        raise ArtstyleError(
            "The group pattern is not a regular expression",
            received=f"{group_pattern!r} ({error})",
            expected=r"for example '^([^_]+)_' for files named <artist>_<title>.jpg",
            fix="correct data.group_pattern",
        ) from error


def connected(*keys: Iterable[object]) -> np.ndarray:
    """Number the connected components of N items that share any of their keys.

    Args:
        keys: each with N values; items with the same value in any of them are connected.

    Returns:
        int [N] in [0, G), in the order of first occurrence.
    """
    columns = [pd.factorize(np.asarray(list(values), dtype=object))[0] for values in keys]
    count = len(columns[0])
    # A bipartite graph of items and key values.
    offsets = np.cumsum([count, *(column.max(initial=-1) + 1 for column in columns)])
    values = np.concatenate(
        [column + first for column, first in zip(columns, offsets, strict=False)]
    )
    items = np.tile(np.arange(count), len(columns))
    shape = (offsets[-1], offsets[-1])
    edges = sparse.coo_array((np.ones(len(items)), (items, values)), shape=shape)
    _, numbers = csgraph.connected_components(edges, directed=False)
    return pd.factorize(numbers[:count])[0]


def suggest_group_pattern(paths: Sequence[str], labels: Sequence[str]) -> str | None:
    """Guess whether file names contain a group, such as the artist or the film.

    Returns:
        The first pattern that finds plausible groups, else None. Plausible: in at least half of the
        styles most names match; each of these styles has several groups, none of which usually
        contains half of it; and many images share their group with another one.
    """
    names = pd.Series([path.rsplit("/", 1)[-1] for path in paths], dtype=str)
    images = pd.DataFrame({"style": list(labels)}, dtype=str)
    for pattern in _USUAL_GROUP_PATTERNS:
        images["group"] = names.str.extract(pattern, expand=False)
        matched = images.groupby("style")["group"].agg(lambda groups: groups.notna().mean())
        styles = matched.index[matched >= _SHARE_OF_NAMES_WITH_GROUP]
        if len(styles) < len(matched) * _SHARE_OF_STYLES_WITH_GROUPS:
            continue
        found = images[images["style"].isin(styles)].dropna()
        of_style = found.groupby("style")["group"].agg(
            number="nunique", largest=lambda groups: groups.value_counts(normalize=True).iloc[0]
        )
        has_siblings = found["group"].duplicated(keep=False)
        is_plausible = (
            of_style["number"].min() >= _FEWEST_GROUPS_OF_STYLE
            and of_style["largest"].median() <= _LARGEST_SHARE_OF_STYLE
            and has_siblings.mean() >= _SHARE_WITH_SIBLINGS
        )
        if is_plausible:
            return pattern
    return None


def _groups_of_names(paths: Sequence[str], pattern: re.Pattern[str]) -> dict[str, str]:
    chosen = "group" if "group" in pattern.groupindex else min(pattern.groups, 1)
    matches: dict[str, re.Match[str] | None] = {}
    try:
        with limited_to(_MOST_SECONDS_OF_MATCHING + _SECONDS_OF_A_NAME * len(paths)):
            for path in paths:
                matches[path] = None  # named in the error, should this be the one
                matches[path] = pattern.search(path.rsplit("/", 1)[-1])
    except TimeoutError as error:
        raise ArtstyleError(
            "The group pattern takes too long",
            received=f"{pattern.pattern!r} for a file name such as {next(reversed(matches))!r}",
            expected="a pattern without repetitions of repetitions such as (a+)+",
            fix="correct data.group_pattern; '^([^_]+)_' fits files named <artist>_<title>.jpg",
        ) from error
    by_path = {path: match[chosen] for path, match in matches.items() if match and match[chosen]}
    if not by_path:
        raise ArtstyleError(
            "The group pattern matches no file name",
            received=f"{pattern.pattern!r} for file names such as {examples(sorted(matches))}",
            fix="correct data.group_pattern, or leave it out if the images have no groups",
        )
    return by_path


def _groups_of_file(
    paths: Sequence[str], root: Path, group_file: Path, reporter: Reporter
) -> dict[str, str]:
    table = read_image_table(group_file, columns=("path", "group"), what="group file")
    matched = match_images(table["path"], known=paths, root=root, folder=group_file.parent)
    unknown = [path for path, match in zip(table["path"], matched, strict=True) if match is None]
    if len(unknown) == len(table):
        raise ArtstyleError(
            f"The group file {group_file} names none of the images in {root}",
            received=examples(unknown),
            expected="paths relative to the images' folder or to the file's own",
        )
    if unknown:
        reporter.warn(f"{group_file} names images that are not there: {examples(unknown)}.")
    return {
        match: group
        for match, group in zip(matched, table["group"], strict=True)
        if match is not None and group.strip()
    }
