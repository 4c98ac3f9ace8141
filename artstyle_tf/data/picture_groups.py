"""Which pictures belong together: the works of one artist, the frames of one film."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from artstyle_tf.data.picture_tables import examples, match_pictures, read_picture_table
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.reporting import Reporter


def find_groups(
    paths: Sequence[str],
    *,
    root: Path,
    pattern: re.Pattern[str] | None,
    file: Path | None,
    reporter: Reporter,
) -> list[str]:
    """Names the group of each picture; a picture about which nothing is known is its own group.

    Args:
        paths: relative to root, with /.
        root: folder of the pictures.
        pattern: see `index_images`.
        file: see `index_images`.
        reporter: gets a warning about rows of the file that name no picture.

    Returns:
        One name per path.

    Raises:
        ArtstyleError: if neither pattern nor file says anything about these pictures.
    """
    by_path: dict[str, str] = {}
    if file is not None:
        by_path = _groups_of_file(paths, root, Path(file), reporter)
    elif pattern is not None:
        by_path = _groups_of_names(paths, pattern)
    return [by_path.get(path) or path for path in paths]


def compile_group_pattern(group_pattern: str) -> re.Pattern[str]:
    """Compiles a user's regular expression.

    Raises:
        ArtstyleError: if it is not one.
    """
    try:
        return re.compile(group_pattern)
    except re.error as error:
        raise ArtstyleError(
            "The group pattern is not a regular expression",
            received=f"{group_pattern!r} ({error})",
            expected=r"for example '^([^_]+)_' for files called <artist>_<title>.jpg",
            fix="correct data.group_pattern",
        ) from error


def _groups_of_names(paths: Sequence[str], pattern: re.Pattern[str]) -> dict[str, str]:
    chosen = "group" if "group" in pattern.groupindex else min(pattern.groups, 1)
    matches = {path: pattern.search(path.rsplit("/", 1)[-1]) for path in paths}
    by_path = {path: match[chosen] for path, match in matches.items() if match and match[chosen]}
    if not by_path:
        raise ArtstyleError(
            "The group pattern matches no file name",
            received=f"{pattern.pattern!r} for file names such as {examples(sorted(matches))}",
            fix="correct data.group_pattern, or leave it out if the pictures have no groups",
        )
    return by_path


def _groups_of_file(
    paths: Sequence[str], root: Path, group_file: Path, reporter: Reporter
) -> dict[str, str]:
    table = read_picture_table(group_file, columns=("path", "group"), what="group file")
    matched = match_pictures(table["path"], known=paths, root=root, folder=group_file.parent)
    unknown = [path for path, match in zip(table["path"], matched, strict=True) if match is None]
    if len(unknown) == len(table):
        raise ArtstyleError(
            f"The group file {group_file} names none of the pictures in {root}",
            received=examples(unknown),
            expected="paths relative to the pictures' folder or to the file's own",
        )
    if unknown:
        reporter.warn(f"{group_file} names pictures that are not there: {examples(unknown)}.")
    return {
        match: group
        for match, group in zip(matched, table["group"], strict=True)
        if match is not None
    }
