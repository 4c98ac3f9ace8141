"""Classifiers of features, as scikit-learn pipelines with the settings worth trying.

All start with `GroupScaler`. Trees and neighbours then get a few dozen principal components: on a
thousand pictures with a thousand features a boosting round otherwise builds, for each of C styles,
a tree from histograms of every feature, which takes minutes a fit and learns noise. Trees cut along
the axes, and styles do not lie along principal components, so that they also get the C - 1
directions that part the styles best (discriminant analysis, shrunk because pictures are few).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import loguniform, randint
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import SVC, LinearSVC

from artstyle_tf.analysis.group_scaler import GroupScaler
from artstyle_tf.models.features import FeatureGroup

CLASSIFIER_IN_WORDS = {
    "gradient_boosting": "gradient boosting",
    "hist_gradient_boosting": "histogram gradient boosting",
    "logistic_regression": "logistic regression",
    "linear_svm": "linear SVM",
    "rbf_svm": "RBF SVM",
    "knn": "k nearest neighbours",
    "mlp": "multi-layer perceptron",
}

_MOST_ITERATIONS = 2000


@dataclass(frozen=True)
class Recipe:
    """One kind of classifier.

    Attributes:
        build: seed -> the steps after scaling and components.
        search_space: parameter of the pipeline -> values or a distribution to draw from.
        components: principal components to choose from; none for classifiers that need none.
        whitens: whether components are brought to one size, for what learns by gradients.
        with_discriminants: whether the directions that part the styles are added.
    """

    build: Callable[[int], Any]
    search_space: Mapping[str, Any]
    components: tuple[int, ...] = ()
    whitens: bool = False
    with_discriminants: bool = False


_RECIPES: dict[str, Recipe] = {
    "gradient_boosting": Recipe(
        lambda seed: GradientBoostingClassifier(
            n_estimators=100, max_features="sqrt", random_state=seed
        ),
        {
            "classifier__learning_rate": loguniform(0.03, 0.3),
            "classifier__max_depth": randint(1, 4),
            "classifier__subsample": [0.5, 0.7, 1.0],
            "classifier__min_samples_leaf": [1, 5, 20],
        },
        components=(60, 120, 200),
        with_discriminants=True,
    ),
    "hist_gradient_boosting": Recipe(
        # Few bins, because a thousand pictures fill no more.
        lambda seed: HistGradientBoostingClassifier(
            max_iter=100,
            max_bins=63,
            min_samples_leaf=5,
            class_weight="balanced",
            random_state=seed,
        ),
        {
            "classifier__learning_rate": loguniform(0.03, 0.3),
            "classifier__max_leaf_nodes": [4, 8, 16],
            "classifier__min_samples_leaf": [3, 5, 10],
            "classifier__l2_regularization": loguniform(0.1, 10.0),
            "classifier__max_features": [0.2, 0.4, 1.0],
        },
        components=(60, 120, 200),
        with_discriminants=True,
    ),
    "logistic_regression": Recipe(
        lambda _: LogisticRegression(class_weight="balanced", max_iter=_MOST_ITERATIONS),
        {"classifier__C": loguniform(1.0, 300.0)},
    ),
    "linear_svm": Recipe(
        lambda seed: LinearSVC(
            class_weight="balanced", max_iter=5 * _MOST_ITERATIONS, random_state=seed
        ),
        {"classifier__C": loguniform(0.1, 100.0)},
    ),
    "rbf_svm": Recipe(
        lambda _: SVC(class_weight="balanced"),
        {"classifier__C": loguniform(0.3, 100.0), "classifier__gamma": loguniform(0.05, 5.0)},
        components=(60, 120, 200),
    ),
    "knn": Recipe(
        lambda _: KNeighborsClassifier(algorithm="brute"),  # other kinds keep native trees
        {
            "classifier__n_neighbors": randint(1, 26),
            "classifier__weights": ["uniform", "distance"],
        },
        components=(30, 60, 120),
    ),
    "mlp": Recipe(
        lambda seed: MLPClassifier(
            early_stopping=True, n_iter_no_change=20, max_iter=300, random_state=seed
        ),
        {
            "classifier__hidden_layer_sizes": [(64,), (128,), (256,)],
            "classifier__alpha": loguniform(1e-4, 1.0),
            "classifier__learning_rate_init": loguniform(3e-4, 1e-2),
        },
        components=(60, 120, 200),
        whitens=True,
    ),
}

CLASSIFIER_NAMES = tuple(_RECIPES)


def build_classifier_pipeline(
    name: str,
    *,
    groups: Sequence[FeatureGroup],
    num_pictures: int,
    num_classes: int,
    seed: int,
) -> tuple[Pipeline, dict[str, Any]]:
    """A pipeline and what to try of it.

    Args:
        name: one of `CLASSIFIER_NAMES`.
        groups: of the features.
        num_pictures: in the smallest set it will be fitted to; no more components than these.
        num_classes: C.
        seed: of whatever is random in it.

    Returns:
        The pipeline, and its search space for `sklearn.model_selection.ParameterSampler`.
    """
    recipe = _RECIPES[name]
    sizes = [group.size for group in groups]
    scaler = GroupScaler(sizes, [group.has_one_scale for group in groups])
    steps: list[tuple[str, Any]] = [("scaling", scaler)]
    space = dict(recipe.search_space)
    if recipe.components:
        possible = min(sum(sizes), num_pictures - 1)
        components = sorted({min(count, possible) for count in recipe.components})
        steps.append(("components", PCA(components[0], whiten=recipe.whitens, random_state=seed)))
        space["components__n_components"] = components
    if recipe.with_discriminants and num_classes > 1:
        shrunk = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
        steps.append(("directions", FeatureUnion([("styles", shrunk), ("all", "passthrough")])))
    classifier = recipe.build(seed)
    if name == "knn":
        most = max(2, num_pictures // 2)
        space["classifier__n_neighbors"] = randint(1, min(26, most))
    if name == "rbf_svm":
        # Scaled features have a total variance of the number of groups, not of features.
        space["classifier__gamma"] = loguniform(0.05 / len(sizes), 5.0 / len(sizes))
    return Pipeline([*steps, ("classifier", classifier)]), space
