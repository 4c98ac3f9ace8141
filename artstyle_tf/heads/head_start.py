"""Initial weights of a head, and the baseline: linear classifiers of the frozen features.

Logistic regression and ridge regression make different mistakes. The mean of their logits (a
logarithmic opinion pool: Genest and Zidek 1986) is right more often about new artists than either,
has better probabilities, and is a single dense layer like them; docs/benchmarks.md has the figures.

A head that no phase trains can be fitted again: once temperature and threshold are chosen, and the
validation scores are known, nothing depends on the validation images any more.

Features are float32 [N, D] of training images, labels int [N], groups the parts of D.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from artstyle_tf.heads.closed_form import fit_linear_probe, fit_ridge_probe
from artstyle_tf.heads.ridge_choice import choose_ridge
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.index.groups import connected
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.progress import SILENT, Reporter

_SPLITS_OF_REFIT = ("train", "val")


@dataclass(frozen=True)
class Baseline:
    """Logistic regression on the pooled features that the network had before training.

    It is the same for every kind of head, so runs can be compared; a run should beat it.

    Attributes:
        kernel: float32 [D0, C], where D0 is the size of the backbone's pooled top.
        bias: float32 [C].
        predictions: "val" and "test", as far as there are such images -> int [N].
    """

    kernel: np.ndarray
    bias: np.ndarray
    predictions: dict[str, np.ndarray]


def fit_baseline(
    probe: LinearProbeConfig | None,
    features: np.ndarray,
    labels: np.ndarray,
    *,
    evaluated: Mapping[str, np.ndarray],
    num_classes: int,
    num_pooled: int,
) -> Baseline:
    """Fit the baseline. This has to happen before any training.

    Args:
        probe: settings of the regression; None for the defaults.
        features: of the training images, before training.
        evaluated: name of a split -> float32 [n, D] of its images, which are predicted.
        num_classes: C.
        num_pooled: features that come first, before those of style branches.
    """
    probe = probe or LinearProbeConfig()
    kernel, bias = fit_linear_probe(
        features[:, :num_pooled],
        labels,
        num_classes=num_classes,
        C=probe.C,
        balanced=probe.balanced,
    )
    predictions = {
        split: (rows[:, :num_pooled] @ kernel + bias).argmax(axis=1)
        for split, rows in evaluated.items()
    }
    return Baseline(kernel, bias, predictions)


def choose_probe(
    probe: LinearProbeConfig,
    features: np.ndarray,
    images: SplitImages,
    groups: Sequence[FeatureGroup],
    *,
    num_classes: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> LinearProbeConfig:
    """Replace alpha "auto" by the value that is best on folds without a common group of images.

    The choice is reported; `seed` is that of the folds.
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
    """Fit the configured head to the training images.

    Args:
        probe: settings, from `choose_probe`.
        baseline: reused where it is the same regression; None for none.

    Returns:
        kernel float32 [D, C] and bias float32 [C], which give logits.
    """
    balanced = probe.balanced
    heads = []
    if probe.method in ("ridge", "mean"):
        assert probe.alpha != "auto"
        heads.append(
            fit_ridge_probe(
                features,
                labels,
                num_classes=num_classes,
                alpha=probe.alpha,
                balanced=balanced,
                groups=groups,
            )
        )
    if probe.method in ("logistic", "mean"):
        if baseline is not None and len(groups) == 1:
            heads.append((baseline.kernel, baseline.bias))
        else:
            heads.append(
                fit_linear_probe(
                    features,
                    labels,
                    num_classes=num_classes,
                    C=probe.C,
                    balanced=balanced,
                    groups=groups,
                )
            )
    kernels, biases = zip(*heads, strict=True)
    return np.mean(kernels, axis=0), np.mean(biases, axis=0)


def refit_head(
    probe: LinearProbeConfig,
    baseline: Baseline,
    splits: Mapping[str, SplitImages],
    features: Mapping[str, np.ndarray],
    groups: Sequence[FeatureGroup],
) -> tuple[np.ndarray, np.ndarray, Baseline]:
    """Fit head and baseline to the training and validation images together.

    Args:
        probe: settings, those of the first fit.
        features: float32 [N, D] of each split.
        groups: the parts of D; the first one is what the baseline reads.

    Returns:
        kernel float32 [D, C], bias float32 [C], and the baseline fitted to the same images; its
        predictions of the validation images remain those of the first fit.
    """
    joined = np.concatenate([features[split] for split in _SPLITS_OF_REFIT])
    labels = np.concatenate([splits[split].labels for split in _SPLITS_OF_REFIT])
    num_classes = len(baseline.bias)
    refitted = fit_baseline(
        probe,
        joined,
        labels,
        evaluated={split: features[split] for split in features if split not in _SPLITS_OF_REFIT},
        num_classes=num_classes,
        num_pooled=groups[0].size,
    )
    predictions = {**refitted.predictions, "val": baseline.predictions["val"]}
    refitted = dataclasses.replace(refitted, predictions=predictions)
    kernel, bias = fit_head_start(probe, refitted, joined, labels, groups, num_classes=num_classes)
    return kernel, bias, refitted
