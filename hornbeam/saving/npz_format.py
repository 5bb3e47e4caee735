"""NumPy's ``.npz`` files, without pickles: headers are checked before an array is made."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from hornbeam import dtypes
from hornbeam.errors import CorruptFileError, LimitExceededError, UnsafeFileError
from hornbeam.saving.archive import MAX_RATIO
from hornbeam.saving.tensors import StoredTensor, checksum, raw_bytes

CHECKSUMS = "__sha256__"
MAX_HEADER = 64 * 1024
_HEADER = re.compile(
    r"\s*\{\s*'descr'\s*:\s*'([<>|=])([biufcSV])(\d{1,3})'\s*,\s*'fortran_order'\s*:\s*(True|False)\s*,"
    r"\s*'shape'\s*:\s*\(([0-9,\s]*)\)\s*,?\s*\}\s*"
)


def write(file: IO[bytes], arrays: Iterator[tuple[str, Any]]) -> None:
    """Write (name, array) pairs; check sums go into a member of their own.

    Raises:
        ValueError: for dtypes that NumPy itself does not have.
    """
    sums = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays:
            if array.dtype.kind not in "biufc":
                raise ValueError(f"`.npz` files cannot hold {array.dtype} ({name!r}).")
            sums.append(checksum(name, array))
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        with archive.open(f"{CHECKSUMS}.npy", "w") as member:
            np.lib.format.write_array(member, np.array(sums, "S64"), allow_pickle=False)


def read(file: IO[bytes], source: str) -> dict[str, StoredTensor]:
    """Name -> tensor.

    Raises:
        CorruptFileError: if it is damaged.
        UnsafeFileError: if it holds objects.
    """
    try:
        archive = zipfile.ZipFile(file)
        infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, struct.error, NotImplementedError) as error:
        raise CorruptFileError(f"{source!r} is not an `.npz` archive: {error}.") from None
    if len({info.filename for info in infos}) != len(infos):
        raise UnsafeFileError(f"{source!r} holds two members of the same name.")
    sums: list[str] = []
    found: dict[str, StoredTensor] = {}
    order = []
    for info in infos:
        if not info.filename.endswith(".npy") or info.flag_bits & 1:
            raise UnsafeFileError(f"{source!r} holds the unexpected member {info.filename!r}.")
        name = info.filename.removesuffix(".npy")
        if name == CHECKSUMS:
            values = _load(archive, info, source, strings=True)
            sums = [value.decode("ascii", "replace") for value in values.tolist()]
        else:
            order.append((name, info))
    if sums and len(sums) != len(order):
        raise CorruptFileError(f"{source!r} has {len(sums)} check sums for {len(order)} tensors.")
    for i, (name, info) in enumerate(order):
        dtype, shape, _, _ = _header(archive, info, source)
        found[name] = StoredTensor(
            name,
            shape,
            dtypes.standardize(dtype.newbyteorder("=").name),
            sums[i] if sums else None,
            lambda info=info: _load(archive, info, source),  # type: ignore[misc]
        )
    return found


def _header(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str, strings: bool = False
) -> tuple[Any, tuple[int, ...], bool, int]:
    """dtype, shape, whether in Fortran's order, and where the values begin."""
    what = f"The member {info.filename!r} of {source!r}"
    if info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise LimitExceededError(f"{what} unpacks to over {MAX_RATIO} times its size.")
    try:
        with archive.open(info) as member:
            start = member.read(12)
            big = start[6:7] != b"\1"
            size = (
                struct.unpack("<I", start[8:12])[0] if big else struct.unpack("<H", start[8:10])[0]
            )
            if size > MAX_HEADER:
                raise LimitExceededError(f"{what} has a header of {size} bytes.")
            begin = (12 if big else 10) + size
            text = (start[12 if big else 10 :] + member.read(size)).decode("latin-1")[:size]
    except (zipfile.BadZipFile, OSError, EOFError, struct.error, NotImplementedError) as error:
        raise CorruptFileError(f"{what} is damaged: {error}.") from None
    match = _HEADER.fullmatch(text)
    if start[:6] != b"\x93NUMPY" or match is None:
        raise UnsafeFileError(f"{what} is no plain array of numbers.")
    order, kind, itemsize, fortran, shape_text = match.groups()
    if (kind == "S") != strings or kind == "V":
        raise UnsafeFileError(f"{what} is no plain array of numbers.")
    try:
        dtype = np.dtype(f"{order}{kind}{itemsize}")
    except TypeError:
        raise UnsafeFileError(f"{what} is of an unknown dtype.") from None
    shape = tuple(int(n) for n in shape_text.replace(" ", "").split(",") if n)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size != info.file_size - begin:
        raise CorruptFileError(
            f"{what} should hold {size} bytes, and holds {info.file_size - begin}."
        )
    return dtype, shape, fortran == "True", begin


def _load(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str, strings: bool = False
) -> Any:
    dtype, shape, fortran, begin = _header(archive, info, source, strings)
    array = np.empty(int(np.prod(shape, dtype=np.int64)), dtype)
    view = memoryview(raw_bytes(array))
    try:
        with archive.open(info) as member:
            member.read(begin)
            done = 0
            while done < len(view):
                count = member.readinto(view[done:])  # type: ignore[attr-defined]
                if not count:
                    raise CorruptFileError(f"{source!r} is cut off in {info.filename!r}.")
                done += count
            member.read(1)  # the check sum is verified at the end
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise CorruptFileError(f"{source!r} is damaged in {info.filename!r}: {error}.") from None
    array = array.reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


__all__ = ["read", "write"]
