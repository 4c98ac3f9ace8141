from __future__ import annotations

import doctest
import pickle

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from artstyle_tf.heads import estimators
from artstyle_tf.heads.closed_form import fit_linear_probe, fit_ridge_probe
from artstyle_tf.heads.estimators import LogisticHead, MeanHead, RidgeHead
from artstyle_tf.heads.ridge_choice import ALPHAS, choose_ridge
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.errors import ArtstyleError

STYLES = np.array(["Cubism", "Rococo", "cartoon"])
GROUPS = [FeatureGroup(4, has_one_scale=False), FeatureGroup(6, has_one_scale=True)]


def blobs(num_classes=3, *, features=10, each=20, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), each)
    centers = generator.normal(0, 1, (num_classes, features))
    rows = centers[labels] + generator.normal(0, 1.2, (len(labels), features))
    return rows.astype(np.float32), labels


@parametrize_with_checks(
    [
        RidgeHead(),
        RidgeHead(alpha="auto"),
        LogisticHead(),
        MeanHead(balanced=False),
    ]
)
def test_they_are_scikit_learn_estimators(estimator, check):
    check(estimator)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("groups", [None, GROUPS])
def test_probabilities_are_those_of_the_heads_of_a_run(num_classes, groups):
    features, labels = blobs(num_classes)
    settings = {"num_classes": num_classes, "balanced": True, "groups": groups}
    ridge = fit_ridge_probe(features, labels, alpha=0.3, **settings)
    logistic = fit_linear_probe(features, labels, C=2.0, **settings)
    mean = [np.mean(pair, axis=0) for pair in zip(ridge, logistic, strict=True)]
    heads = {
        RidgeHead(alpha=0.3, feature_groups=groups): ridge,
        LogisticHead(C=2.0, feature_groups=groups): logistic,
        MeanHead(alpha=0.3, C=2.0, feature_groups=groups): mean,
    }
    for head, (kernel, bias) in heads.items():
        head.fit(features, STYLES[labels])
        np.testing.assert_array_equal(head.coef_, kernel.T)
        np.testing.assert_array_equal(head.intercept_, bias)
        expected = softmax(features @ kernel + bias, axis=1)
        np.testing.assert_array_equal(head.predict_proba(features), expected)
        np.testing.assert_array_equal(head.predict(features), STYLES[expected.argmax(axis=1)])


def test_alpha_auto_is_the_choice_of_a_run_and_respects_groups():
    features, labels = blobs(each=24)
    artists = np.array([f"artist {number}" for number in np.arange(len(labels)) // 6])
    chosen = RidgeHead(alpha="auto", seed=7).fit(features, STYLES[labels], groups=artists)
    settings = {"num_classes": 3, "balanced": True, "seed": 7}
    expected = choose_ridge(features, labels, np.arange(len(labels)) // 6, **settings)
    assert chosen.alpha_ == expected.alpha
    fixed = RidgeHead(alpha=chosen.alpha_).fit(features, STYLES[labels])
    np.testing.assert_array_equal(chosen.coef_, fixed.coef_)


def test_groups_are_kept_in_one_fold(monkeypatch):
    features, labels = blobs()
    seen = []
    choose = estimators.choose_ridge
    monkeypatch.setattr(
        estimators, "choose_ridge", lambda *args, **kw: seen.append(args[2]) or choose(*args, **kw)
    )
    MeanHead(alpha="auto").fit(features, labels, groups=np.arange(60) // 2)
    np.testing.assert_array_equal(seen[0], np.arange(60) // 2)
    MeanHead(alpha="auto").fit(features, labels)
    np.testing.assert_array_equal(seen[1], np.arange(60))


def test_they_work_in_scikit_learn_tools():
    features, labels = blobs()
    styles = STYLES[labels]
    assert clone(MeanHead(alpha=3.0, C=1.0)).get_params() == {
        "alpha": 3.0,
        "C": 1.0,
        "balanced": True,
        "feature_groups": None,
        "seed": 42,
    }
    artists = np.arange(60) // 3
    scores = cross_val_score(RidgeHead(), features, styles, groups=artists, cv=GroupKFold(4))
    assert scores.shape == (4,)
    assert scores.mean() > 0.7
    pipeline = make_pipeline(PCA(5), MeanHead()).fit(features, styles)
    assert pipeline.score(features, styles) > 0.7
    search = GridSearchCV(RidgeHead(), {"alpha": list(ALPHAS)}, scoring="neg_log_loss")
    assert search.fit(features, styles).best_params_["alpha"] in ALPHAS
    fitted = RidgeHead().fit(features, styles)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(features), fitted.predict_proba(features))


def test_the_decision_function_is_the_logits_and_for_two_classes_their_difference():
    features, labels = blobs(3)
    head = LogisticHead().fit(features, labels)
    assert head.decision_function(features).shape == (60, 3)
    np.testing.assert_allclose(
        softmax(head.decision_function(features), axis=1), head.predict_proba(features)
    )
    features, labels = blobs(2)
    head = LogisticHead().fit(features, labels == 1)
    decisions = head.decision_function(features)
    assert decisions.shape == (40,)
    np.testing.assert_array_equal(decisions > 0, head.predict(features))
    assert head.coef_.shape == (2, 10)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "best", None, True])
def test_a_bad_alpha_is_named(value):
    features, labels = blobs()
    with pytest.raises(ArtstyleError, match=r"alpha=.*number above 0, or \"auto\""):
        RidgeHead(alpha=value).fit(features, labels)


def test_other_bad_input_is_named_and_is_a_value_error_too():
    features, labels = blobs()
    with pytest.raises(ArtstyleError, match=r"C=0.*number above 0"):
        LogisticHead(C=0).fit(features, labels)
    with pytest.raises(ValueError, match="one class only, Rococo"):
        RidgeHead().fit(features, np.full(60, "Rococo"))
    with pytest.raises(ArtstyleError, match=r"do not add up.*10 features"):
        RidgeHead(feature_groups=[(4, False), (5, True)]).fit(features, labels)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        RidgeHead(alpha="auto").fit(features, labels, groups=np.arange(7))


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(estimators).failed == 0
