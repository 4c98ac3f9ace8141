"""Files of weights and arrays that refer to other files, or claim more data than they contain."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

SECRET = b"a file of this machine"
_HUGE = (50_000, 50_000)  # 10 GB of float32


def _external(group: h5py.Group, name: str, secret: Path) -> None:
    shape, dtype = group[name].shape, group[name].dtype
    del group[name]
    size = int(np.prod(shape)) * dtype.itemsize
    group.create_dataset(name, shape, dtype, external=[(str(secret), 0, size)])


def _external_link(group: h5py.Group, name: str, secret: Path) -> None:
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["data"] = group[name][()]
    del group[name]
    group[name] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "/data")


def _soft_link(group: h5py.Group, name: str, _: Path) -> None:
    group.file["elsewhere"] = group[name]
    del group[name]
    group[name] = h5py.SoftLink("/elsewhere")


def _hard_link(group: h5py.Group, name: str, _: Path) -> None:
    group.file["elsewhere"] = group[name]


def _loop(group: h5py.Group, name: str, _: Path) -> None:
    group["loop"] = group.file["/"]


def _virtual(group: h5py.Group, name: str, secret: Path) -> None:
    shape, dtype = group[name].shape, group[name].dtype
    layout = h5py.VirtualLayout(shape, dtype)
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        layout[...] = h5py.VirtualSource(other.create_dataset("data", data=group[name][()]))
    del group[name]
    group.create_virtual_dataset(name, layout)


def _with(**how) -> Callable[[h5py.Group, str, Path], None]:
    def change(group: h5py.Group, name: str, _: Path) -> None:
        given = {"shape": group[name].shape, "dtype": "float32"} | how
        del group[name]
        group.create_dataset(name, **given)

    return change


def _packed(group: h5py.Group, name: str, _: Path) -> None:
    value = group[name][()]
    del group[name]
    group.create_dataset(name, data=value.reshape(-1, 1), compression="gzip")


HDF5_ATTACKS: dict[str, tuple[Callable[[h5py.Group, str, Path], None], str]] = {
    "external storage": (_external, "in another file"),
    "external link": (_external_link, "ExternalLink"),
    "soft link": (_soft_link, "SoftLink"),
    "virtual dataset": (_virtual, "put together from other datasets"),
    "two names": (_hard_link, "another name"),
    "a loop": (_loop, "another name"),
    "10 GB never written": (_with(shape=_HUGE, chunks=(1000, 1000)), "and holds 0"),
    "10 GB, no room taken": (_with(shape=_HUGE), "and holds 0"),
    "its shape, never written": (_with(), "and holds 0"),
    "packed": (_packed, "is packed"),
    "texts": (_with(dtype=h5py.string_dtype()), "not numbers"),
}
"""Name -> (function of the group and name of a dataset and a file to read), the message."""


def attack_hdf5(file: Path | io.BytesIO, attack: str, secret: Path) -> None:
    """Change the first dataset of a file that Keras has written."""
    secret.write_bytes(SECRET * 10_000)
    with h5py.File(file, "a") as opened:
        found: list[str] = []
        opened.visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
        )
        parent, _, name = next(name for name in found if opened[name].ndim).rpartition("/")
        HDF5_ATTACKS[attack][0](opened[parent], name, secret)


def rewrite_archive(
    file: Path, changes: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED
) -> None:
    """Replace an archive by one with some members changed or added."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    file.unlink()  # others may share it by a link
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in (members | changes).items():
            archive.writestr(name, content)


def huge_member(file: Path, name: str, dtype: str, shape: tuple[int, ...]) -> None:
    """Add zeros to an .npz file, compressed a thousand to one."""
    other = file.with_name("smaller.npz")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(other, "w") as new:
        for member in old.namelist():
            if member != f"{name}.npy":
                new.writestr(member, old.read(member))
        info = zipfile.ZipInfo(f"{name}.npy")
        info.compress_type = zipfile.ZIP_DEFLATED
        with new.open(info, "w", force_zip64=True) as opened:
            header = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(opened, header)
            left = int(np.prod(shape)) * np.dtype(dtype).itemsize
            zeros = bytes(2**22)
            while left > 0:
                opened.write(zeros[:left])
                left -= len(zeros)
    shutil.move(other, file)


def claiming_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Encode a .npy file of one number whose header claims something else."""
    content = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + struct.pack("<f", 1)
