"""Configuration of a run, and commands to repeat, use and export it."""

from __future__ import annotations

from typing import Any

import numpy as np

from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.system.shell_commands import shell_command


def configuration(facts: RunFacts) -> dict[str, Any]:
    """Return config, versions, machine, and the command that repeats the run."""
    environment = facts.environment
    model = facts.config["model"]
    head = f", {model['head']} head" if "head" in model else ""
    rows = {
        "model": f"{model['backbone']}{head}, {model['image_size_px']} px",
        "seed": environment.get("seed"),
        "started": str(facts.times.get("started", ""))[:16].replace("T", ", ") or None,
        "artstyle_tf": environment.get("artstyle_tf"),
        "git commit": environment.get("git_commit"),
        "Python": environment.get("python"),
        "platform": environment.get("platform"),
        "CPU cores": environment.get("processor_cores"),
        "digest of the initial weights": environment.get("initial_weights_digest"),
    }
    script, config = f"scripts/train_{facts.kind}.py", f"{facts.folder}/config.yaml"
    return {
        "rows": [(name, value) for name, value in rows.items() if value is not None],
        "packages": sorted(environment.get("packages", {}).items()),
        "text": facts.config_text,
        "command": shell_command("python", script, "--config", config, "--run-name", "NEW_NAME"),
    }


def serving(facts: RunFacts, related: RelatedResults) -> dict[str, Any]:
    """Return commands that use the run, and the formats of its export if there is one."""
    run = facts.folder

    def command(script: str, *options: str) -> str:
        return shell_command("python", f"scripts/{script}.py", "--run", run, *options)

    formats: list[dict[Any, Any]] = []
    if related.formats is not None and not related.formats.empty:
        table = related.formats.astype(object)
        formats = table.where(table.notna(), None).replace({np.nan: None}).to_dict("records")
    return {
        "commands": [
            ("Predict the styles of images", command("predict", "IMAGES")),
            (
                "Write Grad-CAM overlays beside the predictions",
                command("predict", "IMAGES", "--grad-cam", "grad_cam"),
            ),
            ("Evaluate on other images", command("evaluate", "--images", "FOLDER")),
            (
                "Export for TensorFlow Serving and other runtimes",
                command("export_model", "--formats", "all"),
            ),
        ],
        "is_exported": related.formats is not None,
        "export": f"{run}/export",
        "formats": formats,
    }
