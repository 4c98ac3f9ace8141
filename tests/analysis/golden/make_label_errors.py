"""Write label_errors.json: labels that cleanlab suspects.

In a separate environment:
    pip install cleanlab==2.9.0
    python tests/analysis/golden/make_label_errors.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_self_confidence_for_each_label

# Seed, classes, images, share of wrong labels, how sure the classifier is.
CASES = ((0, 3, 60, 0.2, 2.0), (1, 2, 40, 0.1, 1.0), (2, 5, 150, 0.3, 3.0), (3, 4, 50, 0.0, 0.5))


def main():
    cases = []
    for seed, num_classes, count, wrong, sure in CASES:
        generator = np.random.default_rng(seed)
        truth = np.concatenate(
            [np.arange(num_classes), generator.integers(num_classes, size=count - num_classes)]
        )
        labels = np.where(
            generator.random(count) < wrong, generator.integers(num_classes, size=count), truth
        )
        labels[:num_classes] = np.arange(num_classes)
        logits = generator.normal(size=(count, num_classes))
        logits[np.arange(count), truth] += sure
        weights = np.exp(logits)
        # Rounded first, so that the file and what cleanlab saw are the same.
        probabilities = np.round(weights / weights.sum(axis=1, keepdims=True), 6)
        issues = find_label_issues(
            labels, probabilities, filter_by="confident_learning", min_examples_per_class=0
        )
        quality = get_self_confidence_for_each_label(labels, probabilities)
        ranked = np.flatnonzero(issues)
        cases.append(
            {
                "labels": labels.tolist(),
                "probabilities": probabilities.tolist(),
                "ranking": ranked[np.argsort(quality[ranked], kind="stable")].tolist(),
            }
        )
    file = Path(__file__).with_name("label_errors.json")
    file.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
