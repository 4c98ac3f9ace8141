"""The winner of a study, and how certain it is.

The best of a hundred trials is partly the luckiest. Trained again with other seeds the luck is
gone; what remains is measured on the same images, so that recipes are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from artstyle_tf.metrics.comparison import Difference, compare_models, verdict
from artstyle_tf.tuning.study_confirmation import BASELINE, Recipe
from artstyle_tf.tuning.trial_records import TrialRecord


@dataclass(frozen=True)
class Verdict:
    """The winner of a study and the evidence for it.

    Attributes:
        winner: number of the trial.
        recipes: one entry for each that was trained again, best first, as JSON values.
        sentences: their scores as text.
        verdicts: comparisons as text.
        warnings: limits of the result.
        lines: name -> score, for the figure.
    """

    winner: int
    recipes: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lines: dict[str, float] = field(default_factory=dict)


def choose_by_search(best: Sequence[TrialRecord], num_images: int) -> Verdict:
    """Choose the best trial of the search; warn if its lead is within the noise.

    Args:
        best: trials, best first.
        num_images: that they were evaluated on.
    """
    scores = [record.scores["macro_f1"] for record in best]
    noise = standard_error(scores[0], num_images)
    warnings = [
        f"The score of trial {best[0].number}, {scores[0]:.3f}, is the highest of many and will be "
        "lower when it is trained again; tuning.confirmation.top=3 measures how much"
    ]
    if len(scores) > 1 and scores[0] - scores[1] < 2 * noise:
        warnings.append(
            f"its lead of {scores[0] - scores[1]:.3f} over trial {best[1].number} is inside the "
            f"noise: {num_images} images measure scores to within {2 * noise:.3f}"
        )
    return Verdict(best[0].number, warnings=warnings)


def choose_by_confirmation(
    recipes: Sequence[Recipe],
    labels: np.ndarray,
    best: Sequence[TrialRecord],
    *,
    num_classes: int,
    changed: bool,
) -> Verdict:
    """Choose the trial with the best mean over new seeds.

    Args:
        recipes: trained with new seeds; a baseline may be among them.
        labels: int [N], of the images that they were evaluated on.
        best: trials, best first.
        num_classes: C.
        changed: whether they were trained again with other settings than in the search.
    """
    trials = [recipe for recipe in recipes if recipe.name != BASELINE]
    ranked = sorted(trials, key=lambda recipe: -recipe.mean)
    baseline = next((recipe for recipe in recipes if recipe.name == BASELINE), None)
    number_of = {f"trial {record.number}": record.number for record in best}
    search_scores = {f"trial {record.number}": record.scores["macro_f1"] for record in best}
    winner, *others = ranked
    verdicts, warnings = [], []
    if others:
        lead = compare_recipes(labels, winner, others[0], num_classes=num_classes)
        verdicts.append(verdict(lead, [winner.name, others[0].name]))
        if not lead.is_significant:
            warnings.append(
                f"The lead of {winner.name} is inside the noise: {verdicts[-1]}. Any of the trials "
                "that were trained again would do"
            )
    if winner.kept_its_start:
        warnings.append(
            f"{winner.name} kept the initial weights of its head with every seed: no epoch of its "
            "phases was better. The values that the search chose for them have no effect, and "
            "training.phases=[] gives such a network much sooner"
        )
    # With other settings than in the search, scores cannot be compared with those of the search.
    lines = {} if changed else {f"{winner.name}, trained again": winner.mean}
    if baseline is not None:
        gain = compare_recipes(labels, winner, baseline, num_classes=num_classes)
        verdicts.append(verdict(gain, [f"the tuned recipe ({winner.name})", "the baseline"]))
        ranked.append(baseline)
        if not changed:
            lines["baseline"] = baseline.mean
    return Verdict(
        winner=number_of[winner.name],
        recipes=[
            {
                "name": recipe.name,
                "trial": number_of.get(recipe.name),
                "mean": recipe.mean,
                "standard_deviation": recipe.spread,
                "macro_f1": list(recipe.scores),
                "search_macro_f1": search_scores.get(recipe.name),
            }
            for recipe in ranked
        ],
        sentences=describe_scores(ranked, {} if changed else search_scores),
        verdicts=verdicts,
        warnings=warnings,
        lines=lines,
    )


def compare_recipes(
    labels: np.ndarray, first: Recipe, second: Recipe, *, num_classes: int
) -> Difference:
    """Compute how much better the first recipe is, from labels int [N] in [0, C).

    Returns:
        Difference of the mean macro-F1 of the predictions. Its interval allows for other images,
        the same for all trainings, and for other seeds of each recipe.
    """
    return compare_models(
        labels,
        list(first.predictions),
        list(second.predictions),
        num_classes=num_classes,
        seeds_vary=True,
    )


def standard_error(score: float, num_images: int) -> float:
    """Estimate the standard error of an accuracy due to the choice of the images.

    Two more of either kind, so that it is never 0; Agresti and Coull 1998,
    doi:10.1080/00031305.1998.10480550.
    """
    share = (score * num_images + 2.0) / (num_images + 4.0)
    return float(np.sqrt(share * (1.0 - share) / (num_images + 4.0)))


def describe_scores(recipes: Sequence[Recipe], search_scores: Mapping[str, float]) -> list[str]:
    """Return a line for each recipe: its score with new seeds, and in the search if known."""
    lines = []
    for recipe in recipes:
        spread = "" if recipe.spread is None else f" +- {recipe.spread:.3f}"
        known = recipe.name in search_scores
        before = f", {search_scores[recipe.name]:.3f} in the search" if known else ""
        seeds = f"{len(recipe.scores)} new seeds" if len(recipe.scores) > 1 else "a new seed"
        lines.append(f"{recipe.name}: {recipe.mean:.3f}{spread} with {seeds}{before}")
    return lines
