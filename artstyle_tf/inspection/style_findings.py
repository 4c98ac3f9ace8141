"""Findings about styles: how many images, by how many artists, how different."""

from __future__ import annotations

import numpy as np
import pandas as pd

from artstyle_tf.images.index.image_tables import examples
from artstyle_tf.images.index.style_folders import (
    HOW_TO_MERGE,
    describe_near_equal,
    near_equal_styles,
)
from artstyle_tf.inspection.findings import Finding

_WIDEST = 1.96 * 0.5  # half of a 95 % interval of a share of one half, times root of n
_SHOWN_GROUPS = 3
_MEDIUM_EFFECT, _LARGE_EFFECT = 0.06, 0.14  # of epsilon squared, after Cohen 1988
_LARGE_DELTA = 0.474  # of Cliff's delta, after Romano et al. 2006


def describe_counts(
    counts: pd.DataFrame, *, imbalance_above: float, small_style_below: int
) -> list[Finding]:
    """Imbalance and small styles.

    Args:
        counts: int, styles in the index, columns train, val and test; or the one column
            "not split".
        imbalance_above: ratio of the largest style to the smallest that is worth a word.
        small_style_below: number of training images that is worth a word.
    """
    totals = counts.sum(axis=1)
    if len(totals) < 2:
        text = f"There is only one style, {totals.index[0]}: nothing can be told apart."
        return [Finding("one_style", 1, text, tuple(totals.index))]
    findings = []
    ratio = totals.max() / totals.min()
    if ratio > imbalance_above:
        text = (
            f"{totals.idxmax()} has {ratio:.1f} times as many images as {totals.idxmin()} "
            f"({totals.max()} against {totals.min()}): look at macro-F1, not at accuracy."
        )
        findings.append(
            Finding("imbalance", len(totals), text, (str(totals.idxmax()), str(totals.idxmin())))
        )
    learned = counts.get("train", totals)
    small = learned[learned < small_style_below].sort_values(kind="stable")
    if len(small):
        told = [_small_style(str(style), counts.loc[style]) for style in small.index]
        text = " ".join(told[:_SHOWN_GROUPS])
        text += _and_more(len(told) - _SHOWN_GROUPS)
        findings.append(Finding("small_style", len(small), text, tuple(small.index)))
    return findings


def describe_near_equal_styles(counts: pd.DataFrame) -> list[Finding]:
    """Styles that may be one, because their folders have nearly the same name.

    Args:
        counts: see `describe_counts`.
    """
    totals = {str(style): int(total) for style, total in counts.sum(axis=1).items()}
    sets = near_equal_styles(list(totals))
    if not sets:
        return []
    told = [describe_near_equal(members, totals) for members in sets]
    rest = len(told) - _SHOWN_GROUPS
    more = f"; and {rest} more such sets" if rest > 0 else ""
    text = f"Styles have nearly the same name: {'; '.join(told[:_SHOWN_GROUPS])}{more}."
    text = f"{text} {HOW_TO_MERGE}"
    return [Finding("near_equal_styles", len(sets), text, tuple(told))]


def describe_groups(
    groups: pd.DataFrame,
    learned_groups: pd.DataFrame,
    *,
    num_groups: int,
    num_alone: int,
    guessed_pattern: str | None,
    dominant_above: float,
) -> list[Finding]:
    """Group structure, and groups that dominate a style.

    Args:
        groups: of `measure_groups`, all images.
        learned_groups: the same of the training images; of all where there is no split.
        num_groups: different groups.
        num_alone: images that are each a group of their own.
        guessed_pattern: found in the names of the files, if the user has told none.
        dominant_above: share of a style that is worth a word.
    """
    total = int(groups["num_images"].sum())
    text = f"There are {num_groups} groups among {total} images; {num_alone} images stand alone"
    code, advice = "groups", "."
    if guessed_pattern is not None:
        code = "groups_in_names"
        advice = (
            ", if what file names begin with is the artist. Keep them on one side of the split "
            f"with data.group_pattern='{guessed_pattern}'."
        )
    findings = [Finding(code, num_groups, text + advice)]
    learned = learned_groups.set_index("label")
    told, dominant = [], []
    for row in groups.sort_values("largest_share", ascending=False).itertuples():
        in_training = learned.loc[row.label] if row.label in learned.index else None
        share = max(row.largest_share, 0 if in_training is None else in_training["largest_share"])
        if share > dominant_above and row.largest_count > 1:
            dominant.append(row.label)
            told.append(_dominance(row, in_training))
    if told:
        text = " ".join(told[:_SHOWN_GROUPS]) + _and_more(len(told) - _SHOWN_GROUPS)
        text += " A network may learn the artist instead of the style."
        findings.append(Finding("dominant_group", len(told), text, tuple(dominant)))
    return findings


def describe_measures(by_measure: pd.DataFrame, by_pair: pd.DataFrame) -> list[Finding]:
    """By what styles differ most, before any network has looked.

    Args:
        by_measure: of `metrics.style_tests.compare_styles`.
        by_pair: of `metrics.style_tests.compare_pairs`.
    """
    if by_measure.empty:
        return []
    ordered = by_measure.sort_values("epsilon_squared", ascending=False)
    first = ordered.iloc[0]
    num_differing = int((by_measure["kruskal_p_holm"] < 0.05).sum())
    if not num_differing:
        text = (
            f"By none of {len(by_measure)} simple measures, such as brightness, can the styles be "
            "told apart."
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
            f" The farthest apart are {larger} and {smaller} in {strongest['measure']}: of two "
            f"images, that of {larger} has more of it in {(1 + abs(delta)) / 2:.0%} of cases."
        )
    return [Finding("styles_differ", num_differing, text, tuple(ordered["measure"]))]


def describe_shortcut(
    macro_f1: float,
    chance: float,
    interval: tuple[float, float],
    per_style: pd.DataFrame,
    importances: pd.DataFrame,
    *,
    folds_in_words: str,
    telling: tuple[str, float, float] | None,
    excess_above: float,
) -> list[Finding]:
    """Whether files give styles away.

    Args:
        macro_f1: of a small model that sees file properties only, cross-validated.
        chance: what it would score if there were nothing to learn.
        interval: of macro_f1.
        per_style: columns class and f1, the largest first.
        importances: columns property and importance, the largest first.
        folds_in_words: e.g. "no artist in two folds".
        telling: property by which the first of these styles differs most, with its medians in the
            style and elsewhere; None if by none.
        excess_above: where the lower end of the interval has to lie for a word, between chance,
            0, and a perfect guess, 1.
    """
    # Of the lower end, because a few dozen images score high by luck.
    if (interval[0] - chance) / (1 - chance) < excess_above:
        return []
    properties = importances.loc[importances["importance"] > 0.01, "property"]
    names = ", ".join(map(_in_words, properties[:3]))
    text = (
        f"Files alone give styles away: a small model that sees no image reaches macro-F1 "
        f"{macro_f1:.2f} ({interval[0]:.2f}-{interval[1]:.2f}; chance {chance:.2f}; "
        f"{folds_in_words})"
    )
    text += f", most by {names}" if names else ""
    text += f". It knows {per_style['class'][0]} best (F1 {per_style['f1'][0]:.2f})"
    if telling is not None:
        name, of_style, elsewhere = telling
        text += (
            f": {_in_words(name)} is {of_style:.3g} there and {elsewhere:.3g} elsewhere (medians)"
        )
    text += ". A network may learn how images were scanned and saved instead of their style."
    if {"size_bytes", "bytes_per_pixel"} & set(properties[:3]):
        text += " Bytes, though, also tell how much detail there is to be seen."
    return [Finding("file_shortcut", 1, text, tuple(properties))]


def describe_upsampling(
    before: pd.Series, after: pd.Series, *, made_up_above: float = 0.5
) -> list[Finding]:
    """Styles that would mostly be made up if small classes were filled up.

    Args:
        before: training images of each style.
        after: with the augmented ones.
        made_up_above: share of a style that is worth a word.
    """
    shares = ((after - before) / after)[after > 0].sort_values(ascending=False, kind="stable")
    made_up = shares[shares > made_up_above]
    if made_up.empty:
        return []
    told = [f"{share:.0%} of {style}" for style, share in made_up.items()]
    text = (
        f"If small styles were filled up by augmented copies (data.upsampling), {examples(told)} "
        "would be made up: views (data.views) show each image anew without counting it more "
        "often."
    )
    return [Finding("made_up_style", len(made_up), text, tuple(map(str, made_up.index)))]


def _small_style(style: str, counts: pd.Series) -> str:
    if "train" not in counts.index:
        return f"{style} has {_images(counts.sum())}: expect wide error bars."
    judged = {
        name: int(counts.get(split, 0))
        for split, name in (("val", "validation"), ("test", "test"))
        if counts.get(split, 0)
    }
    text = f"{style} has {counts['train']} training {_noun(counts['train'])}"
    if not judged:
        return f"{text}: expect wide error bars."
    parts = " and ".join(f"{count} {name}" for name, count in judged.items())
    points = 100 * _WIDEST / np.sqrt(min(judged.values()))
    return (
        f"{text} and {parts} {_noun(list(judged.values())[-1])}: expect wide error bars, up to "
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


def _and_more(count: int) -> str:
    if count <= 0:
        return ""
    return f" The same holds for {count} more style{'s' if count > 1 else ''}."


def _in_words(name: str) -> str:
    return name.removesuffix("_px").replace("_", " ").replace("jpeg", "JPEG")


def _noun(count: int) -> str:
    return "image" if count == 1 else "images"


def _images(count: int) -> str:
    return f"{count} {_noun(count)}"
