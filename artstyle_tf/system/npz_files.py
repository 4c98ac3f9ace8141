"""Safe reading of untrusted .npz and .npy files.

This program writes arrays uncompressed, so no file needs more memory than it has bytes. A file that
declares more, by compression or in a header, is refused before memory is allocated for it.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

_KINDS = "biufU"  # kinds of dtypes: booleans, numbers, fixed-length strings


class ArrayForm(NamedTuple):
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype


CheckForms = Callable[[Mapping[str, ArrayForm]], None]
"""Name -> form of all arrays of a file; raises KeyError or ValueError if these are not expected."""


def read_npz(
    path: Path, *, check: CheckForms | None = None, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Read arrays of a file.

    Pickled objects, which could run any code, are refused.

    Args:
        path: of the file.
        check: called with the forms before any array is read; None to accept all.
        names: of the arrays to read; None for all.

    Returns:
        Name -> array.

    Raises:
        OSError: if the file cannot be opened.
        KeyError: from `check`, or if there is no array of a name.
        ValueError: if it is truncated, damaged, no .npz file, contains Python objects, or declares
            more memory than it has bytes; also from `check`.
    """
    with path.open("rb") as opened:
        try:
            with zipfile.ZipFile(opened) as archive:
                forms = _read_forms(archive)
                if check is not None:
                    check(forms)
                requested = forms if names is None else names
                return {name: _read_array(archive, name, forms[name]) for name in requested}
        except (OSError, KeyError):
            raise
        except Exception as error:  # zipfile and NumPy raise almost anything on damaged files
            raise ValueError(f"not a whole .npz file of plain arrays ({error})") from error


def open_npy(path: Path) -> np.ndarray:
    """Open the array of a .npy file as a memory map.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it is truncated, damaged, no .npy file, or contains Python objects.
    """
    # Not `np.load`, which also opens other kinds of files.
    return np.lib.format.open_memmap(path, mode="r")


def check_stored_as_is(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that would be larger in memory than it is on disk.

    Raises:
        ValueError: if a member is compressed, duplicated, or shares its bytes with another.
    """
    members = archive.infolist()
    for member in members:
        packed = member.compress_type != zipfile.ZIP_STORED
        if packed or member.file_size != member.compress_size:
            raise ValueError(
                f"{member.filename[:80]} is packed: {member.compress_size:,} bytes stand for "
                f"{member.file_size:,}, but this program writes its files unpacked"
            )
    if len({member.filename for member in members}) < len(members):
        raise ValueError("a member is there twice")
    held, size = sum(member.file_size for member in members), _size(archive)
    if held > size:
        raise ValueError(f"its members have {held:,} bytes, the file {size:,}")


def _size(archive: zipfile.ZipFile) -> int:
    opened = archive.fp
    assert opened is not None  # as long as the archive is open
    return opened.seek(0, 2)


def _read_forms(archive: zipfile.ZipFile) -> dict[str, ArrayForm]:
    """Read the headers and check each against the size of its member."""
    check_stored_as_is(archive)
    forms = {}
    for member in archive.infolist():
        with archive.open(member) as opened:
            form = _read_header(opened)
            header_bytes = opened.tell()
        held = member.file_size - header_bytes
        declared = math.prod(form.shape) * form.dtype.itemsize
        if declared != held:
            raise ValueError(
                f"{member.filename[:80]} claims {form.dtype} {form.shape}, {declared:,} bytes, "
                f"and holds {held:,}"
            )
        forms[member.filename.removesuffix(".npy")] = form
    return forms


def _read_header(opened: IO[bytes]) -> ArrayForm:
    version = np.lib.format.read_magic(opened)
    # Version 3.0 is for field names outside of Latin-1; these arrays have no fields.
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(opened)
    if dtype.kind not in _KINDS or min(shape, default=0) < 0:
        raise ValueError(f"an array claims to be {dtype} {shape}")
    return ArrayForm(shape, dtype)


def _read_array(archive: zipfile.ZipFile, name: str, form: ArrayForm) -> np.ndarray:
    with archive.open(f"{name}.npy") as opened:
        array = np.lib.format.read_array(opened, allow_pickle=False)
    if (array.shape, array.dtype) != form:
        raise ValueError(f"{name}: is not what its header says")
    return array
