from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from artstyle_tf.analysis.classifiers import (
    CLASSIFIER_NAMES,
    build_classifier_pipeline,
    load_classifier,
    save_classifier,
)
from artstyle_tf.analysis.feature_classifiers import search_classifier
from artstyle_tf.analysis.group_scaler import GroupScaler
from artstyle_tf.heads.closed_form import feature_scales
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.errors import ArtstyleError

GROUPS = (FeatureGroup(5, has_one_scale=False), FeatureGroup(4, has_one_scale=True))


def blobs(each=16, num_classes=3, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.tile(np.arange(num_classes), each)
    centers = generator.normal(0, 3, (num_classes, 9))
    return centers[labels] + generator.normal(size=(len(labels), 9)), labels


def search(name, features, labels, folds, *, is_copy=None, num_candidates=2, seed=0):
    return search_classifier(
        name,
        features,
        labels,
        folds,
        is_copy=np.zeros(len(labels), bool) if is_copy is None else is_copy,
        groups=GROUPS,
        num_candidates=num_candidates,
        seed=seed,
    )


@pytest.mark.parametrize("name", CLASSIFIER_NAMES)
def test_every_classifier_is_fitted_and_saved(name, tmp_path):
    features, labels = blobs()
    folds = np.arange(len(labels)) // 3 % 2
    found = search(name, features, labels, folds, num_candidates=1)
    assert found.fold_macro_f1 > 0.8
    new, new_labels = blobs(seed=1)[0] * 0 + features + 0.1, labels
    predicted = found.pipeline.predict(new)
    assert (predicted == new_labels).mean() > 0.9
    save_classifier(tmp_path / "classifier.skops", found.pipeline)
    loaded = load_classifier(tmp_path / "classifier.skops")
    np.testing.assert_array_equal(loaded.predict(new), predicted)


def test_folds_are_scored_out_of_fold_and_copies_are_training_data_only():
    features, labels = blobs()
    features = features + np.random.default_rng(1).normal(0, 3, features.shape)
    folds = np.arange(len(labels)) // 3 % 3
    is_copy = np.arange(len(labels)) % 4 == 0
    found = search(
        "logistic_regression", features, labels, folds, is_copy=is_copy, num_candidates=1
    )
    scores = []
    for number in range(3):
        learned, evaluated = folds != number, (folds == number) & ~is_copy
        fitted = clone(found.pipeline).fit(features[learned], labels[learned])
        predicted = fitted.predict(features[evaluated])
        scores.append(f1_score(labels[evaluated], predicted, average="macro"))
    assert found.fold_macro_f1 == pytest.approx(np.mean(scores))
    assert found.fold_macro_f1 < 1.0


def test_the_search_is_reproducible_and_returns_the_best_draw():
    features, labels = blobs()
    features = features + np.random.default_rng(1).normal(0, 3, features.shape)
    folds = np.arange(len(labels)) // 3 % 3
    first, second = (search("knn", features, labels, folds, num_candidates=5) for _ in range(2))
    assert first.settings == second.settings
    assert first.fold_macro_f1 == first.draws["mean_macro_f1"].max()
    assert len(first.draws) == 5
    best = first.draws.iloc[0]
    assert {key: best[key] for key in first.settings} == first.settings


def test_the_scaler_is_that_of_the_baseline():
    features, _ = blobs()
    scaler = GroupScaler([5, 4], [False, True]).fit(features)
    expected = (features - features.mean(axis=0)) / feature_scales(features, GROUPS)
    np.testing.assert_allclose(scaler.transform(features), expected)


def test_there_are_never_more_components_than_images():
    pipeline, space = build_classifier_pipeline(
        "hist_gradient_boosting", groups=GROUPS, num_images=6, seed=0
    )
    assert space["components__n_components"] == [5]
    assert pipeline.named_steps["components"].n_components == 5


def test_files_that_could_run_code_are_refused(tmp_path):
    file = tmp_path / "classifier.skops"
    stranger = make_pipeline(FunctionTransformer(pickle.loads))
    save_classifier(file, stranger)
    with pytest.raises(ArtstyleError, match=r"loads"):
        load_classifier(file)
    file.write_bytes(b"PK nothing")
    with pytest.raises(ArtstyleError, match="cannot be read"):
        load_classifier(file)
    with pytest.raises(ArtstyleError, match="cannot be read"):
        load_classifier(tmp_path / "none.skops")


def test_a_file_that_expands_a_thousandfold_is_refused(tmp_path):
    file = tmp_path / "classifier.skops"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(2**26))
    with pytest.raises(ArtstyleError, match=r"would become 67,108,864"):
        load_classifier(file)
