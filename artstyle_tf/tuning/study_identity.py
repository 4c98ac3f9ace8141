"""What makes a study the same: its space, its experiment and its images.

Trials that were judged on other images, or trained with other settings, cannot be ranked together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.search_space import different_entries, digest_of


def must_be_noted(
    known: Any, wanted: Mapping[str, Any], *, study: str, has_trials: bool, has_scores: bool
) -> bool:
    """Compares what a study was about with what it is about now.

    Args:
        known: the description that was stored with it; None if there is none.
        wanted: the description of now, with the entry "space" as `SearchSpace.describe` gives it.
        study: its name, for the message.
        has_trials: whether any trial has been begun; one without is as good as new.
        has_scores: whether any trial has been judged.

    Returns:
        Whether `wanted` is to be stored: the study is new, or it was begun by an earlier version
        that noted less and has judged nothing yet.

    Raises:
        ArtstyleError: naming what differs.
    """
    if known is None or not has_trials:
        return True
    if digest_of(known) == digest_of(wanted):
        return False
    try:
        changed = different_entries(known, wanted)
    except (TypeError, KeyError, AttributeError) as error:
        raise ArtstyleError(
            f"The study {study} is damaged",
            received="a description that this program has not written",
            fix="choose another --run-name for a new study",
        ) from error
    unknown = [name for name in changed if name in wanted and name not in known]
    if unknown == changed:
        if not has_scores:
            return True
        raise ArtstyleError(
            f"The study {study} was begun by an earlier version, which did not note what its "
            "trials were judged on",
            received=f"a study without {', '.join(unknown)}",
            expected="trials that were all judged on the same images, which cannot be checked here",
            fix="choose another --run-name for a new study; the tables of this one stay",
        )
    raise ArtstyleError(
        f"The study {study} is about something else",
        received=f"other values for {', '.join(changed)}",
        expected="the space, the experiment and the images that it was begun with",
        fix="choose another --run-name for a new study, or undo the change",
    )
