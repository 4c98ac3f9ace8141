"""Time limits of tests, long enough that even on a busy machine only hanging programs are ended."""

from __future__ import annotations

HUNG_SECONDS = 1200
"""Many times what anything here takes on a machine that has other work to do."""
