"""Invented results of a run, with names that would inject code if they were not escaped."""

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image

from artstyle_tf.images.reading.thumbnail_uris import image_uri
from artstyle_tf.metrics.acceptance_threshold import risk_coverage
from artstyle_tf.metrics.calibration import reliability
from artstyle_tf.metrics.classification import confusion_matrix, per_class_report
from artstyle_tf.metrics.uncertainty import per_class_intervals
from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_facts import Evaluated, RunFacts
from artstyle_tf.report.run_page import HEAT, LARGE
from artstyle_tf.report.sections.atlas import Atlas

STYLES = ("Art Deco", "<script>alert(1)</script>", "a\"b' onmouseover=alert(2) &amp;", "photo")
_PER_STYLE = {"train": 6, "test": 10}


def make_facts(**changes) -> RunFacts:
    """Return a classifier of four styles with 40 test images, some of them misclassified."""
    images, evaluated = make_images(), make_evaluated()
    facts = {
        "name": "run </title><script>alert(3)</script>",
        "kind": "direct",
        "folder": "outputs/models/run",
        "class_names": STYLES,
        "results": make_results(evaluated),
        "environment": {"seed": 3, "python": "3.11", "packages": {"keras": "3.15.1"}},
        "times": {"state": "finished", "started": "2026-01-02T03:04:05+00:00"},
        "config": {
            "kind": "direct",
            "data": {"images": "data/images"},
            "model": {"backbone": "tiny", "head": "pooled", "image_size_px": 32},
            "training": {"phases": []},
        },
        "config_text": "kind: direct # </pre><script>alert(4)</script>\n",
        "images": images,
        "num_copies": 5,
        "history": make_history(),
        "evaluated": evaluated,
        "leaks": {},
    }
    return RunFacts(**{**facts, **changes})


def make_images() -> pd.DataFrame:
    rows = [
        {
            "source": source_of(style, split, number),
            "path": f"{split}/{number}-{position}.png",
            "source_digest": f"{position}-{split}-{number}",
            "label": style,
            "split": split,
            "group": f"{position}-{number // 2}",
        }
        for position, style in enumerate(STYLES)
        for split, count in _PER_STYLE.items()
        for number in range(count)
    ]
    return pd.DataFrame(rows)


def source_of(style: str, split: str, number: int) -> str:
    return f"{style.replace('/', '')}/<img src=x onerror=alert(5)> {split} {number}.png"


def make_evaluated(part: str = "test", seed: int = 0) -> Evaluated:
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(STYLES)), _PER_STYLE["test"])
    logits = generator.normal(0, 1, (len(labels), len(STYLES)))
    logits[np.arange(len(labels)), labels] += 1.6
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, num_classes=len(STYLES))
    predictions = pd.DataFrame(
        {
            "path": [
                source_of(style, "test", number)
                for style in STYLES
                for number in range(_PER_STYLE["test"])
            ],
            "label": [STYLES[number] for number in labels],
            "prediction": [STYLES[number] for number in predicted],
            "confidence": probabilities.max(axis=1),
            **{f"probability_{name}": probabilities[:, i] for i, name in enumerate(STYLES)},
        }
    )
    per_class = pd.concat(
        [
            per_class_report(labels, predicted, class_names=STYLES),
            per_class_intervals(confusion),
        ],
        axis=1,
    )
    return Evaluated(
        part,
        predictions,
        per_class,
        reliability(probabilities, labels).dropna(),
        risk_coverage(probabilities, labels),
    )


def make_results(evaluated: Evaluated, **changes) -> dict:
    right = float((evaluated.predictions["label"] == evaluated.predictions["prediction"]).mean())
    scores = {"macro_f1": right, "accuracy": right, "expected_calibration_error": 0.02}
    ends = [right - 0.1, min(1.0, right + 0.1)]
    results = {
        evaluated.part: scores,
        "intervals": {evaluated.part: {"macro_f1": ends, "accuracy": ends}},
        "baseline": {
            evaluated.part: {
                "macro_f1": 0.5,
                "trained_against_baseline": {"difference": 0.2, "interval": [0.1, 0.3]},
                "verdict": "the trained model is better than the baseline",
            }
        },
        "calibration": {
            "temperature": 1.0,
            "target_accuracy": 0.95,
            "threshold": 0.8,
            "coverage": 0.5,
        },
        "best_epoch": 2,
        "stopped_early": None,
        "leaks": {
            "duplicates_across_splits": 0,
            "duplicates_across_styles": 0,
            "group_across_splits": 0,
        },
        "unreadable": [],
        "seconds": {"training": 3.0, "total": 4.0},
    }
    return {**results, **changes}


def make_history() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": [0, 1, 2, 3],
            "phase": ["linear probe", "head", "head", "top 2 blocks"],
            "loss": [np.nan, 1.2, 0.9, 0.8],
            "val_loss": [np.nan, 1.1, 1.0, 1.0],
            "macro_f1": [np.nan, 0.6, 0.7, 0.8],
            "val_macro_f1": [0.5, 0.55, 0.62, 0.6],
        }
    )


def make_uris(facts: RunFacts, num_explained: int = 4) -> dict[str, str]:
    """Return a different image of one color for each key."""
    mistakes = facts.evaluated.mistakes()["path"].tolist()[:num_explained]
    keys = [*facts.images["source"], *(LARGE + path for path in mistakes)]
    keys += [HEAT + path for path in mistakes]
    return {
        key: image_uri(Image.new("RGB", (48, 40 + number % 3), _color(number)))
        for number, key in enumerate(keys)
    }


def _color(number: int) -> tuple[int, int, int]:
    return 40 + number % 7 * 30, 40 + number // 7 % 7 * 30, 40 + number // 49 * 40


def make_atlas(facts: RunFacts) -> Atlas:
    generator = np.random.default_rng(1)
    points = facts.images[["source", "label", "split"]].rename(columns={"source": "path"})
    points = points.assign(
        x=generator.normal(0, 1, len(points)), y=generator.normal(0, 1, len(points))
    )
    predictions = facts.evaluated.predictions[["path", "prediction", "confidence"]]
    return Atlas(points.merge(predictions, on="path", how="left"), "Drawn at random.")


def make_related() -> RelatedResults:
    """Return results of every kind."""
    scores = {"macro_f1": 0.8, "accuracy": 0.8}
    model = {
        "test": scores,
        "intervals": {"test": {"macro_f1": [0.7, 0.9]}},
        "training_seconds": 3.0,
        "milliseconds_per_image": 1.5,
        "size_bytes": 2_000_000,
    }
    return RelatedResults(
        analysis={"name": "run-pooled", "num_suspected_label_errors": 3},
        cross_validation={
            "random": {"macro_f1": 0.8, "macro_f1_interval": [0.7, 0.9]},
            "group": {"macro_f1": 0.6, "macro_f1_interval": [0.5, 0.7]},
            "gap": {"verdict": "random folds flatter by 20 points"},
        },
        inspection={
            "findings": [{"severity": "warning", "code": "tiny", "count": 1, "text": "1 is tiny."}]
        },
        comparisons=[
            {
                "name": "comparison",
                "models": [
                    {**model, "name": "direct classifier (other)"},
                    {**model, "name": "direct classifier (run </title><script>alert(3)</script>)"},
                ],
                "verdicts": {"test": [{"verdict": "they do not differ significantly"}]},
                "num_images": {"test": 40},
            }
        ],
        tuning=[
            {
                "name": "study <b>1</b>",
                "scores": [0.5, 0.7, 0.6],
                "best_score": 0.7,
                "best_settings": {"training.optimizer.weight_decay": 0.05},
                "num_trials": 3,
                "verdict": "better than the default",
            }
        ],
        formats=pd.DataFrame(
            {
                "format": ["keras", "onnx", "litert_int8"],
                "size_mb": [25.0, 24.3, 7.0],
                "images_per_second": [7.6, 8.3, None],
                "times_keras": [1.0, 1.1, None],
                "labels_as_keras": [1.0, 1.0, 0.9],
                "macro_f1": [0.87, 0.87, 0.5],
                "rejected": [None, None, "macro-F1 falls"],
            }
        ),
    )


def make_neighbors(facts: RunFacts) -> list[dict]:
    train = facts.images[facts.images["split"] == "train"]
    first = facts.evaluated.predictions.iloc[0]
    found = [
        {
            "path": row.source,
            "label": row.label,
            "distance": 0.1 * number,
            "is_same": row.label == first["label"],
        }
        for number, row in enumerate(train.head(5).itertuples())
    ]
    row = {name: first[name] for name in ("path", "label", "prediction")}
    return [{**row, "is_right": row["label"] == row["prediction"], "found": found}]
