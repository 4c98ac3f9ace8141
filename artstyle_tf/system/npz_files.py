"""Arrays from .npz files, of which nothing is run and nothing is believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads all arrays of a file.

    A pickled object in the file, which could run any program, is refused.

    Args:
        path: of the file.

    Returns:
        Name -> array.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it is cut off, damaged, no .npz file, or holds Python objects.
    """
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise almost anything on damaged files
        raise ValueError(f"not a whole .npz file of plain arrays ({error})") from error
