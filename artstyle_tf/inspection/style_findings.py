"""Findings about styles, groups and splits: sizes, differences, shortcuts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from artstyle_tf.images.index.image_index import ImageIndex
from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.index.split_folders import (
    styles_like_splits_in_words,
    styles_named_like_splits,
)
from artstyle_tf.images.index.style_folders import (
    HOW_TO_MERGE,
    describe_near_equal,
    near_equal_styles,
)
from artstyle_tf.images.splits.given_split import describe_given_split, is_split_already
from artstyle_tf.images.splits.leaks import count_leaks, leaks_in_words
from artstyle_tf.inspection.findings import Finding
from artstyle_tf.inspection.inspection import Inspection
from artstyle_tf.inspection.property_probe import most_different_property
from artstyle_tf.inspection.settings import LimitsConfig

_WIDEST = 1.96 * 0.5  # half of a 95 % interval of a share of one half, times root of n
_SHOWN_GROUPS = 3
_MEDIUM_EFFECT, _LARGE_EFFECT = 0.06, 0.14  # of epsilon squared, after Cohen 1988
_LARGE_DELTA = 0.474  # of Cliff's delta, after Romano et al. 2006
_MOSTLY_AUGMENTED = 0.5


def describe_split(inspection: Inspection) -> list[Finding]:
    """Return why the folder cannot be split or trained on, and the leaks between splits."""
    findings = []
    if inspection.why_not_split is not None and len(inspection.counts) > 1:
        text = f"The folder cannot be split as it is. {inspection.why_not_split}"
        findings.append(Finding("cannot_be_split", 1, text))
    if inspection.why_not_trained is not None:
        findings.append(Finding("cannot_be_trained", 1, inspection.why_not_trained))
    divided, leaks = inspection.images[inspection.images["split"] != ""], inspection.leaks
    texts = leaks_in_words(leaks, divided)
    splits_of_group = divided.groupby("group")["split"].nunique()
    for kind, names in (
        *(
            (kind, leaks.loc[leaks["kind"] == kind, "images"])
            for kind in ("duplicates_across_splits", "mirrored_across_splits")
        ),
        ("group_across_splits", splits_of_group.index[splits_of_group > 1]),
    ):
        if kind in texts:
            findings.append(Finding(kind, count_leaks(leaks)[kind], texts[kind], tuple(names)))
    return findings


def describe_folders(index: ImageIndex) -> list[Finding]:
    """Return whether the folders are a split, or only named like one."""
    if is_split_already(index):
        return [Finding("split_by_folders", 1, describe_given_split(index))]
    styles = index.class_names
    if styles_named_like_splits(styles):
        text = styles_like_splits_in_words(styles)
        return [Finding("styles_named_like_splits", len(styles), text, styles)]
    return []


def describe_counts(counts: pd.DataFrame, limits: LimitsConfig) -> list[Finding]:
    """Return findings about imbalance and small styles.

    Args:
        counts: int, styles in the index, columns train, val and test; or the one column
            "not split".
        limits: thresholds.
    """
    totals = counts.sum(axis=1)
    if len(totals) < 2:
        text = f"There is only one style, {totals.index[0]}: there is nothing to classify."
        return [Finding("one_style", 1, text, tuple(totals.index))]
    findings = []
    ratio = totals.max() / totals.min()
    if ratio > limits.imbalance_above:
        text = (
            f"{totals.idxmax()} has {ratio:.1f} times as many images as {totals.idxmin()} "
            f"({totals.max()} against {totals.min()}): use macro-F1, not accuracy."
        )
        findings.append(
            Finding("imbalance", len(totals), text, (str(totals.idxmax()), str(totals.idxmin())))
        )
    training = counts.get("train", totals)
    small = training[training < limits.small_style_below].sort_values(kind="stable")
    if len(small):
        texts = [_small_style(str(style), counts.loc[style]) for style in small.index]
        findings.append(Finding("small_style", len(small), _first(texts), tuple(small.index)))
    return findings


def describe_near_equal_styles(counts: pd.DataFrame) -> list[Finding]:
    """Return styles that may be one, because their folders have nearly the same name."""
    totals = {str(style): int(total) for style, total in counts.sum(axis=1).items()}
    sets = near_equal_styles(list(totals))
    if not sets:
        return []
    described = [describe_near_equal(members, totals) for members in sets]
    rest = len(described) - _SHOWN_GROUPS
    more = f"; and {rest} more such sets" if rest > 0 else ""
    text = f"Styles have nearly the same name: {'; '.join(described[:_SHOWN_GROUPS])}{more}."
    return [Finding("near_equal_styles", len(sets), f"{text} {HOW_TO_MERGE}", tuple(described))]


def describe_groups(inspection: Inspection, limits: LimitsConfig) -> list[Finding]:
    """Return the number of groups, and groups that dominate a style."""
    if not inspection.has_groups:
        return []
    groups, group = inspection.groups, inspection.images["group"]
    num_groups, num_alone = group.nunique(), int((~group.duplicated(keep=False)).sum())
    text = (
        f"There are {num_groups} groups among {len(group)} images; {num_alone} images stand alone"
    )
    code, advice = "groups", "."
    if inspection.guessed_pattern is not None:
        code = "groups_in_names"
        advice = (
            ", if file names begin with the artist. Keep them on one side of the split with "
            f"data.group_pattern='{inspection.guessed_pattern}'."
        )
    findings = [Finding(code, num_groups, text + advice)]
    by_style = inspection.training_groups.set_index("label")
    texts, dominated = [], []
    for row in groups.sort_values("largest_share", ascending=False).itertuples():
        in_training = by_style.loc[row.label] if row.label in by_style.index else None
        share = max(row.largest_share, 0 if in_training is None else in_training["largest_share"])
        if share > limits.dominant_group_above and row.largest_count > 1:
            dominated.append(row.label)
            texts.append(_dominance(row, in_training))
    if texts:
        text = f"{_first(texts)} A network may learn the artist instead of the style."
        findings.append(Finding("dominant_group", len(texts), text, tuple(dominated)))
    return findings


def describe_measures(inspection: Inspection) -> list[Finding]:
    """Return the simple measures in which styles differ most."""
    if inspection.by_measure.empty:
        return []
    by_measure, by_pair = (
        table[table["unit"] == "image"] for table in (inspection.by_measure, inspection.by_pair)
    )
    if by_measure.empty:
        return []
    ordered = by_measure.sort_values("epsilon_squared", ascending=False)
    first = ordered.iloc[0]
    num_differing = int((by_measure["kruskal_p_holm"] < 0.05).sum())
    if not num_differing:
        text = (
            f"Styles differ significantly in none of {len(by_measure)} simple measures, such as "
            "brightness."
        )
        return [Finding("styles_differ", 0, text)]
    size = "little"
    if first["epsilon_squared"] >= _MEDIUM_EFFECT:
        size = "much" if first["epsilon_squared"] >= _LARGE_EFFECT else "moderately"
    text = (
        f"Styles differ in {num_differing} of {len(by_measure)} simple measures, most in "
        f"{first['measure']}, and there {size}: style explains {first['epsilon_squared']:.0%} of "
        "the variance of its ranks."
    )
    strongest = by_pair.loc[by_pair["cliffs_delta"].abs().idxmax()]
    delta = strongest["cliffs_delta"]
    if abs(delta) >= _LARGE_DELTA:
        larger, smaller = strongest["first"], strongest["second"]
        if delta < 0:
            larger, smaller = smaller, larger
        text += (
            f" The largest difference is between {larger} and {smaller} in "
            f"{strongest['measure']}: of two images, that of {larger} has the higher value in "
            f"{(1 + abs(delta)) / 2:.0%} of cases."
        )
    return [Finding("styles_differ", num_differing, text, tuple(ordered["measure"]))]


def describe_shortcut(inspection: Inspection, limits: LimitsConfig) -> list[Finding]:
    """Return whether styles can be predicted from file properties alone."""
    probe = inspection.probe
    # The lower end counts, because a few dozen images score high by chance.
    if probe is None or (
        (probe.interval[0] - probe.chance) / (1 - probe.chance) < limits.shortcut_above
    ):
        return []
    properties = probe.importances.loc[probe.importances["importance"] > 0.01, "property"]
    names = ", ".join(map(_in_words, properties[:3]))
    best, best_f1 = probe.per_style["class"][0], probe.per_style["f1"][0]
    text = (
        f"Files alone reveal styles: a small model without any pixels reaches macro-F1 "
        f"{probe.macro_f1:.2f} ({probe.interval[0]:.2f}-{probe.interval[1]:.2f}; chance "
        f"{probe.chance:.2f}; {inspection.folds_in_words})"
    )
    text += f", most by {names}" if names else ""
    text += f". It predicts {best} best (F1 {best_f1:.2f})"
    found = most_different_property(inspection.readable, best)
    if found is not None:
        name, of_style, elsewhere = found
        text += (
            f": {_in_words(name)} is {of_style:.3g} there and {elsewhere:.3g} elsewhere (medians)"
        )
    text += ". A network may learn how images were scanned and saved instead of their style."
    if {"size_bytes", "bytes_per_pixel"} & set(properties[:3]):
        text += " Bytes, though, also depend on the visible detail."
    return [Finding("file_shortcut", 1, text, tuple(properties))]


def describe_upsampling(counts: pd.DataFrame) -> list[Finding]:
    """Return styles that would mostly be augmented copies if small classes were up-sampled.

    Args:
        counts: training images of each style, in the columns before and after.
    """
    before, after = counts["before"], counts["after"]
    shares = ((after - before) / after)[after > 0].sort_values(ascending=False, kind="stable")
    mostly = shares[shares > _MOSTLY_AUGMENTED]
    if mostly.empty:
        return []
    named = examples(f"{share:.0%} of {style}" for style, share in mostly.items())
    text = (
        f"If small styles were up-sampled (data.upsampling), {named} would be augmented copies: "
        "views (data.views) vary each image without repeating it more often."
    )
    return [Finding("mostly_augmented_style", len(mostly), text, tuple(map(str, mostly.index)))]


def _small_style(style: str, counts: pd.Series) -> str:
    if "train" not in counts.index:
        return f"{style} has {counts.sum()} {_noun(counts.sum())}: expect wide error bars."
    evaluated = {
        name: int(counts.get(split, 0))
        for split, name in (("val", "validation"), ("test", "test"))
        if counts.get(split, 0)
    }
    text = f"{style} has {counts['train']} training {_noun(counts['train'])}"
    if not evaluated:
        return f"{text}: expect wide error bars."
    parts = " and ".join(f"{count} {name}" for name, count in evaluated.items())
    points = 100 * _WIDEST / np.sqrt(min(evaluated.values()))
    return (
        f"{text} and {parts} {_noun(list(evaluated.values())[-1])}: expect wide error bars, up to "
        f"{min(points, 50):.0f} points either way for its recall."
    )


def _dominance(row, in_training: pd.Series | None) -> str:
    text = f"{row.largest_share:.0%} of {row.label} is by one group, {row.largest_group} "
    text += f"({row.largest_count} of {row.num_images} images"
    if in_training is not None and in_training["num_images"] != row.num_images:
        other = in_training["largest_group"]
        who = "" if other == row.largest_group else f" by {other}"
        text += f"; {in_training['largest_share']:.0%} of its training images{who}"
    return f"{text})."


def _first(texts: list[str]) -> str:
    """Join the first texts, with the number of the others."""
    text, rest = " ".join(texts[:_SHOWN_GROUPS]), len(texts) - _SHOWN_GROUPS
    if rest <= 0:
        return text
    return f"{text} The same holds for {rest} more style{'s' if rest > 1 else ''}."


def _in_words(name: str) -> str:
    return name.removesuffix("_px").replace("_", " ").replace("jpeg", "JPEG")


def _noun(count: int) -> str:
    return "image" if count == 1 else "images"
