"""The closed-form heads as scikit-learn estimators, for any features."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from artstyle_tf.heads.head_start import fit_head_start
from artstyle_tf.heads.ridge_choice import choose_ridge
from artstyle_tf.heads.settings import LinearProbeConfig
from artstyle_tf.images.index.groups import connected
from artstyle_tf.models.features import FeatureGroup
from artstyle_tf.system.errors import ArtstyleError

_DEFAULTS = LinearProbeConfig()


class InvalidHeadError(ArtstyleError, ValueError):
    """A parameter or an input that a head cannot be fitted with.

    It is a ValueError too, which scikit-learn expects of its estimators.
    """


class _LinearHead(ClassifierMixin, BaseEstimator):
    """Base class of the heads: labels of any type, and the logits of one linear layer."""

    _method: Literal["logistic", "ridge", "mean"]

    balanced: bool
    feature_groups: Sequence[tuple[int, bool]] | None

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803 (scikit-learn's names)
        """Fit the head.

        Args:
            X: float [N, D], features.
            y: [N], labels of any type that can be sorted.
            groups: [N], equal for images that belong together, such as the works of one artist;
                None if every image stands alone. They matter for `alpha="auto"` only: the folds
                that choose it never separate a group.

        Returns:
            The head itself.

        Raises:
            ValueError: if features or labels do not fit each other, are not finite, or are all of
                one class (`InvalidHeadError`).
        """
        # float32 stays what it is, as it does in a run.
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], ensure_min_samples=2)  # noqa: N806
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        num_classes = len(self.classes_)
        if num_classes < 2:
            raise InvalidHeadError(
                f"{type(self).__name__} needs images of at least two classes",
                received=f"one class only, {self.classes_[0]}",
            )
        parts = self._parts(X.shape[1])
        probe = self._settings(X, labels, self._clusters(groups, labels), parts)
        kernel, bias = fit_head_start(probe, None, X, labels, parts, num_classes=num_classes)
        self.coef_, self.intercept_ = kernel.T, bias
        return self

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the logits of X float [N, D]: float [N, C], in the order of `classes_`.

        For two classes, as in all of scikit-learn, float [N]: the logit of the second minus that of
        the first.
        """
        logits = self._logits(X)
        return logits if logits.shape[1] > 2 else logits[:, 1] - logits[:, 0]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the probability of each class: float [N, C], in the order of `classes_`."""
        return softmax(self._logits(X), axis=1)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the most probable label of each row: [N], of the type of the labels in `fit`."""
        best = self._logits(X).argmax(axis=1)  # first, because it raises for an unfitted head
        return self.classes_[best]

    def _logits(self, X: Any) -> np.ndarray:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)  # noqa: N806
        return X @ self.coef_.T + self.intercept_

    def _settings(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        clusters: np.ndarray,
        parts: Sequence[FeatureGroup],
    ) -> LinearProbeConfig:
        """Return the parameters as settings, after the choice of what is "auto"; sets `alpha_`."""
        settings: dict[str, Any] = {"method": self._method, "balanced": bool(self.balanced)}
        parameters = self.get_params(deep=False)
        if "C" in parameters:
            settings["C"] = _positive("C", parameters["C"])
        if "alpha" in parameters:
            if isinstance(parameters["alpha"], str) and parameters["alpha"] == "auto":
                self.alpha_ = choose_ridge(
                    features,
                    labels,
                    clusters,
                    num_classes=len(self.classes_),
                    balanced=bool(self.balanced),
                    groups=parts,
                    seed=parameters["seed"],
                ).alpha
            else:
                self.alpha_ = _positive("alpha", parameters["alpha"], other='"auto"')
            settings["alpha"] = self.alpha_
        return LinearProbeConfig(**settings)

    def _parts(self, num_features: int) -> list[FeatureGroup]:
        if self.feature_groups is None:
            return [FeatureGroup(num_features, has_one_scale=False)]
        parts = [FeatureGroup(*group) for group in self.feature_groups]
        if sum(part.size for part in parts) != num_features:
            raise InvalidHeadError(
                "The feature groups do not add up to the features",
                received=f"feature_groups={self.feature_groups} for {num_features} features",
                expected="(size, has_one_scale) of each group, in the order of the columns",
            )
        return parts

    @staticmethod
    def _clusters(groups: Any, labels: np.ndarray) -> np.ndarray:
        if groups is None:
            return np.arange(len(labels))
        check_consistent_length(groups, labels)
        return connected(groups)


class RidgeHead(_LinearHead):
    """Ridge regression onto the classes in closed form, with probabilities.

    For many more features than images, such as those of a style head, it is as good as logistic
    regression, and ready in a second. Its outputs become logits by the temperature that suits the
    leave-one-out outputs of the images, so no calibration set is needed. The computation is
    `heads.closed_form.fit_ridge_probe`: the same features and labels give the head of a run, to the
    last digit.

    Args:
        alpha: added to the diagonal; larger is smoother. Features are scaled so that the same
            values suit any number of them. "auto" chooses the best of
            `heads.ridge_choice.ALPHAS` by macro-F1 on folds of the training rows, which never
            separate the `groups` given to `fit`.
        balanced: weight each class as if all had the same number of images.
        feature_groups: (size, has_one_scale) of groups of neighboring columns that are scaled as
            wholes, see `heads.closed_form.feature_scales`; None for one group without a common
            scale.
        seed: of the folds of `alpha="auto"`.

    Attributes:
        classes_: [C], the labels, sorted.
        coef_: float32 [C, D], and `intercept_`: float32 [C]; `X @ coef_.T + intercept_` are the
            logits. There is a row for each class also when there are two.
        alpha_: the alpha that was used.
        n_features_in_: D.

    Examples:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(60, 5))
        >>> y = np.where(X[:, 0] > 0, "cubism", "rococo")
        >>> head = RidgeHead(alpha="auto").fit(X, y)
        >>> head.predict(X[:3]).shape, head.predict_proba(X[:3]).shape
        ((3,), (3, 2))

    Source: Hoerl and Kennard 1970; leaving one out by the leverages: Allen 1974 (PRESS).
    """

    _method = "ridge"

    def __init__(
        self,
        alpha: float | Literal["auto"] = _DEFAULTS.alpha,
        *,
        balanced: bool = _DEFAULTS.balanced,
        feature_groups: Sequence[tuple[int, bool]] | None = None,
        seed: int = 42,
    ) -> None:
        self.alpha = alpha
        self.balanced = balanced
        self.feature_groups = feature_groups
        self.seed = seed


class LogisticHead(_LinearHead):
    """Multinomial logistic regression on features that are centered and scaled by groups.

    It differs from scikit-learn's `LogisticRegression` in the scaling, by which one C suits any
    number of features. The computation is `heads.closed_form.fit_linear_probe`: the same features
    and labels give the head of a run, to the last digit.

    Args:
        C: inverse of the regularization; smaller is smoother.
        balanced: as in `RidgeHead`.
        feature_groups: as in `RidgeHead`.

    Attributes:
        classes_: as in `RidgeHead`; `coef_`, `intercept_` and `n_features_in_` too.

    Examples:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(60, 5))
        >>> LogisticHead(C=4.0).fit(X, X[:, 0] > 0).score(X, X[:, 0] > 0) > 0.9
        True

    Source: Kumar et al. 2022, arXiv:2202.10054 (linear probing).
    """

    _method = "logistic"

    def __init__(
        self,
        C: float = _DEFAULTS.C,  # noqa: N803 (scikit-learn's name)
        *,
        balanced: bool = _DEFAULTS.balanced,
        feature_groups: Sequence[tuple[int, bool]] | None = None,
    ) -> None:
        self.C = C
        self.balanced = balanced
        self.feature_groups = feature_groups


class MeanHead(_LinearHead):
    """The mean of the logits of `RidgeHead` and `LogisticHead`, which is a linear head again.

    The two make different mistakes, and their mean is right more often about new artists than
    either; see `heads.head_start`.

    Args:
        alpha: of the ridge regression, as in `RidgeHead`.
        C: of the logistic regression, as in `LogisticHead`.
        balanced: as in `RidgeHead`.
        feature_groups: as in `RidgeHead`.
        seed: as in `RidgeHead`.

    Attributes:
        classes_: as in `RidgeHead`; `coef_`, `intercept_`, `alpha_` and `n_features_in_` too.

    Source: Genest and Zidek 1986 (logarithmic opinion pool).
    """

    _method = "mean"

    def __init__(
        self,
        alpha: float | Literal["auto"] = _DEFAULTS.alpha,
        C: float = _DEFAULTS.C,  # noqa: N803 (scikit-learn's name)
        *,
        balanced: bool = _DEFAULTS.balanced,
        feature_groups: Sequence[tuple[int, bool]] | None = None,
        seed: int = 42,
    ) -> None:
        self.alpha = alpha
        self.C = C
        self.balanced = balanced
        self.feature_groups = feature_groups
        self.seed = seed


def _positive(name: str, value: Any, *, other: str = "") -> float:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 < float(value) < float("inf"):
        raise InvalidHeadError(
            f"{name} of a head cannot be used",
            received=f"{name}={value!r}",
            expected="a number above 0" + (f", or {other}" if other else ""),
        )
    return float(value)
