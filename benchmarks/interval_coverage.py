"""Simulate the coverage of 95 % intervals for few and many images.

Predictions are sampled within each class at known rates, so that the true score is known: the
score of the expected counts. Wrong predictions are spread evenly over the other classes. Prints a
table of the percentage of intervals that contain the true score; docs/concepts/intervals.md has
the last one.

    python benchmarks/interval_coverage.py --trials 2000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from artstyle_tf.metrics.classification import confusion_matrix
from artstyle_tf.metrics.comparison import compare_models, compare_predictions
from artstyle_tf.metrics.uncertainty import (
    classification_intervals,
    macro_f1_interval,
    per_class_intervals,
)

SIZES = (3, 10, 50, 200)
RATES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_MAX_IMAGES = 2500

Covered = Iterator[bool]


def sample_predictions(
    labels: np.ndarray, rate: float, num_classes: int, generator: np.random.Generator
) -> np.ndarray:
    """Sample predictions that are correct at this rate: int [N]."""
    wrong = (labels + generator.integers(1, num_classes, len(labels))) % num_classes
    return np.where(generator.random(len(labels)) < rate, labels, wrong)


def proportions(
    size: int, rate: float, trials: int, *, score: str, num_classes: int = 2
) -> Covered:
    """Yield whether intervals of a score, of all classes or one class, contain the true value."""
    generator = np.random.default_rng([size, int(1000 * rate), num_classes])
    labels = np.repeat(np.arange(num_classes), size)
    for _ in range(trials):
        predictions = sample_predictions(labels, rate, num_classes, generator)
        counts = confusion_matrix(labels, predictions, num_classes=num_classes)
        if score in classification_scores:
            low, high = classification_intervals(counts)[score]
        else:
            row = per_class_intervals(counts).iloc[0]
            low, high = row[f"{score}_low"], row[f"{score}_high"]
        yield low - 1e-9 <= rate <= high + 1e-9


classification_scores = ("accuracy", "macro_f1", "macro_precision", "macro_recall")


def difference(size: int, rate: float, trials: int, *, num_classes: int) -> Covered:
    """Yield whether intervals of the difference of two models contain the true value.

    The second model is 5 points worse. Half of the images are equally hard for both models.
    """
    generator = np.random.default_rng([size, int(1000 * rate), num_classes, 1])
    labels = np.repeat(np.arange(num_classes), size)
    second_rate = rate - 0.05
    for _ in range(trials):
        ease = generator.random(len(labels))
        other = np.where(generator.random(len(labels)) < 0.5, ease, generator.random(len(labels)))
        wrong = (labels + generator.integers(1, num_classes, (2, len(labels)))) % num_classes
        first = np.where(ease < rate, labels, wrong[0])
        second = np.where(other < second_rate, labels, wrong[1])
        found = compare_predictions(labels, first, second, num_classes=num_classes)
        low, high = found.interval
        yield low - 1e-9 <= 0.05 <= high + 1e-9


def false_verdicts(size: int, rate: float, trials: int, *, num_classes: int) -> Covered:
    """Yield whether one of two equally good models is reported as significantly better."""
    generator = np.random.default_rng([size, int(1000 * rate), num_classes, 2])
    labels = np.repeat(np.arange(num_classes), size)
    for _ in range(trials):
        pair = [sample_predictions(labels, rate, num_classes, generator) for _ in range(2)]
        yield compare_predictions(labels, *pair, num_classes=num_classes).is_significant


def clustered_scores(
    size: int, rate: float, trials: int, *, num_classes: int, paired: bool = False
) -> Covered:
    """Yield whether intervals contain the true value if the images of an artist are correlated.

    All images of an artist are right or all are wrong. Each class has `size` artists with 1 to 5
    images each. The interval is that of the macro-F1 of one model or, if `paired`, of the
    difference of two equally good models.
    """
    generator = np.random.default_rng([size, int(1000 * rate), num_classes, 3])
    artist_labels = np.repeat(np.arange(num_classes), size)
    for _ in range(trials):
        images_per_artist = generator.integers(1, 6, len(artist_labels))
        models = [
            np.repeat(
                sample_predictions(artist_labels, rate, num_classes, generator), images_per_artist
            )
            for _ in range(2)
        ]
        labels = np.repeat(artist_labels, images_per_artist)
        artists = np.repeat(np.arange(len(artist_labels)), images_per_artist)
        options = {"num_classes": num_classes, "clusters": artists}
        if paired:
            low, high = compare_models(labels, models[:1], models[1:], **options).interval
            yield low - 1e-9 <= 0.0 <= high + 1e-9
        else:
            low, high = macro_f1_interval(labels, models[:1], **options)
            yield low - 1e-9 <= rate <= high + 1e-9


def rows() -> dict[str, Callable[[int, float, int], Covered]]:
    """Return name -> simulation, a function of images per class, rate and number of trials."""
    found: dict[str, Callable[[int, float, int], Covered]] = {
        "recall of a class": lambda *of: proportions(*of, score="recall"),
        "F1 of a class, of 8": lambda *of: proportions(*of, score="f1", num_classes=8),
        "accuracy, 8 classes": lambda *of: proportions(*of, score="accuracy", num_classes=8),
    }
    for number in (2, 8, 40, 120):
        found[f"macro-F1, {number} classes"] = lambda *of, number=number: proportions(
            *of, score="macro_f1", num_classes=number
        )
    for number in (2, 8, 40):
        found[f"difference, {number} classes"] = lambda *of, number=number: difference(
            *of, num_classes=number
        )
    found["macro-F1, artists, 3 classes"] = lambda *of: clustered_scores(*of, num_classes=3)
    found["difference, artists, 3 classes"] = lambda *of: clustered_scores(
        *of, num_classes=3, paired=True
    )
    found["false verdicts, 8 classes"] = lambda *of: false_verdicts(*of, num_classes=8)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    print("| what | images per class | " + " | ".join(f"{rate:g}" for rate in RATES) + " |")
    print("|---|---|" + "---|" * len(RATES))
    for name, simulate in rows().items():
        num_classes = int(name.rpartition(", ")[2].split()[0]) if "classes" in name else 8
        for size in SIZES:
            if size * num_classes > _MAX_IMAGES:
                continue
            shares = [100 * np.mean(list(simulate(size, rate, trials))) for rate in RATES]
            cells = " | ".join(f"{share:.1f}" for share in shares)
            print(f"| {name} | {size} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
