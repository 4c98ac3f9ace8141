from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import validate
from artstyle_tf.training.activation_plan import ActivationPlan


class EmptyCache:
    """A trunk cache without rows that remembers which tables it was asked for."""

    size_limit_bytes = 10**9

    def __init__(self, folder):
        self.folder = folder
        self.asked = []

    def tables(self, boundaries, dtype):
        self.asked += [(boundary, dtype) for boundary in boundaries]
        return {boundary: self._table(f"{boundary} {dtype}") for boundary in boundaries}

    def _table(self, name):
        return SimpleNamespace(
            folder=self.folder / name, row_bytes=10, missing=lambda keys: np.arange(len(keys))
        )


class Images:
    def __init__(self, *digests):
        self.rows = pd.DataFrame({"digest": digests})

    def __len__(self):
        return len(self.rows)


def test_what_a_cache_costs_is_found_by_opening_each_table_once(tmp_path):
    content = {"training": {"phases": [{"unfreeze_blocks": 2, "epochs": 3, "learning_rate": 1e-3}]}}
    plan = ActivationPlan(validate(DirectExperiment, content, source="the test"))
    cache = EmptyCache(tmp_path)
    costs = plan.costs({"train": Images("a", "b"), "val": Images("c")}, cache)
    assert sorted(cache.asked) == [(0, "float16"), (0, "float32"), (2, "float16"), (2, "float32")]
    views = plan.views.num_views
    assert costs.cached_passes == 2 * views + 1
    # Training: the views at boundary 2, the images at 0. Validation: one image at both.
    assert costs.new_bytes == 10 * (2 * views + 2 + 2)
