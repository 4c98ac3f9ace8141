"""Classifiers of features: scikit-learn pipelines, the settings to search, and their files.

All start with `GroupScaler`; most then use principal components. Trees would otherwise build, in
each round and for each of C styles, histograms of every feature, which takes minutes a fit and
fits noise. They split along the axes, and styles do not lie along principal components: so they get
the C - 1 directions that separate the styles best (discriminant analysis, shrunk because images are
few), and a few dozen leading components.

Processor seconds of five rounds of histogram gradient boosting on 994 images of eight styles: 4.7
with 1,280 features and 255 bins; 1.5 with 63 bins; 0.13 with 67 features and 63 bins. With two
threads instead of one, while others use the cores, too, 28.8 for the first and 1.65 for the last:
steps are so short that threads mostly wait for each other, and they wait busily.

Files are of skops and run no code of their author. A pickle can hold any program, which runs when
it is opened. skops writes the parts of an object; on loading, every type is checked against those
that are known to be harmless.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import loguniform, randint
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC

from artstyle_tf.analysis.group_scaler import GroupScaler
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically

CLASSIFIER_IN_WORDS = {
    "gradient_boosting": "gradient boosting",
    "hist_gradient_boosting": "histogram gradient boosting",
    "logistic_regression": "logistic regression",
    "linear_svm": "linear SVM",
    "rbf_svm": "RBF SVM",
    "knn": "k nearest neighbors",
    "mlp": "multi-layer perceptron",
}

_MOST_ITERATIONS = 2000
# Of the covariance within styles, towards a multiple of the identity. Ledoit and Wolf's estimate is
# smaller and loses 2 to 4 points of macro-F1 on folds: trees overfit to directions that are too
# good on the images they were found on.
_SHRINKAGES = [0.3, 0.5, 0.7]


@dataclass(frozen=True)
class Recipe:
    """One kind of classifier.

    Attributes:
        build: seed -> the step after scaling and components.
        search_space: parameter of the pipeline -> values or a distribution to draw from.
        components: principal components to choose from; none for classifiers that need none.
        whitens: whether components are whitened, for models that are trained by gradients.
        leading: for trees: how many leading components are used in addition to the directions that
            separate the styles; None for classifiers that find directions themselves.
    """

    build: Callable[[int], Any]
    search_space: Mapping[str, Any]
    components: tuple[int, ...] = ()
    whitens: bool = False
    leading: int | None = None


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
            "directions__styles__shrinkage": _SHRINKAGES,
        },
        components=(120, 300, 400),
        leading=0,
    ),
    "hist_gradient_boosting": Recipe(
        # Few bins, because a thousand images fill no more.
        lambda seed: HistGradientBoostingClassifier(
            max_iter=100,
            max_bins=63,
            min_samples_leaf=5,
            class_weight="balanced",
            random_state=seed,
        ),
        {
            "classifier__learning_rate": loguniform(0.05, 0.2),
            "classifier__max_leaf_nodes": [4, 8],
            "classifier__l2_regularization": loguniform(0.5, 10.0),
            "classifier__max_features": [0.2, 0.4],
            "directions__styles__shrinkage": _SHRINKAGES,
        },
        components=(120, 300, 400),
        leading=60,
    ),
    "logistic_regression": Recipe(
        lambda _: LogisticRegression(class_weight="balanced", max_iter=_MOST_ITERATIONS),
        {"classifier__C": loguniform(1.0, 300.0)},
    ),
    "linear_svm": Recipe(
        lambda seed: LinearSVC(
            class_weight="balanced", max_iter=_MOST_ITERATIONS, random_state=seed
        ),
        {"classifier__C": loguniform(0.1, 30.0)},
        components=(200, 400),
    ),
    "rbf_svm": Recipe(
        lambda _: SVC(class_weight="balanced"),
        {"classifier__C": loguniform(0.3, 100.0), "classifier__gamma": loguniform(0.05, 5.0)},
        components=(60, 120, 200),
    ),
    "knn": Recipe(
        lambda _: KNeighborsClassifier(algorithm="brute"),  # other algorithms store native trees
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
    num_images: int,
    seed: int,
) -> tuple[Pipeline, dict[str, Any]]:
    """Build a pipeline and its search space.

    Args:
        name: one of `CLASSIFIER_NAMES`.
        groups: of the features.
        num_images: in the smallest set it will be fitted to; no more components than these.
        seed: of all random steps.

    Returns:
        The pipeline, and its search space for `sklearn.model_selection.ParameterSampler`.
    """
    recipe = _RECIPES[name]
    sizes = [group.size for group in groups]
    scaler = GroupScaler(sizes, [group.has_one_scale for group in groups])
    steps: list[tuple[str, Any]] = [("scaling", scaler)]
    space = dict(recipe.search_space)
    if recipe.components:
        possible = min(sum(sizes), num_images - 1)
        components = sorted({min(count, possible) for count in recipe.components})
        steps.append(("components", PCA(components[0], whiten=recipe.whitens, random_state=seed)))
        space["components__n_components"] = components
    if recipe.leading is not None:
        steps.append(("directions", _directions(recipe.leading)))
    classifier = recipe.build(seed)
    if name == "knn":
        most = max(2, num_images // 2)
        space["classifier__n_neighbors"] = randint(1, min(26, most))
    if name == "rbf_svm":
        # Scaled features have a total variance of the number of groups, not of features.
        space["classifier__gamma"] = loguniform(0.05 / len(sizes), 5.0 / len(sizes))
    return Pipeline([*steps, ("classifier", classifier)]), space


def _directions(num_leading: int) -> ColumnTransformer:
    """Map components to directions that separate the styles, and some leading components."""
    styles = LinearDiscriminantAnalysis(solver="eigen", shrinkage=_SHRINKAGES[0])
    # Slices, because the search changes the number of components.
    parts: list[Any] = [("styles", styles, slice(0, None))]
    if num_leading:
        parts.append(("leading", "passthrough", slice(0, num_leading)))
    return ColumnTransformer(parts)


# skops trusts scikit-learn's, NumPy's and SciPy's types, but not trees: numbers in a forged
# one could point outside its memory, which crashes the program but runs no code.
_FURTHER_TYPES = frozenset(
    {
        "artstyle_tf.analysis.group_scaler.GroupScaler",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
    }
)

# Zeros are compressed a thousand to one; fitted numbers are not, except in small files.
_MOST_EXPANSION = 100
_FREE_BYTES = 2**25


def save_classifier(path: Path, pipeline: Pipeline) -> None:
    """Write a fitted pipeline atomically; the suffix should be .skops."""
    from skops import io

    with replaced_atomically(path) as temporary:
        io.dump(pipeline, temporary, compression=zipfile.ZIP_DEFLATED)


def load_classifier(path: Path) -> Pipeline:
    """Read a file of `save_classifier`.

    Raises:
        ArtstyleError: if the file is missing, damaged, compressed more than any classifier can be,
            or holds types that are not known to be harmless.
    """
    from skops import io

    try:
        _check_size(path)
        unknown = sorted(set(io.get_untrusted_types(file=path)) - _FURTHER_TYPES)
        if not unknown:
            loaded: Any = io.load(path, trusted=sorted(_FURTHER_TYPES))
            return loaded
    except (OSError, KeyError, ValueError, TypeError, MemoryError, zipfile.BadZipFile) as error:
        raise ArtstyleError(
            f"The classifier {path} cannot be read",
            received=" ".join(str(error).split())[:200],
            expected="a .skops file that analyze_features.py wrote",
            fix="repeat the analysis",
        ) from error
    raise ArtstyleError(
        f"The classifier {path} contains types that no classifier of this program contains",
        received=", ".join(unknown[:5]),
        fix="do not use it unless you know its author",
    )


def _check_size(path: Path) -> None:
    """Raise ValueError if the file would become many times as large in memory."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    size = path.stat().st_size
    if unpacked > _MOST_EXPANSION * size + _FREE_BYTES:
        raise ValueError(f"its {size:,} bytes would become {unpacked:,}")
