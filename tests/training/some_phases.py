"""Create phases in one line."""

from __future__ import annotations

from artstyle_tf.training.settings import PhaseConfig


def some_phase(blocks, epochs, learning_rate, plateau_epochs=None):
    """Return a phase that unfreezes so many blocks, or "all" of them."""
    return PhaseConfig(
        unfreeze_blocks=blocks,
        epochs=epochs,
        learning_rate=learning_rate,
        plateau_epochs=plateau_epochs,
    )
