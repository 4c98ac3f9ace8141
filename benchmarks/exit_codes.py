"""What a benchmark says to whoever has called it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from artstyle_tf.system.errors import ArtstyleError


def exit_code_of(measure: Callable[[], None]) -> int:
    """Runs a benchmark: 0 done, 2 the user's mistake, 130 interrupted."""
    try:
        measure()
    except ArtstyleError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
