"""A folder for temporary files where the system has none."""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.partial_folders import partial_folder


def provide_temporary_folder(results: Path) -> None:
    """Make `tempfile` work until the program ends, also on a read-only system.

    Does nothing where the system has a temporary folder, or where the folder of results is not
    writable either; then the code that needs one raises.

    Args:
        results: writable folder in which a temporary one is created. It is removed at exit, after
            those of libraries.
    """
    if _has_one():
        return
    with contextlib.suppress(OSError, ArtstyleError), contextlib.ExitStack() as stack:
        stack.enter_context(_made_in(results))
        atexit.register(stack.pop_all().close)


def _has_one() -> bool:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def _made_in(results: Path) -> Iterator[None]:
    missing = [folder for folder in (results, *results.parents) if not folder.exists()]
    try:
        with partial_folder(results / "temporary") as folder:
            # Child processes read the environment variable.
            variable = os.environ.get("TMPDIR")
            tempfile.tempdir = os.environ["TMPDIR"] = str(folder.absolute())
            try:
                yield
            finally:
                tempfile.tempdir = None
                if variable is None:
                    del os.environ["TMPDIR"]
                else:
                    os.environ["TMPDIR"] = variable
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # there are results in it
                folder.rmdir()
