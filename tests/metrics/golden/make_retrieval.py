"""Write retrieval.json: scores by pytorch-metric-learning's AccuracyCalculator.

In a separate environment:
    pip install torch==2.13.0 pytorch-metric-learning==2.9.0
    python tests/metrics/golden/make_retrieval.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN

METRICS = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
LABELS = {
    "even": [0, 1, 2] * 6,
    "uneven": [0] * 9 + [1] * 4 + [2] * 2,
    "lone": [0] * 5 + [1] * 4 + [2] + [3],
}


def main():
    torch.manual_seed(0)
    calculator = AccuracyCalculator(
        include=METRICS, knn_func=CustomKNN(LpDistance(normalize_embeddings=False))
    )
    cases = []
    for name, ids in LABELS.items():
        labels = torch.tensor(ids)
        rows = torch.randn(len(ids), 3)
        queries, query_labels = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 0, 9])
        cases.append(
            {
                "name": name,
                "labels": ids,
                "embeddings": rows.tolist(),
                "among_themselves": calculator.get_accuracy(
                    rows, labels, rows, labels, ref_includes_query=True
                ),
                "queries": queries.tolist(),
                "query_labels": query_labels.tolist(),
                "of_queries": calculator.get_accuracy(queries, query_labels, rows, labels),
            }
        )
    content = json.dumps({"cases": cases}, indent=1)
    Path(__file__).with_name("retrieval.json").write_text(content + "\n")


if __name__ == "__main__":
    main()
