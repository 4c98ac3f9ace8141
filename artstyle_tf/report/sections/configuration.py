"""With what a run was made, and how to make it again."""

from __future__ import annotations

from typing import Any

from artstyle_tf.report.run_facts import RunFacts
from artstyle_tf.system.shell_commands import shell_command


def configuration(facts: RunFacts) -> dict[str, Any]:
    """The config as text, versions, machine, and the command that repeats the run."""
    environment = facts.environment
    model = facts.config["model"]
    shown = {
        "network": f"{model['backbone']}, {model['head']} head, {model['image_size_px']} px"
        if "head" in model
        else f"{model['backbone']}, {model['image_size_px']} px",
        "seed": environment.get("seed"),
        "started": str(facts.times.get("started", ""))[:16].replace("T", ", ") or None,
        "artstyle_tf": environment.get("artstyle_tf"),
        "commit": environment.get("git_commit"),
        "Python": environment.get("python"),
        "platform": environment.get("platform"),
        "processor cores": environment.get("processor_cores"),
        "digest of the first weights": environment.get("initial_weights_digest"),
    }
    return {
        "rows": [(name, value) for name, value in shown.items() if value is not None],
        "packages": sorted(environment.get("packages", {}).items()),
        "text": facts.config_text,
        "command": shell_command(
            "python",
            f"scripts/train_{facts.kind}.py",
            "--config",
            f"{facts.folder}/config.yaml",
            "--run-name",
            "AGAIN",
        ),
    }
