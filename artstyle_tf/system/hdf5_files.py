"""Checks of untrusted HDF5 files: only numbers, all of them stored in the file itself.

HDF5 can refer to data in any other file of the machine (external storage, external links, virtual
datasets), and can declare any shape for data that are compressed or were never written. Keras
guards only some of its readers, and only above 4 GiB.
"""

from __future__ import annotations

import math

import h5py
import numpy as np

_KINDS = "biufV"  # of dtypes; "V" of two bytes is how h5py calls bfloat16
_LARGEST_ITEM_BYTES = 8


def check_hdf5(file: h5py.File, *, size_bytes: int) -> int:
    """Refuse a file with data elsewhere, or that would take more memory than the file has bytes.

    Only names, shapes and types are read.

    Args:
        file: open for reading.
        size_bytes: of the file on disk.

    Returns:
        The number of values in it.

    Raises:
        ValueError: if there is a link other than a plain one, an object with two names, a dataset
            that is external, virtual, packed, never written or not of numbers, if all together
            claim more bytes than the file has, or a list of weights names one twice.
    """
    seen: set[int] = set()
    waiting: list[h5py.Group] = [file]
    num_values, num_bytes = 0, 0
    while waiting:
        group = waiting.pop()
        _check_lists_of_weights(group)
        for name in group:
            where = f"{group.name.rstrip('/')}/{name}"[-80:]
            link = group.get(name, getlink=True)
            if type(link) is not h5py.HardLink:
                raise ValueError(f"{where} is a {type(link).__name__}, which can lead anywhere")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise ValueError(f"{where} has another name as well")
            seen.add(address)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                values = _check_dataset(item, where)
                num_values += values
                num_bytes += values * item.dtype.itemsize
            else:
                raise ValueError(f"{where} is neither a group nor a dataset")
    if num_bytes > size_bytes:
        raise ValueError(f"its datasets claim {num_bytes:,} bytes, the file has {size_bytes:,}")
    return num_values


def _check_dataset(dataset: h5py.Dataset, where: str) -> int:
    """Return the number of values; raises like `check_hdf5`."""
    if dataset.external:
        raise ValueError(f"the data of {where} lie in another file")
    if dataset.is_virtual:
        raise ValueError(f"the data of {where} are put together from other datasets")
    if dataset.dtype.kind not in _KINDS or dataset.dtype.itemsize > _LARGEST_ITEM_BYTES:
        raise ValueError(f"{where} holds {str(dataset.dtype)[:80]}, not numbers")
    if dataset.shape is None:
        raise ValueError(f"{where} holds nothing")
    if dataset.id.get_create_plist().get_nfilters():
        # A small compressed chunk may expand to any number of bytes.
        raise ValueError(f"{where} is packed; Keras writes weights as they are")
    values = math.prod(dataset.shape)
    declared, stored = values * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if declared > stored:
        raise ValueError(
            f"{where} claims {dataset.dtype} {dataset.shape}, {declared:,} bytes, and holds "
            f"{stored:,}"
        )
    return values


def _check_lists_of_weights(group: h5py.Group) -> None:
    """Refuse a group, as Keras 2 wrote them, that lists a weight more than once."""
    named: list[tuple[str, ...]] = []
    # A list that is too long for one attribute is split: weight_names0, weight_names1, ...
    for attribute in (name for name in group.attrs if name.startswith("weight_names")):
        for text in np.ravel(group.attrs[attribute]).tolist():
            name = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
            named.append(tuple(part for part in name.split("/") if part not in ("", ".")))
    if len(set(named)) < len(named):
        raise ValueError(f"{group.name[-80:]} names a weight twice")
