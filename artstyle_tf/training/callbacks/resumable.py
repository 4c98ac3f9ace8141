"""Callbacks whose state is part of the resume point."""

from __future__ import annotations

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
        return {name.removeprefix("_"): getattr(self, name) for name in self.state_names}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was saved."""
        for name in self.state_names:
            setattr(self, name, state[name.removeprefix("_")])
