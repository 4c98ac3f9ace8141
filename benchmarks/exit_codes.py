"""Convert errors of a benchmark to exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from artstyle_tf.system.errors import ArtstyleError


def exit_code_of(measure: Callable[[], None]) -> int:
    """Run a benchmark and return 0 on success, 2 on a user error, 130 on an interrupt."""
    try:
        measure()
    except ArtstyleError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
