"""Where a study keeps what it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from artstyle_tf.config.experiment import TrainingExperiment
from artstyle_tf.config.loading import dump_yaml
from artstyle_tf.system.files import write_text
from artstyle_tf.system.shell_commands import shell_command
from artstyle_tf.system.visible_text import shown


@dataclass(frozen=True)
class StudyFolder:
    """Paths of a study.

    Attributes:
        path: outputs/param-optim-<kind>/<study>.
    """

    path: Path

    @property
    def name(self) -> str:
        """Of the study, in its database too."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def config_file(self) -> Path:
        """The resolved config, as YAML."""
        return self.path / "config.yaml"

    @property
    def identity_file(self) -> Path:
        """Whose tables these are: images, split, space, experiment, engine and database."""
        return self.path / "identity.json"

    @property
    def database(self) -> Path:
        """Of Optuna, unless the study is in another database."""
        return self.path / "study.db"

    @property
    def keras_tuner_file(self) -> Path:
        """All that is known of a study with KerasTuner."""
        return self.path / "study.json"

    @property
    def log_file(self) -> Path:
        """What trials and their libraries print."""
        return self.path / "trials.log"

    @property
    def trials_file(self) -> Path:
        """One row a trial."""
        return self.path / "trials.csv"

    @property
    def best_config_file(self) -> Path:
        """The winner, as train_direct.py or train_triplet.py takes it."""
        return self.path / "best.yaml"

    @property
    def best_file(self) -> Path:
        """The winner's values and scores."""
        return self.path / "best.json"

    @property
    def summary_file(self) -> Path:
        """What --json prints."""
        return self.path / "summary.json"

    @property
    def confirmations(self) -> Path:
        """Folder of the trainings with new seeds, one file each."""
        return self.path / "confirmation"

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.path / "figures"

    def write_winner(self, winner: TrainingExperiment, *, number: int) -> None:
        """Writes the config of the winner, with the command that trains it.

        Args:
            winner: the config.
            number: of its trial.
        """
        script = f"scripts/train_{winner.kind}.py"
        command = shell_command("python", script, "--config", self.best_config_file)
        note = f"# Trial {number} of the study {shown(self.path.name)}.\n# {command}\n"
        write_text(self.best_config_file, note + dump_yaml(winner))
