"""Before anything is learnt: could the scores of this run flatter?"""

from __future__ import annotations

import pandas as pd

from artstyle_tf.data.image_index import ImageIndex
from artstyle_tf.data.leaks import find_leaks, warn_about_leaks
from artstyle_tf.data.picture_groups import suggest_group_pattern
from artstyle_tf.reporting import Reporter


def check_leaks(index: ImageIndex, pictures: pd.DataFrame, reporter: Reporter) -> pd.DataFrame:
    """Finds what lies on several sides of the split, and says so.

    Args:
        index: of all pictures.
        pictures: with their splits.
        reporter: gets the warnings.

    Returns:
        What `data.leaks.find_leaks` found.
    """
    leaks = find_leaks(pictures)
    warn_about_leaks(leaks, pictures, reporter)
    if not has_groups(index):
        suggest_groups(index, reporter)
    return leaks


def has_groups(index: ImageIndex) -> bool:
    """Whether any two pictures are known to belong together."""
    return bool(index.pictures["group"].duplicated().any())


def suggest_groups(index: ImageIndex, reporter: Reporter) -> str:
    """Says so if file names look as if they told the groups.

    Returns:
        What the user could do to have groups.
    """
    pictures = index.pictures
    pattern = suggest_group_pattern(list(pictures["path"]), list(pictures["label"]))
    if pattern is None:
        return "set data.group_pattern or data.group_file"
    fix = f"try data.group_pattern='{pattern}'"
    reporter.warn(
        "File names look as if they told which pictures belong together, such as the works of one "
        f"artist. Scores flatter when these lie on both sides of a split; {fix}."
    )
    return fix
