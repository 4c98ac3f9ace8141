"""How long a test waits for what has to happen: on a busy machine, only what hangs is ended."""

from __future__ import annotations

HUNG_SECONDS = 1200
"""Many times what anything here takes on a machine that has other work to do."""
