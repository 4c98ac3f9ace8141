"""Errors of the operating system that the user can fix: space, permissions, memory."""

from __future__ import annotations

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, is_about_room_or_rights

_LONGEST_DETAIL = 200


def explained(error: Exception) -> ArtstyleError | None:
    """Return the user's error if the cause is the machine; None if it is a bug."""
    if is_out_of_memory(error):
        return not_enough_memory("There is not enough memory", error)
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return ArtstyleError(
            "There is no folder for temporary files",
            received=error.strerror or str(error),
            fix="set the environment variable TMPDIR to a writable folder, or --outputs",
        )
    if isinstance(error, OSError) and is_about_room_or_rights(error):
        return cannot_write(error.filename or "a file", error)
    return None


def not_enough_memory(
    happened: str,
    error: Exception,
    *,
    fix: str = "use a smaller batch size (training.batch_size or "
    "batch_size) or model.image_size_px, or close other programs",
) -> ArtstyleError:
    """Build the error for lack of memory, with the message of the backend."""
    lines = str(error).splitlines() or [type(error).__name__]
    # TensorFlow starts with pages about the graph.
    detail = " ".join(next((line for line in lines if "OOM" in line), " ".join(lines)).split())
    return ArtstyleError(
        happened,
        received=detail if len(detail) <= _LONGEST_DETAIL else f"{detail[:_LONGEST_DETAIL]}...",
        fix=fix,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is about lack of memory; import no backend."""
    if isinstance(error, MemoryError):
        return True
    # TensorFlow raises the same error for a full disk.
    is_exhausted = type(error).__name__ == "ResourceExhaustedError" or "RESOURCE_EXHAUSTED" in str(
        error
    )
    return is_exhausted and "space left" not in str(error)
