"""Settings of the analysis of features."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from artstyle_tf.config.base import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    RunName,
    Schema,
)
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.models.settings import ImageSize

ProjectionMethod = Literal["pca", "tsne", "umap"]
ClassifierName = Literal[
    "gradient_boosting",
    "hist_gradient_boosting",
    "logistic_regression",
    "linear_svm",
    "rbf_svm",
    "knn",
    "mlp",
]


class ProjectionConfig(Schema):
    """Two dimensions to look at; see `analysis.projection`.

    Attributes:
        methods: what is drawn.
        umap_neighbors: size of the neighborhoods that are kept.
        umap_min_distance: how tightly points may be packed.
        tsne_perplexity: about the size of the neighborhoods that are kept.
    """

    methods: tuple[ProjectionMethod, ...] = get_args(ProjectionMethod)
    umap_neighbors: Annotated[int, Field(ge=2)] = 15
    umap_min_distance: NonNegativeFloat = 0.1
    tsne_perplexity: PositiveFloat = 30.0


class ClusteringConfig(Schema):
    """K-Means; without a number of clusters the silhouette chooses among some.

    Attributes:
        num_clusters: null for the number with the largest silhouette.
        min_clusters: smallest number that is tried.
        max_clusters: largest number that is tried.
    """

    num_clusters: Annotated[int, Field(ge=2)] | None = None
    min_clusters: Annotated[int, Field(ge=2)] = 2
    max_clusters: Annotated[int, Field(ge=2)] = 16

    @model_validator(mode="after")
    def _a_range(self) -> ClusteringConfig:
        if self.min_clusters > self.max_clusters:
            raise ValueError("min_clusters should not be above max_clusters")
        return self


class FoldsConfig(Schema):
    """How images are divided into folds for out-of-fold predictions.

    Copies are never divided; with `by_group` groups are not divided either.

    Attributes:
        num_folds: number of folds.
        by_group: keep each group in one fold, where groups are known.
    """

    num_folds: Annotated[int, Field(ge=2)] = 5
    by_group: bool = True


class ClassifiersConfig(FoldsConfig):
    """Classifiers of the features, each with settings found by random search on folds.

    Attributes:
        num_folds: number of folds of the search.
        names: which classifiers are trained.
        num_candidates: settings that are tried for each of them.
    """

    num_folds: Annotated[int, Field(ge=2)] = 3

    names: tuple[ClassifierName, ...] = get_args(ClassifierName)
    num_candidates: PositiveInt = 12


class AnalyzeExperiment(Schema):
    """Analysis of the features of a run, or of a bare backbone.

    Without `run`, `backbone`, `weights`, `image_size_px` and `data` define what is analyzed.

    Attributes:
        run: folder of a finished run.
        images: folder of style folders; null for all images of the run.
        backbone: name of a bare backbone, instead of a run.
        weights: of the bare backbone: pretrained, null for random weights, or the path of a file
            without top.
        image_size_px: side of the images that the bare backbone gets.
        data: images of the bare backbone.
        layer: `pooled`, `head` (what the classifier reads), `output` (logits or embedding), or the
            name of a layer.
        outputs: where results go; null for the outputs folder of the run, or outputs.
        run_name: name of the analysis; null for <run>-<layer>.
        seed: seed of projections, clusters, folds and searches.
        batch_size: images in a forward pass.
        max_images: features are computed for all images; this many are analyzed.
        folds: folds of the out-of-fold predictions, which give doubtful labels and typical images.
        depths: measure what each depth of a style head contributes, with `layer: head`.
        projection: maps in two dimensions.
        clustering: K-Means on the training images.
        classifiers: trained on the features; null for none.
    """

    retired = dict.fromkeys(
        ("atlas", "thumbnail_px"),
        "leave it out: the report of the run, which report.py writes, has the atlas",
    )

    run: str | None = None
    images: str | None = None
    backbone: str | None = None
    weights: str | None = "pretrained"
    image_size_px: ImageSize = 320
    data: DataConfig = DataConfig()
    layer: str = "pooled"
    outputs: str | None = None
    run_name: RunName | None = None
    seed: NonNegativeInt = 42
    batch_size: PositiveInt = 32
    max_images: Annotated[int, Field(ge=50)] = 20_000
    folds: FoldsConfig = FoldsConfig()
    depths: bool = True
    projection: ProjectionConfig = ProjectionConfig()
    clustering: ClusteringConfig = ClusteringConfig()
    classifiers: ClassifiersConfig | None = ClassifiersConfig()
