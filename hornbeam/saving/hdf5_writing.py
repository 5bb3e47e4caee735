"""Writing HDF5 files: arrays and short texts at paths, in the layout that h5py gives them by default.

What is written is what ``create_dataset`` and ``attrs`` write, bit for bit.  But they look up paths,
describe types and make lists of properties anew for each tensor, which for small tensors takes longer
than all else that saving does; so h5py's low-level functions are called here, with what they share made
once.  (Groups whose names are not in ASCII differ: h5py says so in the link, for which libhdf5 may take
a newer layout, that is not read here.  Names are in UTF-8 either way, and h5py reads them so.)
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hornbeam.saving.hdf5 import IN_MEMORY
from hornbeam.saving.tensors import checksum


@contextmanager
def writing(file: Any, size: int | None = None) -> Iterator[Any]:
    """An HDF5 file to write to.

    Args:
        file: a binary file, open for reading and writing, or a path.
        size: how many bytes of tensors there will be, if that is known: a small binary file is made in
            memory, and written in one go.

    Raises:
        OSError: if the disk is full, or fails in another way.
    """
    import h5py

    small = size is not None and size <= IN_MEMORY
    target = io.BytesIO() if small else file
    try:
        with h5py.File(target, "w") as root:
            yield root
        if small:
            file.write(target.getbuffer())
    except RuntimeError as error:  # this is how that library reports a failing write
        raise OSError(errno.EIO, f"The weights could not be written: {error}") from error


def write_tensors(file: Any, arrays: Iterator[tuple[str, Any]]) -> None:
    """Write an HDF5 file, one tensor at a time, each with its check sum.

    Args:
        file: a path or a binary file, open for reading and writing.
        arrays: (path, array) pairs; NumPy arrays of any dtype Hornbeam has.
    """
    with writing(file) as root:
        writer = H5Writer(root)
        for path, array in arrays:
            writer.tensor(path, array, checksum(path, array))


class H5Writer:
    """Writes into a group to which nobody else writes meanwhile.

    Args:
        root: an open h5py group, or file, in which nothing is yet.
    """

    def __init__(self, root: Any) -> None:
        import h5py
        from h5py import h5p, h5s, h5t

        self._h5 = h5py
        self._groups = {"": root.id}
        self._kinds: dict[Any, Any] = {}
        self._spaces: dict[tuple[int, ...], Any] = {}
        self._one = h5s.create(h5s.SCALAR)
        self._text_in_file = h5t.py_create(h5py.string_dtype(), logical=True)
        self._text = h5t.py_create(h5py.string_dtype())
        self._timeless = h5p.create(h5p.DATASET_CREATE)
        self._timeless.set_obj_track_times(False)

    def group(self, path: str) -> Any:
        """The group at `path`, made with those around it if it is not there."""
        found = self._groups.get(path)
        if found is None:
            found = self._groups[path] = self._h5.h5g.create(*self._place(path))
        return found

    def tensor(self, path: str, array: Any, digest: str | None) -> None:
        """Write one array; dtypes that HDF5 does not know are stored as raw bytes with their name."""
        h5d, h5s = self._h5.h5d, self._h5.h5s
        known = array.dtype.kind in "biufc"
        data = np.asarray(array, order="C")
        if not known:
            data = data.view(f"V{array.dtype.itemsize}")
        space = self._spaces.get(data.shape)
        if space is None:
            space = self._spaces[data.shape] = h5s.create_simple(data.shape)
        dataset = h5d.create(*self._place(path), self._kind(data.dtype), space, self._timeless)
        dataset.write(h5s.ALL, h5s.ALL, data)
        if not known:
            self._attribute(dataset, "dtype", array.dtype.name)
        if digest is not None:
            value = np.array(digest.encode())
            kind = self._kind(value.dtype)
            self._h5.h5a.create(dataset, b"sha256", kind, self._one).write(value, kind)

    def text(self, path: str, name: str, value: str) -> None:
        """Give a text to the group at `path` as its attribute `name`."""
        self._attribute(self.group(path), name, value)

    def _attribute(self, item: Any, name: str, value: str) -> None:
        attribute = self._h5.h5a.create(item, name.encode(), self._text_in_file, self._one)
        attribute.write(np.array(value, object), self._text)

    def _place(self, path: str) -> tuple[Any, bytes]:
        """The group that `path` is in, and the last part of `path`."""
        group, _, name = path.rpartition("/")
        return self.group(group), name.encode()

    def _kind(self, dtype: Any) -> Any:
        found = self._kinds.get(dtype)
        if found is None:
            found = self._kinds[dtype] = self._h5.h5t.py_create(dtype, logical=True)
        return found


__all__ = ["H5Writer", "write_tensors", "writing"]
