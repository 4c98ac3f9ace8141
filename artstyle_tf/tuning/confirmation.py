"""Which of several recipes is the best, after training each with several seeds.

The best of a hundred trials is partly the luckiest. Trained again with other seeds the luck is
gone; what remains is measured on the same pictures, so that recipes are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from artstyle_tf.metrics.comparison import Difference, compare_models


@dataclass(frozen=True)
class Recipe:
    """One configuration, trained with R seeds.

    Attributes:
        name: for people.
        scores: macro-F1 of each training, as training reports it.
        predictions: int [R, N], for the same pictures.
        best_epochs: from which each network is; 0 for its start, before any phase. None where a
            training is several, one a fold.
    """

    name: str
    scores: Sequence[float]
    predictions: np.ndarray
    best_epochs: Sequence[int | None] = ()

    @property
    def mean(self) -> float:
        """Mean macro-F1 over the seeds."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one seed."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else None

    @property
    def kept_its_start(self) -> bool:
        """Whether no epoch of any training was better than what it began with."""
        return len(self.best_epochs) > 0 and all(epoch == 0 for epoch in self.best_epochs)


def rank(recipes: Sequence[Recipe]) -> list[Recipe]:
    """Best mean first."""
    return sorted(recipes, key=lambda recipe: -recipe.mean)


def compare_recipes(
    labels: np.ndarray, first: Recipe, second: Recipe, *, num_classes: int
) -> Difference:
    """How much better the first is, and whether that could be the pictures or the seeds.

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


def standard_error(score: float, num_pictures: int) -> float:
    """Estimate how far a share of right images is off, roughly, by the choice of the images.

    Two more of either kind keep it from vanishing; Agresti and Coull 1998,
    doi:10.1080/00031305.1998.10480550.
    """
    share = (score * num_pictures + 2.0) / (num_pictures + 4.0)
    return float(np.sqrt(share * (1.0 - share) / (num_pictures + 4.0)))


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
