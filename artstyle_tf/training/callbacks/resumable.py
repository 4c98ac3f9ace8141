"""Make a resumed training equal to an uninterrupted one."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import keras


class ResumableCallback(keras.callbacks.Callback):
    """A callback that an interrupted training restores.

    Attributes:
        state_names: names of the attributes to save, which hold JSON values; a leading underscore
            is left out of the saved name.
    """

    state_names: ClassVar[tuple[str, ...]] = ()

    def state(self) -> dict[str, Any]:
        """Return the state to save, as JSON values."""
        return {name.removeprefix("_"): copy.copy(getattr(self, name)) for name in self.state_names}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was saved."""
        for name in self.state_names:
            setattr(self, name, state[name.removeprefix("_")])


class ReseedRandomLayers(keras.callbacks.Callback):
    """Sets a new state of each random layer at the start of each epoch.

    Without it the state would depend on the number of steps in this process, and a resumed
    run would differ from an uninterrupted one.

    Args:
        whole_model: holds all random layers, flat.
    """

    def __init__(self, whole_model: keras.Model, seed: int) -> None:
        super().__init__()
        self._layers = [
            layer
            for layer in whole_model.layers
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
        ]
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the states."""
        for number, layer in enumerate(self._layers):
            # Two unsigned 32-bit numbers; large odd factors keep neighboring seeds apart.
            first = (self._seed * 2_654_435_761 + epoch * 40_503) % 2**32
            second = (number * 2_246_822_519 + 1) % 2**32
            layer.seed_generator.state.assign([first, second])
