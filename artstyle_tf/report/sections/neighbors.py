"""Images with the training images that an embedding finds next to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artstyle_tf.report.run_facts import NeighborRow


def neighbors(rows: Sequence[NeighborRow]) -> dict[str, Any] | None:
    """One row an image; None if there are none."""
    if not rows:
        return None
    return {
        "rows": [
            {
                "path": row.path,
                "label": row.label,
                "prediction": row.prediction,
                "is_right": row.label == row.prediction,
                "found": [
                    {
                        "path": path,
                        "label": label,
                        "distance": distance,
                        "is_same": label == row.label,
                    }
                    for path, label, distance in row.neighbors
                ],
            }
            for row in rows
        ]
    }
