"""What the numbers of a run suggest to do, with the command for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from artstyle_tf.report.run_facts import FurtherResults, RunFacts, confusions, outcome_of
from artstyle_tf.system.shell_commands import shell_command

URGENCY_IN_WORDS = {"fix": "Fix first", "improve": "Worth doing", "next": "Next"}

_FEW_TRAINING_IMAGES = 60
_FEW_JUDGED_IMAGES = 15
_LARGE_CALIBRATION_ERROR = 0.08  # lower end; few images alone make an error of 0.05
_LARGE_GAP = 0.15
_WORTH_A_LOOK = 3  # images of one confusion
_POINTS = 100.0


class Step(NamedTuple):
    """One thing to do.

    Attributes:
        urgency: a key of `URGENCY_IN_WORDS`.
        text: why, and what, in whole sentences.
        command: that does it, or None.
    """

    urgency: str
    text: str
    command: str | None = None

    @property
    def urgency_in_words(self) -> str:
        """For the reader."""
        return URGENCY_IN_WORDS[self.urgency]


def next_steps(facts: RunFacts, further: FurtherResults) -> list[Step]:
    """What to do, the most urgent first."""
    found = [
        *_about_leaks(facts, further),
        *_about_the_data(facts, further),
        *_about_the_baseline(facts),
        *_about_training(facts),
        *_about_confidence(facts),
        *_about_use(facts, further),
    ]
    order = list(URGENCY_IN_WORDS)
    return sorted(found, key=lambda step: order.index(step.urgency))


def _about_leaks(facts: RunFacts, further: FurtherResults) -> Iterator[Step]:
    leaks = facts.results.get("leaks", {})
    if leaks.get("duplicates_across_splits"):
        yield Step(
            "fix",
            f"{_sets(leaks['duplicates_across_splits'])} look the same but lie in several splits, "
            "so the score is too good. Remove the copies, or keep them on one side.",
            "data.near_duplicates=keep_together",
        )
    if leaks.get("mirrored_across_splits"):
        yield Step(
            "fix",
            f"{_sets(leaks['mirrored_across_splits'])} are mirrored or turned copies of each other "
            "but lie in several splits, so the score is too good. Remove the copies that "
            "leaks.csv of the run names, or keep them together with data.group_file.",
        )
    if leaks.get("duplicates_across_styles"):
        yield Step(
            "fix",
            f"{_sets(leaks['duplicates_across_styles'])} look the same but lie in several styles: "
            "one of the folders must be wrong. leaks.csv of the run names them.",
        )
    yield from _about_groups(facts, further)


def _about_groups(facts: RunFacts, further: FurtherResults) -> Iterator[Step]:
    """Works of one artist on both sides of the split, and how much that flatters."""
    measured = further.cross_validation or {}
    config = f"{facts.folder}/config.yaml"
    command = ("python", "scripts/cross_validate.py", "--config", config)
    if measured.get("gap"):
        yield Step(
            "improve",
            f"On images of groups (artists) it has never met, expect "
            f"{measured['group']['macro_f1']:.3f} instead of {measured['random']['macro_f1']:.3f}: "
            f"{measured['gap']['verdict']}. Images by more artists help most.",
        )
    elif facts.results.get("leaks", {}).get("group_across_splits"):
        count = facts.results["leaks"]["group_across_splits"]
        yield Step(
            "fix",
            f"{count} groups (artists) have images on both sides of the split, so that the score "
            "says little about artists the run has not met. Measure what it is without them.",
            shell_command(*command),
        )
    elif not facts.images["group"].duplicated().any():
        yield Step(
            "improve",
            "The run does not know which images belong together, such as the works of one "
            "artist. If file names tell it, say so: the score for new artists is usually lower.",
            shell_command(*command, "--group-pattern", "^([^_]+)_"),
        )


def _sets(count: int) -> str:
    return "One set of images" if count == 1 else f"{count} sets of images"


def _about_the_data(facts: RunFacts, further: FurtherResults) -> Iterator[Step]:
    unreadable = len(facts.results.get("unreadable", ()))
    if unreadable:
        noun = "image" if unreadable == 1 else "images"
        yield Step("fix", f"{unreadable} {noun} could not be read and took no part; see Data.")
    train = facts.images[facts.images["split"] == "train"]["label"].value_counts()
    few = sorted(
        (int(train.get(name, 0)), name)
        for name in facts.class_names
        if train.get(name, 0) < _FEW_TRAINING_IMAGES
    )
    if few:
        named = ", ".join(f"{name} ({count})" for count, name in few[:4])
        more = f" and {len(few) - 4} more" if len(few) > 4 else ""
        support = facts.judged.predictions["label"].value_counts()
        weak = [name for _, name in few if support.get(name, 0) < _FEW_JUDGED_IMAGES]
        unsure = (
            f" With so few to judge by ({weak[0]}: {int(support.get(weak[0], 0))}), their own "
            "scores can hardly be told."
            if weak
            else ""
        )
        yield Step(
            "improve", f"Few training images: {named}{more}. Collect more of these first.{unsure}"
        )
    pairs = confusions(facts.judged)
    if pairs and pairs[0].num_images >= _WORTH_A_LOOK:
        worst = pairs[0]
        yield Step(
            "improve",
            f"Look at the {worst.num_images} {worst.label} images that were called "
            f"{worst.prediction}: click that cell of the confusion matrix. Are the folders right, "
            "are the styles different enough?",
        )
    if further.analysis is not None and further.analysis.get("num_suspected_label_errors"):
        count = further.analysis["num_suspected_label_errors"]
        suspected = "One suspected label error" if count == 1 else f"{count} suspected label errors"
        yield Step(
            "improve",
            f"{suspected} in the analysis {further.analysis['name']}: go through its "
            "label_errors.csv.",
        )


def _about_the_baseline(facts: RunFacts) -> Iterator[Step]:
    if facts.baseline is None:
        return
    outcome = outcome_of(facts.baseline)
    if outcome == "worse":
        yield Step(
            "fix",
            "Plain logistic regression on the frozen network is better than what was trained. "
            "Lower the learning rates, or train fewer blocks.",
        )
    elif outcome == "same":
        yield Step(
            "improve",
            "It cannot be told apart from plain logistic regression on the frozen network. More "
            "images narrow the interval; unfreezing a few blocks may raise the score.",
            shell_command("training.phases=[{unfreeze_blocks: 4, epochs: 6, learning_rate: 5e-4}]"),
        )


def _about_training(facts: RunFacts) -> Iterator[Step]:
    for alarm in facts.results.get("alarms", ())[:1]:
        yield Step("fix", f"The guard against collapse had to step in: {alarm}.")
    if facts.history.empty:
        return
    best = facts.history[facts.history["epoch"] == facts.results.get("best_epoch")]
    last = float(best["macro_f1"].iloc[0]) if len(best) else float("nan")
    gap = last - float(best["val_macro_f1"].iloc[0]) if len(best) else float("nan")
    if gap > _LARGE_GAP:
        yield Step(
            "improve",
            f"It knows its training images by heart: training macro-F1 {last:.3f} is "
            f"{_POINTS * gap:.0f} points above validation. More augmentation or more images help "
            "more than more epochs.",
            "data.views.policy=strong",
        )


def _about_confidence(facts: RunFacts) -> Iterator[Step]:
    error = facts.scores.get("expected_calibration_error")
    ends = facts.interval("expected_calibration_error")
    if error is None or ends is None or ends[0] <= _LARGE_CALIBRATION_ERROR:
        return
    yield Step(
        "improve",
        f"Its confidences are off by {_POINTS * error:.0f} points on average: read them as a "
        "ranking, not as probabilities. The reliability diagram shows in which direction.",
    )


def _about_use(facts: RunFacts, further: FurtherResults) -> Iterator[Step]:
    if facts.judged.part == "validation":
        yield Step(
            "improve",
            "There is no test split. The validation images have also chosen the best epoch and "
            "the threshold, so that the score flatters a little; keep some images apart.",
        )
    if further.analysis is None:
        yield Step(
            "next",
            "Maps, clusters and labels to doubt were not looked for yet.",
            shell_command("python", "scripts/analyze_features.py", "--run", facts.folder),
        )
    if further.formats is None:
        yield Step(
            "next",
            "To use it elsewhere, export it.",
            shell_command("python", "scripts/export_model.py", "--run", facts.folder),
        )
