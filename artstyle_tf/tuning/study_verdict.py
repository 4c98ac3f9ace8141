"""Which trial wins, and how sure that is.

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
    """What is said of the best trials.

    Attributes:
        winner: number of the trial.
        recipes: one entry for each that was trained again, best first, as JSON values.
        sentences: what became of them, for people.
        verdicts: comparisons in words.
        warnings: what to be careful about.
        lines: name -> score, for the figure.
    """

    winner: int
    recipes: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lines: dict[str, float] = field(default_factory=dict)


def judge_without_training(best: Sequence[TrialRecord], num_images: int) -> Verdict:
    """The best trial wins; says so if its lead is smaller than what the images can tell.

    Args:
        best: trials, best first.
        num_images: that judged them.
    """
    scores = [record.scores["macro_f1"] for record in best]
    noise = standard_error(scores[0], num_images)
    warnings = [
        f"The score of trial {best[0].number}, {scores[0]:.3f}, is the highest of many and will be "
        "lower when it is trained again; tuning.confirmation.top=3 says how much"
    ]
    if len(scores) > 1 and scores[0] - scores[1] < 2 * noise:
        warnings.append(
            f"its lead of {scores[0] - scores[1]:.3f} over trial {best[1].number} is inside the "
            f"noise: {num_images} images tell scores to within {2 * noise:.3f}"
        )
    return Verdict(best[0].number, warnings=warnings)


def judge(
    recipes: Sequence[Recipe],
    labels: np.ndarray,
    best: Sequence[TrialRecord],
    *,
    num_classes: int,
    changed: bool,
) -> Verdict:
    """The trial with the best mean over new seeds wins.

    Args:
        recipes: trained with new seeds; maybe a baseline among them.
        labels: int [N], of the images that judged them.
        best: trials, best first.
        num_classes: C.
        changed: whether they were trained again with other settings than in the search.
    """
    found = rank([recipe for recipe in recipes if recipe.name != BASELINE])
    baseline = next((recipe for recipe in recipes if recipe.name == BASELINE), None)
    number_of = {f"trial {record.number}": record.number for record in best}
    sweep = {f"trial {record.number}": record.scores["macro_f1"] for record in best}
    winner = found[0]
    verdicts, warnings = [], []
    if len(found) > 1:
        lead = compare_recipes(labels, winner, found[1], num_classes=num_classes)
        verdicts.append(verdict(lead, [winner.name, found[1].name]))
        if not lead.is_significant:
            warnings.append(
                f"The lead of {winner.name} is inside the noise: {verdicts[-1]}. Any of the trials "
                "that were trained again would do"
            )
    if winner.kept_its_start:
        warnings.append(
            f"{winner.name} kept the first weights of its head with every seed: no epoch of its "
            "phases was better. What the search chose for them has decided nothing, and "
            "training.phases=[] gives such a network much sooner"
        )
    if baseline is not None:
        gain = compare_recipes(labels, winner, baseline, num_classes=num_classes)
        verdicts.append(verdict(gain, [f"the tuned recipe ({winner.name})", "the baseline"]))
    ranked = [*found, *([] if baseline is None else [baseline])]
    # With other settings than in the search its scores say nothing about those of the search.
    lines = {} if changed else {f"{winner.name}, trained again": winner.mean}
    if baseline is not None and not changed:
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
                "search_macro_f1": sweep.get(recipe.name),
            }
            for recipe in ranked
        ],
        sentences=scores_in_words(ranked, {} if changed else sweep),
        verdicts=verdicts,
        warnings=warnings,
        lines=lines,
    )


def rank(recipes: Sequence[Recipe]) -> list[Recipe]:
    """Best mean first."""
    return sorted(recipes, key=lambda recipe: -recipe.mean)


def compare_recipes(
    labels: np.ndarray, first: Recipe, second: Recipe, *, num_classes: int
) -> Difference:
    """How much better the first is, and whether that could be the images or the seeds.

    Args:
        labels: int [N], class ids in [0, C).
        first: one recipe.
        second: the other.
        num_classes: C.

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
    """Estimate how far a share of right images is off, roughly, by the choice of the images.

    Two more of either kind keep it from vanishing; Agresti and Coull 1998,
    doi:10.1080/00031305.1998.10480550.
    """
    share = (score * num_images + 2.0) / (num_images + 4.0)
    return float(np.sqrt(share * (1.0 - share) / (num_images + 4.0)))


def scores_in_words(recipes: Sequence[Recipe], sweep: Mapping[str, float]) -> list[str]:
    """A line for each recipe: what the search said, and what is left of it.

    Args:
        recipes: in the order of the lines.
        sweep: name -> macro-F1 in the search, of those that were found there.
    """
    lines = []
    for recipe in recipes:
        spread = "" if recipe.spread is None else f" +- {recipe.spread:.3f}"
        before = f", {sweep[recipe.name]:.3f} in the search" if recipe.name in sweep else ""
        seeds = f"{len(recipe.scores)} new seeds" if len(recipe.scores) > 1 else "a new seed"
        lines.append(f"{recipe.name}: {recipe.mean:.3f}{spread} with {seeds}{before}")
    return lines
