"""Plan which activations a run will need, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.images.batches.views import NO_VIEWS, view_name
from artstyle_tf.images.settings import ViewsConfig
from artstyle_tf.images.split_images import SplitImages
from artstyle_tf.training.image_inputs import configured_views
from artstyle_tf.training.phases import boundary_below
from artstyle_tf.trunk_cache.activation_cache import ActivationCache
from artstyle_tf.trunk_cache.activation_table import ActivationTable, ActivationType
from artstyle_tf.trunk_cache.cache_decision import CacheCosts
from artstyle_tf.trunk_cache.cache_folder import room_bytes

# Scores are computed from these rows, and have to be those of the saved model.
_TYPE_FOR_EVALUATION: ActivationType = "float32"


@dataclass(frozen=True)
class ActivationRequest:
    """Rows of one split.

    Attributes:
        split: "train", "val" or "test".
        boundaries: filled in one forward pass; see `models.splitting`.
        views: augmented views of each image.
        dtype: of the rows on disk.
    """

    split: str
    boundaries: tuple[int, ...]
    views: ViewsConfig
    dtype: ActivationType


class ActivationPlan:
    """Which boundary serves which part of a run; it follows from the config alone."""

    def __init__(self, config: TrainingExperiment) -> None:
        self._type_for_training: ActivationType = config.training.trunk_cache.dtype
        self.views = configured_views(config.data)
        self._phases = config.training.phases
        self.boundaries = [
            boundary_below(self._phases, position) for position in range(len(self._phases))
        ]

    @property
    def has_frozen_blocks(self) -> bool:
        """Whether any phase leaves blocks frozen, or there is no phase."""
        return self._boundaries_from(0) != () or not self._phases

    @property
    def boundary_never_trained(self) -> int | None:
        """Highest boundary below all trained layers; 0 without phases, None for a trained stem."""
        return self.boundaries[-1] if self.boundaries else 0

    def for_features(self, split: str) -> ActivationRequest:
        """Request pooled features for baseline and start, with the plain rows of later phases."""
        return self._request(split, (0, *self._boundaries_from(0)), NO_VIEWS)

    def for_phases(self, position: int) -> tuple[ActivationRequest, ActivationRequest]:
        """Request training and validation rows of this phase and the later ones."""
        boundaries = self._boundaries_from(position)
        train = self._request("train", boundaries, self.views)
        return train, self._request("val", boundaries, NO_VIEWS)

    def for_outputs(self, split: str, boundary: int) -> ActivationRequest:
        """Request the rows that an evaluation starts from."""
        return self._request(split, (boundary,), NO_VIEWS)

    def for_validated_training(self) -> list[ActivationRequest]:
        """Request all rows of a training that is evaluated on its validation images only."""
        requests = [self.for_features(split) for split in ("train", "val")]
        return requests + (list(self.for_phases(0)) if self._boundaries_from(0) else [])

    def costs(self, splits: dict[str, SplitImages], cache: ActivationCache) -> CacheCosts:
        """Compute what training would cost with and without the cache."""
        requests = list(self._all_requests(splits))
        passes: set[tuple[str, str]] = set()
        size_of_row: dict[tuple[str, str], int] = {}  # several requests can share a row
        tables = _tables_of(requests, cache)
        for request in requests:
            keys = row_keys(splits[request.split], request.views)
            for boundary in request.boundaries:
                table = tables[request.dtype][boundary]
                for position in table.missing(keys):
                    passes.add((request.split, keys[int(position)]))
                    size_of_row[table.folder.name, keys[int(position)]] = table.row_bytes
        return CacheCosts(
            plain_passes=self._plain_passes(splits),
            cached_passes=len(passes),
            new_bytes=sum(size_of_row.values()),
            room_bytes=room_bytes(
                cache.folder,
                size_limit_bytes=cache.size_limit_bytes,
                kept={table.folder.name for kept in tables.values() for table in kept.values()},
            ),
        )

    def _plain_passes(self, splits: dict[str, SplitImages]) -> int:
        in_an_epoch = len(splits["train"]) + len(splits["val"])
        phases = zip(self._phases, self.boundaries, strict=True)
        epochs = sum(phase.epochs for phase, boundary in phases if boundary is not None)
        passes = epochs * in_an_epoch + sum(len(images) for images in splits.values())
        if self.boundary_never_trained is not None:
            passes += sum(len(splits[split]) for split in _evaluated(splits))
        return passes

    def _all_requests(self, splits: dict[str, SplitImages]) -> list[ActivationRequest]:
        requests = [self.for_features(split) for split in splits]
        if self._boundaries_from(0):
            requests += self.for_phases(0)
        boundary = self.boundary_never_trained
        if boundary is not None:
            requests += [self.for_outputs(split, boundary) for split in _evaluated(splits)]
        return requests

    def _boundaries_from(self, position: int) -> tuple[int, ...]:
        """Return the boundaries of this phase and the later ones."""
        later = self.boundaries[position:]
        return tuple(sorted({boundary for boundary in later if boundary is not None}))

    def _request(
        self, split: str, boundaries: Sequence[int], views: ViewsConfig
    ) -> ActivationRequest:
        dtype = self._type_for_training if split == "train" else _TYPE_FOR_EVALUATION
        return ActivationRequest(split, tuple(sorted(set(boundaries))), views, dtype)


def row_keys(images: SplitImages, views: ViewsConfig) -> list[str]:
    """Return a key for each image and view, equal only if the pixels are equal."""
    names = [view_name(views, view) for view in range(views.num_views)]
    return [f"{digest}/{name}" for digest in images.rows["digest"] for name in names]


def _tables_of(
    requests: Sequence[ActivationRequest], cache: ActivationCache
) -> dict[ActivationType, dict[int, ActivationTable]]:
    """Return type and boundary -> table; each is opened once, which takes a digest of weights."""
    boundaries: dict[ActivationType, set[int]] = {}
    for request in requests:
        boundaries.setdefault(request.dtype, set()).update(request.boundaries)
    return {dtype: cache.tables(sorted(some), dtype) for dtype, some in boundaries.items()}


def _evaluated(splits: dict[str, SplitImages]) -> list[str]:
    return [split for split in ("val", "test") if split in splits]
