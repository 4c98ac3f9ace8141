"""What an inspection found, in plain words."""

from __future__ import annotations

from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.index.split_folders import (
    styles_like_splits_in_words,
    styles_named_like_splits,
)
from artstyle_tf.images.splits.given_split import describe_given_split, is_split_already
from artstyle_tf.images.splits.leaks import count_leaks, leaks_in_words
from artstyle_tf.inspection.augmentation_preview import AugmentationPreview
from artstyle_tf.inspection.file_properties import most_telling_property
from artstyle_tf.inspection.findings import Finding, by_severity
from artstyle_tf.inspection.image_findings import (
    describe_copies,
    describe_gray_images,
    describe_ignored,
    describe_troubles,
)
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.inspection.style_findings import (
    describe_counts,
    describe_groups,
    describe_measures,
    describe_near_equal_styles,
    describe_shortcut,
    describe_upsampling,
)


def collect_findings(
    config: InspectExperiment,
    index: ImageIndex,
    inspection: Inspection,
    preview: AugmentationPreview | None,
) -> list[Finding]:
    """All findings, the gravest first.

    Args:
        config: of the inspection.
        index: the files.
        inspection: what was found out.
        preview: what augmentation does; None if there was no image to show it on.
    """
    limits = config.limits
    of_images = inspection.by_measure.get("unit") == "image"
    pairs_of_images = inspection.by_pair.get("unit") == "image"
    findings = [
        *_split_findings(inspection),
        *_folder_findings(index),
        *describe_counts(
            inspection.counts,
            imbalance_above=limits.imbalance_above,
            small_style_below=limits.small_style_below,
        ),
        *describe_near_equal_styles(inspection.counts),
        *describe_troubles(inspection.troubles, inspection.images),
        *describe_copies(inspection.copies),
        *_shortcut(config, inspection),
        *_groups(config, inspection),
        *describe_gray_images(inspection.images),
        *describe_ignored(index.ignored),
    ]
    if len(inspection.by_measure):
        findings += describe_measures(
            inspection.by_measure[of_images], inspection.by_pair[pairs_of_images]
        )
    if preview is not None and inspection.why_not_split is None:
        findings += describe_upsampling(preview.counts["before"], preview.counts["after"])
    return by_severity(findings)


def _split_findings(inspection: Inspection) -> list[Finding]:
    """Whether the folder can be split, and what lies on several sides of the split."""
    findings = []
    if inspection.why_not_split is not None and len(inspection.counts) > 1:
        text = f"The folder cannot be split as it is. {inspection.why_not_split}"
        findings.append(Finding("cannot_be_split", 1, text))
    if inspection.why_not_trained is not None:
        findings.append(Finding("cannot_be_trained", 1, inspection.why_not_trained))
    divided = inspection.images[inspection.images["split"] != ""]
    told, leaks = leaks_in_words(inspection.leaks, divided), inspection.leaks
    copies = leaks.loc[leaks["kind"] == "duplicates_across_splits", "images"]
    mirrored = leaks.loc[leaks["kind"] == "mirrored_across_splits", "images"]
    splits = divided.groupby("group")["split"].nunique()
    for kind, names in (
        ("duplicates_across_splits", copies),
        ("mirrored_across_splits", mirrored),
        ("group_across_splits", splits.index[splits > 1]),
    ):
        if kind in told:
            findings.append(Finding(kind, count_leaks(leaks)[kind], told[kind], tuple(names)))
    return findings


def _folder_findings(index: ImageIndex) -> list[Finding]:
    """Whether the folders are a split, or only called so."""
    if is_split_already(index):
        return [Finding("split_by_folders", 1, describe_given_split(index))]
    styles = index.class_names
    if styles_named_like_splits(styles):
        text = styles_like_splits_in_words(styles)
        return [Finding("styles_called_like_splits", len(styles), text, styles)]
    return []


def _groups(config: InspectExperiment, inspection: Inspection) -> list[Finding]:
    if not inspection.has_groups:
        return []
    images = inspection.images
    return describe_groups(
        inspection.groups,
        inspection.learned_groups,
        num_groups=int(images["group"].nunique()),
        num_alone=int((~images["group"].duplicated(keep=False)).sum()),
        guessed_pattern=inspection.guessed_pattern,
        dominant_above=config.limits.dominant_group_above,
    )


def _shortcut(config: InspectExperiment, inspection: Inspection) -> list[Finding]:
    probe = inspection.probe
    if probe is None:
        return []
    return describe_shortcut(
        probe.macro_f1,
        probe.chance,
        probe.interval,
        probe.per_style,
        probe.importances,
        folds_in_words=folds_in_words(inspection),
        telling=most_telling_property(inspection.readable, probe.per_style["class"][0]),
        excess_above=config.limits.shortcut_above,
    )


def folds_in_words(inspection: Inspection) -> str:
    """What the folds of the file-property model do not divide."""
    return "no group in two folds" if inspection.has_groups else "random folds"
