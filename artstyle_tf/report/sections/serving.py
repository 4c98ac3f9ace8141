"""How to use a run: on files, on a server, in other programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from artstyle_tf.report.run_facts import FurtherResults, RunFacts


def serving(facts: RunFacts, further: FurtherResults) -> dict[str, Any]:
    """Commands, and the formats of an export if there is one."""
    run = facts.folder
    commands = [
        ("Name the styles of pictures", f"python scripts/predict.py --run {run} PICTURES"),
        (
            "Show where it looks",
            f"python scripts/predict.py --run {run} PICTURES --grad-cam looks",
        ),
        ("Measure it on other pictures", f"python scripts/evaluate.py --run {run} --images FOLDER"),
        (
            "Export it for TensorFlow Serving and other runtimes",
            f"python scripts/export_model.py --run {run} --formats all",
        ),
    ]
    return {
        "commands": commands,
        "is_exported": further.formats is not None,
        "export": f"{run}/export",
        "formats": _formats(further),
    }


def _formats(further: FurtherResults) -> list[dict[str, Any]]:
    if further.formats is None or further.formats.empty:
        return []
    table = further.formats.astype(object)
    return table.where(table.notna(), None).replace({np.nan: None}).to_dict("records")
