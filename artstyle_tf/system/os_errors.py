"""What the system refuses, in words for whoever can mend it: room, rights, memory."""

from __future__ import annotations

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write, is_about_room_or_rights

_LONGEST_DETAIL = 200


def explained(error: Exception) -> ArtstyleError | None:
    """The error for a person, if it is about the machine and not about this program."""
    if is_out_of_memory(error):
        return not_enough_memory("There is not enough memory", error)
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return ArtstyleError(
            "There is no folder for temporary files",
            received=error.strerror or str(error),
            fix="set the variable TMPDIR to a folder that can be written, or --outputs",
        )
    if isinstance(error, OSError) and is_about_room_or_rights(error):
        return cannot_write(error.filename or "a file", error)
    return None


def not_enough_memory(
    happened: str,
    error: Exception,
    *,
    fix: str = "smaller batches, training.batch_size or "
    "batch_size, a smaller model.image_size_px, or other programs ended",
) -> ArtstyleError:
    """The error for memory that ran out, with what the backend says of it."""
    lines = str(error).splitlines() or [type(error).__name__]
    # TensorFlow begins with pages about the graph.
    said = " ".join(next((line for line in lines if "OOM" in line), " ".join(lines)).split())
    return ArtstyleError(
        happened,
        received=said if len(said) <= _LONGEST_DETAIL else f"{said[:_LONGEST_DETAIL]}...",
        fix=fix,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a backend or Python found no memory; no backend is imported for that."""
    if isinstance(error, MemoryError):
        return True
    # TensorFlow says the same of a full disk.
    is_exhausted = type(error).__name__ == "ResourceExhaustedError" or "RESOURCE_EXHAUSTED" in str(
        error
    )
    return is_exhausted and "space left" not in str(error)
