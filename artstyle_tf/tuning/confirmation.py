"""Which of several recipes is the best, after training each with several seeds.

The best of a hundred trials is partly the luckiest. Trained again with other seeds the luck is
gone; what remains is measured on the same pictures, so that recipes are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from artstyle_tf.metrics.classification import classification_summary
from artstyle_tf.metrics.clustered import draw_macro_f1
from artstyle_tf.metrics.comparison import Difference
from artstyle_tf.metrics.uncertainty import percentile_interval

_NUM_DRAWS = 2000


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
    labels: np.ndarray, first: Recipe, second: Recipe, *, num_classes: int, seed: int
) -> Difference:
    """How much better the first is, and whether that could be the pictures or the seeds.

    Args:
        labels: int [N], class ids in [0, C).
        first: one recipe.
        second: the other.
        num_classes: C.
        seed: of the draws.

    Returns:
        Difference of the mean macro-F1 of the predictions. Its interval comes from a bootstrap that
        draws pictures, the same for all trainings, and the seeds of each recipe.
    """
    labels = np.asarray(labels)
    pictures = np.arange(len(labels))
    every = [*first.predictions, *second.predictions]
    draws = draw_macro_f1(
        labels, every, pictures, num_classes=num_classes, seed=seed, num_draws=_NUM_DRAWS
    )
    generator = np.random.default_rng([seed, 1])
    num_first = len(first.predictions)
    means = [
        _mean_of_drawn_seeds(draws[:num_first], generator),
        _mean_of_drawn_seeds(draws[num_first:], generator),
    ]
    observed = [
        np.mean([_macro_f1(labels, row, num_classes) for row in recipe.predictions])
        for recipe in (first, second)
    ]
    return Difference(
        float(observed[0] - observed[1]), percentile_interval(means[0] - means[1], 0.95)
    )


def standard_error(score: float, num_pictures: int) -> float:
    """How far a share of pictures that are right is off, roughly, by the choice of the pictures."""
    return float(np.sqrt(max(score * (1.0 - score), 0.0) / max(num_pictures, 1)))


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


def _mean_of_drawn_seeds(scores: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Float [R, D] -> float [D]: in each draw the mean of R of the R trainings."""
    num_seeds, num_draws = scores.shape
    drawn = generator.integers(num_seeds, size=(num_seeds, num_draws))
    return np.take_along_axis(scores, drawn, axis=0).mean(axis=0)


def _macro_f1(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> float:
    return classification_summary(labels, predictions, num_classes=num_classes)["macro_f1"]
