"""HDF5 files, by an allow-list: what weights need of that format, and nothing else of it.

Groups and datasets are reached through hard links only, each once; datasets hold numbers, within this
file, packed by nothing but gzip, shuffle and check sums; attributes are small.  All readers of HDF5 in
Hornbeam go through `H5File`.
"""

from __future__ import annotations

import errno
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends.numpy import empty_array, native_dtype
from hornbeam.errors import CorruptFileError, FileError, LimitExceededError, UnsafeFileError
from hornbeam.saving.hdf5_structure import check_structure
from hornbeam.saving.tensors import StoredTensor, checksum

MAX_ATTRIBUTE = 16 * 2**20
MAX_CONFIG_ATTRIBUTE = 64 * 2**20
MAX_OBJECTS = 1_000_000
MAX_DEPTH = 100
GZIP, SHUFFLE, FLETCHER32 = 1, 2, 3


class H5File:
    """An HDF5 file, open for reading.

    Args:
        file: a path or an open binary file.
        source: what to call it in messages.

    Raises:
        CorruptFileError: if it is no HDF5 file, or its structures lead nowhere or in circles.
        UnsafeFileError: if it is of a layout that is not read.
    """

    def __init__(self, file: Any, source: str) -> None:
        import h5py

        self.source = source
        self._own = None if hasattr(file, "seek") else open(file, "rb")  # noqa: SIM115
        self._file = file if self._own is None else self._own
        try:
            self._parts = check_structure(self._file, source)
            self.size = self._file.seek(0, 2)
            self.root = h5py.File(self._file, "r")
        except (OSError, RuntimeError, ValueError) as error:
            if self._own is not None:
                self._own.close()
            if isinstance(error, FileError):
                raise
            raise CorruptFileError(
                f"The weights in {source!r} are not a readable HDF5 file: {error}."
            ) from None

    def close(self) -> None:
        """Close the file."""
        self.root.close()
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> H5File:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------ objects

    def walk(self, start: Any = None) -> Iterator[tuple[str, Any]]:
        """Path -> group or dataset, of all that is below `start` (by default the whole file).

        Raises:
            UnsafeFileError: at the first thing that is not on the list of what is allowed.
        """
        import h5py

        seen: set[int] = set()
        stack: list[tuple[str, Any]] = [("", self.root if start is None else start)]
        while stack:
            path, group = stack.pop()
            for key in self._keys(group):
                where = f"{path}/{key}" if path else key
                item = self._child(group, key, where)
                address = self._address(item, where)
                if address in seen or len(seen) >= MAX_OBJECTS:
                    raise UnsafeFileError(
                        f"{self.source!r} has two names for one object, or too many, at '{where}'."
                    )
                seen.add(address)
                if isinstance(item, h5py.Group):
                    if len(where) > 4096 or where.count("/") > MAX_DEPTH:
                        raise LimitExceededError(
                            f"The groups of {self.source!r} are nested too deeply."
                        )
                    stack.append((where, item))
                yield where, item

    def _address(self, item: Any, where: str) -> int:
        import h5py

        try:
            return int(h5py.h5o.get_info(item.id).addr)
        except (OSError, RuntimeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged at '{where}': {error}.") from None

    def _keys(self, group: Any) -> list[str]:
        try:
            return list(group)
        except (OSError, RuntimeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged: {error}.") from None

    def _has(self, group: Any, key: str) -> bool:
        """Whether there is a link of that name; it is not followed, and its siblings are not listed."""
        if key in ("", ".", "..") or not hasattr(group.id, "links"):
            return False
        try:
            return bool(group.id.links.exists(key.encode()))
        except (OSError, RuntimeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged: {error}.") from None

    def _child(self, group: Any, key: str, where: str) -> Any:
        import h5py

        if not isinstance(key, str):  # h5py 3 gives bytes for a name that is no UTF-8
            raise CorruptFileError(f"{self.source!r} is damaged: it holds the name {key!r}.")
        try:
            link = group.id.links.get_info(key.encode("utf-8", "surrogateescape"))
            if link.type != h5py.h5l.TYPE_HARD:
                raise UnsafeFileError(f"{self.source!r} holds a link at '{where}'.")
            if "/" in key or key in (".", ".."):
                raise UnsafeFileError(f"{self.source!r} holds the name {key!r}.")
            item = group[key]
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, UnsafeFileError):
                raise
            raise CorruptFileError(f"{self.source!r} is damaged at '{where}': {error}.") from None
        if not isinstance(item, (h5py.Group, h5py.Dataset)):
            raise UnsafeFileError(f"{self.source!r} holds a {type(item).__name__} at '{where}'.")
        return item

    def find(self, path: str) -> Any:
        """The group or dataset at `path`, each step of the way checked; None if there is none."""
        item, where = self.root, ""
        for key in path.split("/"):
            where = f"{where}/{key}" if where else key
            if not self._has(item, key):
                return None
            item = self._child(item, key, where)
        return item

    # ---------------------------------------------------------------------------------- attributes

    def attribute(self, item: Any, name: str, limit: int = MAX_ATTRIBUTE) -> Any:
        """The value of an attribute, None if there is none; bytes become text.

        Raises:
            LimitExceededError: if it has more than `limit` bytes.
        """
        import h5py

        try:
            attributes = item.attrs
            if name not in attributes:
                return None
            handle = attributes.get_id(name)
            kind = handle.dtype
            text = h5py.check_string_dtype(kind) is not None
            if not (kind.kind in "biufSU" or (kind.kind == "O" and text)):
                raise UnsafeFileError(
                    f"The attribute {name!r} in {self.source!r} is of the kind {kind}."
                )
            if math.prod(handle.shape) * kind.itemsize > limit:
                raise LimitExceededError(
                    f"The attribute {name!r} in {self.source!r} has over {limit} bytes."
                )
            value = item.attrs[name]
        except FileError:
            raise
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged: {error}.") from None
        if isinstance(value, np.ndarray):
            return [_text(v) for v in value.reshape(-1).tolist()]
        return _text(value.item() if isinstance(value, np.generic) else value)

    # ------------------------------------------------------------------------------------- tensors

    def tensors(self, start: Any = None, prefix: str = "") -> dict[str, StoredTensor]:
        """Path -> tensor, of all datasets."""
        import h5py

        return {
            prefix + path: self.tensor(item, prefix + path)
            for path, item in self.walk(start)
            if isinstance(item, h5py.Dataset)
        }

    def tensor(self, item: Any, path: str) -> StoredTensor:
        """A dataset as a tensor, its storage checked."""
        try:
            kind = item.dtype
        except (TypeError, ValueError, OSError, RuntimeError) as error:
            raise UnsafeFileError(f"{self.source!r} has no numbers at '{path}': {error}.") from None
        if kind.kind not in "biufcV" or kind.hasobject or kind.names:
            raise UnsafeFileError(f"{self.source!r} holds no numbers at '{path}' but {kind}.")
        try:
            filters = self._check_storage(item, path)
        except RuntimeError as error:
            raise CorruptFileError(f"{self.source!r} is damaged at '{path}': {error}.") from None
        named = self.attribute(item, "dtype")
        if kind.kind == "V":
            if not isinstance(named, str) or native_dtype_or_none(named, kind.itemsize) is None:
                raise CorruptFileError(f"{self.source!r} does not say what numbers '{path}' holds.")
            dtype = dtypes.standardize(named)
        else:
            try:
                dtype = dtypes.standardize(kind.newbyteorder("=").name)
            except (TypeError, ValueError):
                raise UnsafeFileError(
                    f"{self.source!r} holds numbers of the unknown kind {kind} at '{path}'."
                ) from None
        digest = self.attribute(item, "sha256")
        if digest is not None and not isinstance(digest, str):
            raise CorruptFileError(f"{self.source!r} has a malformed check sum at '{path}'.")

        shape = tuple(item.shape)

        def load() -> Any:
            self._check_parts(item, path, filters)
            array = empty_array(shape, dtype)
            if array.size:
                item.read_direct(array.view(kind) if kind.kind == "V" else array)
            return array

        return StoredTensor(path, shape, dtype, digest, load)

    def _check_storage(self, item: Any, path: str) -> list[int]:
        """The numbers of the filters that it is packed with, in order."""
        import h5py

        plist = item.id.get_create_plist()
        layout = plist.get_layout()
        if item.is_virtual or layout == h5py.h5d.VIRTUAL or plist.get_external_count():
            raise UnsafeFileError(f"{self.source!r} stores '{path}' in another file.")
        if item.shape is None:
            raise UnsafeFileError(f"{self.source!r} has no shape for '{path}'.")
        size = math.prod(item.shape) * item.dtype.itemsize
        filters = [int(plist.get_filter(i)[0]) for i in range(plist.get_nfilters())]
        if set(filters) - {GZIP, SHUFFLE, FLETCHER32} or len(set(filters)) < len(filters):
            raise UnsafeFileError(
                f"{self.source!r} packs '{path}' with filters other than gzip, shuffle and fletcher32."
            )
        stored = item.id.get_storage_size()
        if layout == h5py.h5d.CHUNKED:
            # deflate packs at most 1032 times
            if size > 2**20 and size > 1100 * max(stored, 1):
                raise LimitExceededError(
                    f"{self.source!r} says that '{path}' has {size} bytes, of which it holds {stored}."
                )
        elif stored != size or stored > self.size:
            raise CorruptFileError(
                f"{self.source!r} should hold {size} bytes at '{path}', and holds {stored}."
            )
        return filters

    def _check_parts(self, item: Any, path: str, filters: list[int]) -> None:
        """Unpack parts up to the size that they should have, before the library unpacks all of them."""
        if GZIP not in filters:
            return
        room = math.prod(item.chunks) * item.dtype.itemsize + 4  # for a check sum
        turn = filters.index(GZIP)
        for address, size, skipped in self._parts.get(self._address(item, path), ()):
            self._file.seek(address)
            packed = self._file.read(size)
            try:
                found = (
                    b""
                    if skipped >> turn & 1
                    else zlib.decompressobj().decompress(packed, room + 1)
                )
            except zlib.error as error:
                raise CorruptFileError(
                    f"{self.source!r} is damaged at '{path}': {error}."
                ) from None
            if len(found) > room:
                raise LimitExceededError(
                    f"A part of '{path}' in {self.source!r} unpacks to more than its {room - 4} bytes."
                )


def native_dtype_or_none(name: str, itemsize: int) -> Any:
    """The NumPy dtype of that name if it has that size, else None."""
    try:
        native = native_dtype(dtypes.standardize(name))
    except (TypeError, ValueError):
        return None
    return native if native.itemsize == itemsize else None


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


# ------------------------------------------------------------------------------------------- writing


@contextmanager
def writing(file: Any) -> Iterator[Any]:
    """An HDF5 file to write to.

    Raises:
        OSError: if the disk is full, or fails in another way.
    """
    import h5py

    try:
        with h5py.File(file, "w") as root:
            yield root
    except RuntimeError as error:  # this is how that library reports a failing write
        raise OSError(errno.EIO, f"The weights could not be written: {error}") from error


def write_tensors(file: Any, arrays: Iterator[tuple[str, Any]]) -> None:
    """Write an HDF5 file, one tensor at a time, each with its check sum.

    Args:
        file: a path or a binary file, open for reading and writing.
        arrays: (path, array) pairs; NumPy arrays of any dtype Hornbeam has.
    """
    with writing(file) as root:
        for path, array in arrays:
            write_tensor(root, path, array, checksum(path, array))


def write_tensor(root: Any, path: str, array: Any, digest: str | None) -> None:
    """Write one array; dtypes that HDF5 does not know are stored as raw bytes with their name."""
    group, _, name = path.rpartition("/")
    place = root.require_group(group) if group else root
    known = array.dtype.kind in "biufc"
    data = array if known else np.ascontiguousarray(array).view(f"V{array.dtype.itemsize}")
    dataset = place.create_dataset(name, data=data)
    if not known:
        dataset.attrs["dtype"] = array.dtype.name
    if digest is not None:
        dataset.attrs["sha256"] = np.bytes_(digest)


__all__ = ["H5File", "write_tensor", "write_tensors", "writing"]
