"""HDF5 files, by an allow-list: what weights need of that format, and nothing else of it.

Groups and datasets are reached through hard links only, each once; datasets hold numbers, within this
file, packed by nothing but gzip, shuffle and check sums; attributes are small.  All readers of HDF5 in
Hornbeam go through `H5File`.

Groups and datasets are h5py's identifiers (`h5py.h5g.GroupID`, `h5py.h5d.DatasetID`), whose functions
are libhdf5's own: what h5py puts around them takes several times as long as reading a small tensor.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends.numpy import empty_array, native_dtype
from hornbeam.errors import CorruptFileError, FileError, LimitExceededError, UnsafeFileError
from hornbeam.saving.hdf5_structure import check_structure
from hornbeam.saving.tensors import StoredTensor

MAX_ATTRIBUTE = 16 * 2**20
MAX_CONFIG_ATTRIBUTE = 64 * 2**20
MAX_OBJECTS = 1_000_000
MAX_DEPTH = 100
IN_MEMORY = 16 * 2**20
"""Files of up to so many bytes are read, and written, in one go; libhdf5 takes many small steps."""
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
        self.size = self._file.seek(0, 2)
        if self.size <= IN_MEMORY:
            self._file.seek(0)
            self._file = io.BytesIO(self._file.read())
        try:
            self._parts = check_structure(self._file, source)
            self._opened = h5py.File(self._file, "r")
            self.root = h5py.h5g.open(self._opened.id, b"/")
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
        self._opened.close()
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> H5File:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------ objects

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Path -> group or dataset, of all that is in the file.

        Raises:
            UnsafeFileError: at the first thing that is not on the list of what is allowed.
        """
        import h5py

        seen: set[int] = set()
        stack: list[tuple[str, Any]] = [("", self.root)]
        while stack:
            path, group = stack.pop()
            for key, kind, address in self._links(group):
                where = f"{path}/{key}" if path else key
                item = self._child(group, key, kind, where)
                if address in seen or len(seen) >= MAX_OBJECTS:
                    raise UnsafeFileError(
                        f"{self.source!r} has two names for one object, or too many, at '{where}'."
                    )
                seen.add(address)
                if isinstance(item, h5py.h5g.GroupID):
                    if len(where) > 4096 or where.count("/") > MAX_DEPTH:
                        raise LimitExceededError(
                            f"The groups of {self.source!r} are nested too deeply."
                        )
                    stack.append((where, item))
                yield where, item

    def _links(self, group: Any) -> list[tuple[str, int, int]]:
        """Name, kind, and address of what it leads to, of each link in a group."""
        found: list[tuple[bytes, int, int]] = []

        def note(name: bytes, link: Any) -> None:
            found.append((name, link.type, link.u))

        try:
            group.links.iterate(note, info=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged: {error}.") from None
        return [(self._decoded(name), kind, address) for name, kind, address in found]

    def _decoded(self, name: bytes) -> str:
        try:
            return name.decode()
        except UnicodeDecodeError:
            raise CorruptFileError(
                f"{self.source!r} is damaged: it holds the name {name!r}."
            ) from None

    def _kind_of_link(self, group: Any, key: str) -> int | None:
        """The kind of the link of that name, if there is one; its siblings are not listed."""
        if key in ("", ".", "..") or not hasattr(group, "links"):
            return None
        try:
            name = key.encode()
            return int(group.links.get_info(name).type) if group.links.exists(name) else None
        except (OSError, RuntimeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged: {error}.") from None

    def _child(self, group: Any, key: str, kind: int, where: str) -> Any:
        """What a link of that name and kind leads to."""
        import h5py

        if kind != h5py.h5l.TYPE_HARD:
            raise UnsafeFileError(f"{self.source!r} holds a link at '{where}'.")
        if "/" in key or key in (".", ".."):
            raise UnsafeFileError(f"{self.source!r} holds the name {key!r}.")
        try:
            item = h5py.h5o.open(group, key.encode())
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged at '{where}': {error}.") from None
        if not isinstance(item, (h5py.h5g.GroupID, h5py.h5d.DatasetID)):
            raise UnsafeFileError(f"{self.source!r} holds a {type(item).__name__} at '{where}'.")
        return item

    def find(self, path: str) -> Any:
        """The group or dataset at `path`, each step of the way checked; None if there is none."""
        item, where = self.root, ""
        for key in path.split("/"):
            where = f"{where}/{key}" if where else key
            kind = self._kind_of_link(item, key)
            if kind is None:
                return None
            item = self._child(item, key, kind, where)
        return item

    def name(self, item: Any) -> str:
        """The path of a group or dataset, "" of the root."""
        import h5py

        return self._decoded(h5py.h5i.get_name(item)).strip("/")

    # ---------------------------------------------------------------------------------- attributes

    def attribute(self, item: Any, name: str, limit: int = MAX_ATTRIBUTE) -> Any:
        """The value of an attribute, None if there is none; bytes become text.

        Raises:
            LimitExceededError: if it has more than `limit` bytes.
        """
        import h5py

        try:
            key = name.encode()
            if not h5py.h5a.exists(item, key):
                return None
            handle = h5py.h5a.open(item, key)
            fixed = _fixed_text(handle, limit)
            if fixed is not None:
                return fixed
            kind, shape = handle.dtype, handle.shape
            text = h5py.check_string_dtype(kind) is not None
            if not (kind.kind in "biufSU" or (kind.kind == "O" and text)):
                raise UnsafeFileError(
                    f"The attribute {name!r} in {self.source!r} is of the kind {kind}."
                )
            if math.prod(shape) * kind.itemsize > limit:
                raise LimitExceededError(
                    f"The attribute {name!r} in {self.source!r} has over {limit} bytes."
                )
            around = h5py.Dataset if isinstance(item, h5py.h5d.DatasetID) else h5py.Group
            value = around(item).attrs[name]
        except FileError:
            raise
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged: {error}.") from None
        if isinstance(value, np.ndarray):
            return [_text(v) for v in value.reshape(-1).tolist()]
        return _text(value.item() if isinstance(value, np.generic) else value)

    # ------------------------------------------------------------------------------------- tensors

    def tensors(self) -> dict[str, StoredTensor]:
        """Path -> tensor, of all datasets."""
        import h5py

        return {
            path: self.tensor(item, path)
            for path, item in self.walk()
            if isinstance(item, h5py.h5d.DatasetID)
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
            shape = item.shape
            filters = self._check_storage(item, path, shape, kind)
        except RuntimeError as error:
            raise CorruptFileError(f"{self.source!r} is damaged at '{path}': {error}.") from None
        dtype = self._dtype(item, path, kind)
        digest = self.attribute(item, "sha256")
        if digest is not None and not isinstance(digest, str):
            raise CorruptFileError(f"{self.source!r} has a malformed check sum at '{path}'.")

        opened = [item]  # until it is read, mostly once; `close` is slow for what is open

        def load() -> Any:
            from h5py import h5d, h5s

            item = opened.pop() if opened else h5d.open(self.root, path.encode())
            self._check_parts(item, path, filters)
            array = empty_array(shape, dtype)
            if array.size:
                item.read(h5s.ALL, h5s.ALL, array.view(kind) if kind.kind == "V" else array)
            return array

        return StoredTensor(path, shape, dtype, digest, load)

    def _dtype(self, item: Any, path: str, kind: Any) -> str:
        """What numbers of that kind are called; the file has to say what raw bytes are."""
        if kind.kind == "V":
            named = self.attribute(item, "dtype")
            if not isinstance(named, str) or native_dtype_or_none(named, kind.itemsize) is None:
                raise CorruptFileError(f"{self.source!r} does not say what numbers '{path}' holds.")
            return dtypes.standardize(named)
        try:
            return dtypes.standardize(kind.newbyteorder("=").name)
        except (TypeError, ValueError):
            raise UnsafeFileError(
                f"{self.source!r} holds numbers of the unknown kind {kind} at '{path}'."
            ) from None

    def _check_storage(
        self, item: Any, path: str, shape: tuple[int, ...] | None, kind: Any
    ) -> list[int]:
        """The numbers of the filters that it is packed with, in order."""
        import h5py

        plist = item.get_create_plist()
        layout = plist.get_layout()
        if layout == h5py.h5d.VIRTUAL or plist.get_external_count():
            raise UnsafeFileError(f"{self.source!r} stores '{path}' in another file.")
        if shape is None:
            raise UnsafeFileError(f"{self.source!r} has no shape for '{path}'.")
        size = math.prod(shape) * kind.itemsize
        filters = [int(plist.get_filter(i)[0]) for i in range(plist.get_nfilters())]
        if set(filters) - {GZIP, SHUFFLE, FLETCHER32} or len(set(filters)) < len(filters):
            raise UnsafeFileError(
                f"{self.source!r} packs '{path}' with filters other than gzip, shuffle and fletcher32."
            )
        stored = item.get_storage_size()
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
        import h5py

        if not filters:
            return
        chunk = item.get_create_plist().get_chunk()
        room = math.prod(chunk) * item.dtype.itemsize + 4  # for a check sum
        turn = filters.index(GZIP) if GZIP in filters else None
        summed = filters.index(FLETCHER32) if FLETCHER32 in filters else None
        try:
            header = int(h5py.h5o.get_info(item).addr)
        except (OSError, RuntimeError, ValueError) as error:
            raise CorruptFileError(f"{self.source!r} is damaged at '{path}': {error}.") from None
        for address, size, skipped in self._parts.get(header, ()):
            with_sum = summed is not None and not skipped >> summed & 1
            if size <= (4 if with_sum else 0):  # libhdf5 1.14 reads the sum before the beginning
                raise CorruptFileError(
                    f"{self.source!r} is damaged at '{path}': a part of it has {size} bytes."
                )
            if turn is None:
                continue
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


def _fixed_text(handle: Any, limit: int) -> str | None:
    """One text of a fixed size in an attribute, as check sums are; None if it holds something else.

    Each tensor has one, and making NumPy's dtypes for it takes twice as long as all of this.
    """
    from h5py import h5s, h5t

    kind = handle.get_type()
    if not isinstance(kind, h5t.TypeStringID) or kind.is_variable_str():
        return None
    if handle.get_space().get_simple_extent_type() != h5s.SCALAR or kind.get_size() > limit:
        return None
    value = np.empty((), f"S{kind.get_size()}")
    handle.read(value, kind)
    return _text(value.item())  # type: ignore[no-any-return]


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


__all__ = ["H5File"]
