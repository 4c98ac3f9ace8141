"""How to use a run: on files, on a server, in other programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from artstyle_tf.report.run_facts import FurtherResults, RunFacts
from artstyle_tf.system.shell_commands import shell_command


def serving(facts: RunFacts, further: FurtherResults) -> dict[str, Any]:
    """Commands, and the formats of an export if there is one."""
    run = facts.folder

    def command(script: str, *options: str) -> str:
        return shell_command("python", f"scripts/{script}.py", "--run", run, *options)

    commands = [
        ("Name the styles of images", command("predict", "IMAGES")),
        ("Show where it looks", command("predict", "IMAGES", "--grad-cam", "looks")),
        ("Measure it on other images", command("evaluate", "--images", "FOLDER")),
        (
            "Export it for TensorFlow Serving and other runtimes",
            command("export_model", "--formats", "all"),
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
