"""Recommend next steps from the results of a run, with commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_facts import RunFacts, confusions, outcome_of
from artstyle_tf.system.shell_commands import shell_command

URGENCY_IN_WORDS = {"fix": "Fix first", "improve": "Improve", "next": "Next"}

_FEW_TRAINING_IMAGES = 60
_FEW_EVALUATED_IMAGES = 15
_LARGE_CALIBRATION_ERROR = 0.08  # lower end; a small sample alone causes an error of 0.05
_LARGE_GAP = 0.15
_MANY_CONFUSED = 3  # images of one confusion
_POINTS = 100.0


class Step(NamedTuple):
    """A recommendation.

    Attributes:
        urgency: a key of `URGENCY_IN_WORDS`.
        text: reason and action, in sentences.
        command: that does it, or None.
    """

    urgency: str
    text: str
    command: str | None = None

    @property
    def urgency_in_words(self) -> str:
        """Label of the urgency."""
        return URGENCY_IN_WORDS[self.urgency]


def next_steps(facts: RunFacts, related: RelatedResults) -> list[Step]:
    """Return recommendations, the most urgent first."""
    found = [
        *_about_leaks(facts),
        *_about_groups(facts, related),
        *_about_the_data(facts, related),
        *_about_the_baseline(facts),
        *_about_training(facts),
        *_about_confidence(facts),
        *_about_use(facts, related),
    ]
    order = list(URGENCY_IN_WORDS)
    return sorted(found, key=lambda step: order.index(step.urgency))


def _about_leaks(facts: RunFacts) -> Iterator[Step]:
    leaks = facts.results.get("leaks", {})
    if leaks.get("duplicates_across_splits"):
        yield Step(
            "fix",
            f"{_sets(leaks['duplicates_across_splits'])} of duplicate images in several splits: "
            "the score is too high. Remove the duplicates, or keep them in one split.",
            "data.near_duplicates=keep_together",
        )
    if leaks.get("mirrored_across_splits"):
        yield Step(
            "fix",
            f"{_sets(leaks['mirrored_across_splits'])} of mirrored or rotated copies in several "
            "splits: the score is too high. Remove the copies listed in the run's leaks.csv, or "
            "keep them together with data.group_file.",
        )
    if leaks.get("duplicates_across_styles"):
        yield Step(
            "fix",
            f"{_sets(leaks['duplicates_across_styles'])} of duplicate images in several style "
            "folders: one of the labels must be wrong. The run's leaks.csv lists them.",
        )


def _sets(count: int) -> str:
    return "1 set" if count == 1 else f"{count} sets"


def _about_groups(facts: RunFacts, related: RelatedResults) -> Iterator[Step]:
    """Recommend measuring the score on new groups, such as artists."""
    measured = related.cross_validation or {}
    config = f"{facts.folder}/config.yaml"
    command = ("python", "scripts/cross_validate.py", "--config", config)
    if measured.get("gap"):
        yield Step(
            "improve",
            f"For new groups (artists), expect macro-F1 {measured['group']['macro_f1']:.3f} "
            f"instead of {measured['random']['macro_f1']:.3f}: {measured['gap']['verdict']}. "
            "Images by more artists help most.",
        )
    elif facts.results.get("leaks", {}).get("group_across_splits"):
        count = facts.results["leaks"]["group_across_splits"]
        yield Step(
            "fix",
            f"{count} groups (artists) have images in several splits, so the score does not show "
            "how well new artists are classified. Measure this with group folds.",
            shell_command(*command),
        )
    elif not facts.images["group"].duplicated().any():
        yield Step(
            "improve",
            "No groups are defined, such as the works of one artist. If file names contain the "
            "artist, set a group pattern: the score for new artists is usually lower.",
            shell_command(*command, "--group-pattern", "^([^_]+)_"),
        )


def _about_the_data(facts: RunFacts, related: RelatedResults) -> Iterator[Step]:
    unreadable = len(facts.results.get("unreadable", ()))
    if unreadable:
        noun = "image" if unreadable == 1 else "images"
        yield Step("fix", f"{unreadable} {noun} could not be read; see Dataset.")
    train = facts.images[facts.images["split"] == "train"]["label"].value_counts()
    few = sorted(
        (int(train.get(name, 0)), name)
        for name in facts.class_names
        if train.get(name, 0) < _FEW_TRAINING_IMAGES
    )
    if few:
        named = ", ".join(f"{name} ({count})" for count, name in few[:4])
        more = f" and {len(few) - 4} more" if len(few) > 4 else ""
        support = facts.evaluated.predictions["label"].value_counts()
        weak = [name for _, name in few if support.get(name, 0) < _FEW_EVALUATED_IMAGES]
        uncertain = (
            f" Their scores are uncertain: {weak[0]} has only {int(support.get(weak[0], 0))} "
            f"{facts.evaluated.part} images."
            if weak
            else ""
        )
        yield Step(
            "improve", f"Few training images: {named}{more}. Collect more of these.{uncertain}"
        )
    pairs = confusions(facts.evaluated)
    if pairs and pairs[0].num_images >= _MANY_CONFUSED:
        worst = pairs[0]
        yield Step(
            "improve",
            f"Check the {worst.num_images} {worst.label} images predicted as {worst.prediction} "
            "(select the cell of the confusion matrix): are the labels correct, and are the two "
            "styles distinct?",
        )
    if related.analysis is not None and related.analysis.get("num_suspected_label_errors"):
        count = related.analysis["num_suspected_label_errors"]
        suspected = "One suspected label error" if count == 1 else f"{count} suspected label errors"
        yield Step(
            "improve",
            f"{suspected} in the analysis {related.analysis['name']}: go through its "
            "label_errors.csv.",
        )


def _about_the_baseline(facts: RunFacts) -> Iterator[Step]:
    if facts.baseline is None:
        return
    outcome = outcome_of(facts.baseline)
    if outcome == "worse":
        yield Step(
            "fix",
            "The baseline, logistic regression on frozen features, is better than the trained "
            "model. Lower the learning rates, or train fewer blocks.",
        )
    elif outcome == "same":
        yield Step(
            "improve",
            "The model cannot be distinguished from the baseline, logistic regression on frozen "
            "features. More images narrow the interval; unfreezing a few blocks may raise the "
            "score.",
            shell_command("training.phases=[{unfreeze_blocks: 4, epochs: 6, learning_rate: 5e-4}]"),
        )


def _about_training(facts: RunFacts) -> Iterator[Step]:
    for alarm in facts.results.get("alarms", ())[:1]:
        yield Step("fix", f"The embedding collapsed during training: {alarm}.")
    best = facts.history[facts.history["epoch"] == facts.results.get("best_epoch")]
    if best.empty:
        return
    score = float(best["macro_f1"].iloc[0])
    gap = score - float(best["val_macro_f1"].iloc[0])
    if gap > _LARGE_GAP:
        yield Step(
            "improve",
            f"The model overfits: training macro-F1 {score:.3f} is {_POINTS * gap:.0f} points "
            "above validation. Stronger augmentation or more images help more than more epochs.",
            "data.views.policy=strong",
        )


def _about_confidence(facts: RunFacts) -> Iterator[Step]:
    error = facts.scores.get("expected_calibration_error")
    ends = facts.interval("expected_calibration_error")
    if error is None or ends is None or ends[0] <= _LARGE_CALIBRATION_ERROR:
        return
    yield Step(
        "improve",
        f"Confidences differ from accuracy by {_POINTS * error:.0f} points on average: use them to "
        "rank predictions, not as probabilities. See the reliability diagram.",
    )


def _about_use(facts: RunFacts, related: RelatedResults) -> Iterator[Step]:
    if facts.evaluated.part == "validation":
        yield Step(
            "improve",
            "There is no test split. The validation images also chose the best epoch and the "
            "threshold, so the score is slightly optimistic; set a test split aside.",
        )
    if related.analysis is None:
        yield Step(
            "next",
            "Run the analysis to get projections, clusters and suspected label errors.",
            shell_command("python", "scripts/analyze_features.py", "--run", facts.folder),
        )
    if related.formats is None:
        yield Step(
            "next",
            "Export the model to use it elsewhere.",
            shell_command("python", "scripts/export_model.py", "--run", facts.folder),
        )
