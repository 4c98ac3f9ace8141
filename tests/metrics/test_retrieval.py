from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstyle_tf.metrics import neighbors as neighbors
from artstyle_tf.metrics.neighbors import retrieval_scores, retrieval_summary

GOLDEN = json.loads((Path(__file__).parent / "golden" / "retrieval.json").read_text())
NAMES = {
    "recall_at_1": "precision_at_1",
    "r_precision": "r_precision",
    "map_at_r": "mean_average_precision_at_r",
}


def among_themselves(embeddings, labels):
    """Search for each row among the others."""
    itself = np.arange(len(labels))
    return retrieval_scores(
        embeddings, labels, embeddings, labels, query_groups=itself, gallery_groups=itself
    )


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_numbers_of_pytorch_metric_learning(case):
    """Compare queries among themselves and in a gallery; unique labels do not count."""
    rows, labels = np.array(case["embeddings"], np.float32), np.array(case["labels"])
    ours = retrieval_summary(among_themselves(rows, labels))
    for name, theirs in NAMES.items():
        assert ours[name] == pytest.approx(case["among_themselves"][theirs], abs=1e-6)
    queries = np.array(case["queries"], np.float32)
    query_labels = np.array(case["query_labels"])
    scores = retrieval_scores(queries, query_labels, rows, labels)
    assert scores.isna().all(axis=1).tolist() == (~np.isin(query_labels, labels)).tolist()
    ours = retrieval_summary(scores)
    for name, theirs in NAMES.items():
        assert ours[name] == pytest.approx(case["of_queries"][theirs], abs=1e-6)


def naive_scores(order, labels, label):
    """Compute the scores one rank at a time."""
    hits = [labels[position] == label for position in order]
    relevant = sum(hits)
    if not relevant:
        return None
    average = sum(sum(hits[: i + 1]) / (i + 1) for i in range(relevant) if hits[i]) / relevant
    return {
        **{f"recall_at_{k}": float(any(hits[:k])) for k in (1, 5, 10)},
        "r_precision": sum(hits[:relevant]) / relevant,
        "map_at_r": average,
    }


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 10_000))
def test_scores_are_those_of_a_naive_loop_also_with_ties(size, num_classes, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, size)
    rows = generator.integers(0, 3, (size, 2)).astype(np.float32)  # many equal distances
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "_MAX_PAIRS_AT_ONCE", 3 * size)
        scores = among_themselves(rows, labels)
    for query in range(size):
        distances = np.linalg.norm(rows - rows[query], axis=1)
        order = [i for i in np.argsort(distances.round(4), kind="stable") if i != query]
        expected = naive_scores(order, labels, labels[query])
        if expected is None:
            assert scores.loc[query].isna().all()
        else:
            assert scores.loc[query].to_dict() == pytest.approx(expected)


def test_a_perfect_search_scores_one_and_no_search_zero():
    rows = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 2]]
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert set(retrieval_summary(among_themselves(rows, labels)).values()) == {1.0}
    alone = retrieval_summary(among_themselves(rows[:3], np.array([0, 1, 2])))
    assert set(alone.values()) == {0.0}
