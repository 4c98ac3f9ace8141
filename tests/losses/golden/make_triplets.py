"""Write triplets.json: losses of some batches by pytorch-metric-learning.

In a separate environment:
    pip install torch==2.13.0 pytorch-metric-learning==2.9.0
    python tests/losses/golden/make_triplets.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from pytorch_metric_learning import losses, miners

MARGIN = 0.2
BATCHES = {"even": [0, 0, 0, 1, 1, 1, 2, 2, 2], "lone": [0, 0, 0, 0, 1, 1, 2], "pair": [0, 1]}


def batch_hard(embeddings, labels):
    """Return the mean loss over all triplets of BatchHardMiner."""
    anchors, positives, negatives = miners.BatchHardMiner()(embeddings, labels)
    distances = torch.cdist(embeddings, embeddings)
    differences = distances[anchors, positives] - distances[anchors, negatives]
    return torch.relu(differences + MARGIN).mean() if len(anchors) else torch.tensor(0.0)


def batch_all(embeddings, labels):
    """Return TripletMarginLoss, the mean over all triplets with a loss above 0."""
    return losses.TripletMarginLoss(margin=MARGIN)(embeddings, labels)


def batch_all_mined(embeddings, labels):
    """Return the same after TripletMarginMiner(type_of_triplets="all"), which drops the others."""
    mined = miners.TripletMarginMiner(margin=MARGIN, type_of_triplets="all")(embeddings, labels)
    return losses.TripletMarginLoss(margin=MARGIN)(embeddings, labels, mined)


def hard_mined(embeddings, labels):
    """Return TripletMarginLoss of the triplets of TripletMarginMiner(type_of_triplets="hard")."""
    mined = miners.TripletMarginMiner(margin=MARGIN, type_of_triplets="hard")(embeddings, labels)
    return losses.TripletMarginLoss(margin=MARGIN)(embeddings, labels, mined)


def supervised_contrastive(embeddings, labels):
    """Return SupConLoss, averaged over the anchors that have a positive."""
    return losses.SupConLoss(temperature=0.1)(embeddings, labels)


LOSSES = (batch_hard, batch_all, batch_all_mined, hard_mined, supervised_contrastive)


def main():
    torch.manual_seed(0)
    cases = []
    for name, ids in BATCHES.items():
        labels = torch.tensor(ids)
        embeddings = torch.nn.functional.normalize(torch.randn(len(ids), 6))
        expected = {loss.__name__: float(loss(embeddings, labels)) for loss in LOSSES}
        cases.append(
            {"name": name, "labels": ids, "embeddings": embeddings.tolist(), "expected": expected}
        )
    content = json.dumps({"margin": MARGIN, "temperature": 0.1, "cases": cases}, indent=1)
    Path(__file__).with_name("triplets.json").write_text(content + "\n")


if __name__ == "__main__":
    main()
