"""The first weights of a head: a linear classifier of the frozen features.

Logistic regression and ridge regression make different mistakes. The mean of their logits (a
logarithmic opinion pool: Genest and Zidek 1986) is right more often about new artists than either,
has better probabilities, and is a single dense layer like them; docs/benchmarks.md has the figures.

A head that no phase trains can be fitted again: once temperature and threshold are chosen, and the
validation scores are known, the validation images have nothing left to decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from artstyle_tf.heads.baseline import Baseline, fit_baseline
from artstyle_tf.heads.logistic import fit_linear_probe
from artstyle_tf.heads.ridge import fit_ridge_probe
from artstyle_tf.heads.ridge_choice import choose_ridge
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.index.groups import connected
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.progress import SILENT, Reporter

_LEARNED_BY_THE_REFIT = ("train", "val")

ProbeConfig = TypeVar("ProbeConfig", bound=LinearProbeConfig)


def choose_probe(
    probe: ProbeConfig,
    features: np.ndarray,
    images: SplitImages,
    groups: Sequence[FeatureGroup],
    *,
    num_classes: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> ProbeConfig:
    """Replaces a ridge that is to be chosen by the one that is best for other groups.

    Args:
        probe: settings.
        features: float32 [N, D], of the training images.
        images: the same.
        groups: the parts of D.
        num_classes: C.
        seed: of the folds.
        reporter: is told the choice.
    """
    if probe.method == "logistic" or probe.alpha != "auto":
        return probe
    rows = images.rows
    choice = choose_ridge(
        features,
        images.labels,
        connected(rows["source_digest"], rows["group"]),  # copies have the digest of their parent
        num_classes=num_classes,
        balanced=probe.balanced,
        groups=groups,
        seed=seed,
    )
    scores = ", ".join(f"{alpha:g}: {score:.3f}" for alpha, score in choice.scores.items())
    reporter.info(f"Ridge alpha {choice.alpha:g}, chosen by macro-F1 on training folds ({scores})")
    return probe.model_copy(update={"alpha": choice.alpha})


def fit_head_start(
    probe: LinearProbeConfig,
    baseline: Baseline | None,
    features: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[FeatureGroup],
    *,
    num_classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Fits what the config asks for to the training images.

    Args:
        probe: settings, from `choose_probe`.
        baseline: is taken as it is where it is the same regression.
        features: float32 [N, D], of the training images.
        labels: int [N], of the same.
        groups: the parts of D.
        num_classes: C.

    Returns:
        kernel float32 [D, C] and bias float32 [C], which give logits.
    """
    settings: dict[str, Any] = {
        "num_classes": num_classes,
        "balanced": probe.balanced,
        "groups": groups,
    }
    heads = []
    if probe.method in ("ridge", "mean"):
        assert probe.alpha != "auto"
        heads.append(fit_ridge_probe(features, labels, alpha=probe.alpha, **settings))
    if probe.method in ("logistic", "mean"):
        if baseline is not None and len(groups) == 1:
            heads.append((baseline.kernel, baseline.bias))
        else:
            strength = probe.C
            heads.append(fit_linear_probe(features, labels, C=strength, **settings))
    kernels, biases = zip(*heads, strict=True)
    return np.mean(kernels, axis=0), np.mean(biases, axis=0)


def refit_head(
    probe: LinearProbeConfig,
    baseline: Baseline,
    splits: Mapping[str, SplitImages],
    features: Mapping[str, np.ndarray],
    groups: Sequence[FeatureGroup],
) -> tuple[np.ndarray, np.ndarray, Baseline]:
    """Fits head and baseline to the training and validation images together.

    Args:
        probe: settings, those of the first fit.
        baseline: of the first fit.
        splits: the images.
        features: float32 [N, D] of each split.
        groups: the parts of D; the first one is what the baseline reads.

    Returns:
        kernel float32 [D, C], bias float32 [C], and the baseline, which has learned from the same
        images; what it says of the validation images is that of the first fit.
    """
    joined = np.concatenate([features[split] for split in _LEARNED_BY_THE_REFIT])
    labels = np.concatenate([splits[split].labels for split in _LEARNED_BY_THE_REFIT])
    test = {split: features[split] for split in features if split not in _LEARNED_BY_THE_REFIT}
    refitted = fit_baseline(
        probe,
        joined,
        labels,
        judged=test,
        num_classes=len(baseline.bias),
        num_pooled=groups[0].size,
    )
    predictions = {**refitted.predictions, "val": baseline.predictions["val"]}
    refitted = dataclasses.replace(refitted, predictions=predictions)
    kernel, bias = fit_head_start(
        probe, refitted, joined, labels, groups, num_classes=len(baseline.bias)
    )
    return kernel, bias, refitted
