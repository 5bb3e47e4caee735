"""`keras.utils.io_utils` of Keras 1 and 2: arrays in HDF5 files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hornbeam.errors import InputError

CHUNK = 64512
"""An attribute of an HDF5 object holds so many bytes; longer lists are cut into several."""


def _h5py() -> Any:
    import h5py

    return h5py


class HDF5Matrix:
    """A dataset of an HDF5 file, or some of its rows, in the place of an array.

    Rows are read when they are asked for.

    Args:
        datapath: the file.
        dataset: the name of the dataset in it.
        start: the first row.
        end: the row after the last; None for all.
        normalizer: a function that is applied to what is read.

    Example:

    >>> import h5py, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.h5"
    >>> with h5py.File(path, "w") as file:
    ...     file["x"] = [[1, 2], [3, 4], [5, 6]]
    >>> rows = HDF5Matrix(path, "x", start=1)
    >>> rows.shape, rows[1].tolist()
    ((2, 2), [5, 6])
    """

    def __init__(
        self,
        datapath: Any,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        self.data = _h5py().File(datapath, "r")[dataset]
        length = len(self.data)
        self.start, self.end = start, length if end is None else end
        if not 0 <= self.start <= self.end <= length:
            raise InputError(
                f"HDF5Matrix: rows {start} to {end} are not within the {length} of {dataset!r}."
            )
        self.normalizer = normalizer

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        length = len(self)
        if isinstance(key, slice):
            first, last, step = key.indices(length)
            rows: Any = np.arange(first, last, step)
        elif isinstance(key, (int, np.integer)):
            rows = int(key) + (length if key < 0 else 0)
        else:
            rows = np.asarray(key)
            rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        if np.any(np.asarray(rows) < 0) or np.any(np.asarray(rows) >= length):
            raise IndexError(f"HDF5Matrix: row {key} of {length}.")
        if isinstance(rows, int):
            values = self.data[self.start + rows]
        else:  # HDF5 reads rows in rising order, each once
            wanted, back = np.unique(rows + self.start, return_inverse=True)
            values = self.data[wanted][back] if len(wanted) else self.data[:0]
        return values if self.normalizer is None else self.normalizer(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        values = np.asarray(self[:])
        return values if dtype is None else values.astype(dtype)

    def _one(self) -> Any:
        return np.asarray(self[:1])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, as an array's."""
        inner = self._one().shape[1:] if self.normalizer and len(self) else self.data.shape[1:]
        return (len(self), *inner)

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of what is read."""
        return self._one().dtype if self.normalizer and len(self) else self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))


def save_array(array: Any, name: Any) -> None:
    """Write an array to an HDF5 file.

    Args:
        array: the array.
        name: the file.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "array.h5"
    >>> save_array([1, 2], path)
    >>> load_array(path).tolist()
    [1, 2]
    """
    with _h5py().File(name, "w") as file:
        file["x"] = np.asarray(array)


def load_array(name: Any) -> np.ndarray:
    """The array that `save_array` wrote; the inverse of it.

    Args:
        name: the file.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "array.h5"
    >>> save_array([[0.5]], path)
    >>> load_array(path).shape
    (1, 1)
    """
    with _h5py().File(name, "r") as file:
        return np.asarray(file["x"])


def save_to_binary_h5py(save_function: Callable[[Any], Any], stream: Any) -> None:
    """Write an HDF5 file into a stream of bytes.

    Args:
        save_function: writes to the open `h5py.File` that it is given.
        stream: takes bytes, such as `io.BytesIO`.

    Example:

    >>> import io
    >>> stream = io.BytesIO()
    >>> save_to_binary_h5py(lambda file: file.attrs.update(a=1), stream)
    >>> int(load_from_binary_h5py(lambda file: file.attrs["a"], io.BytesIO(stream.getvalue())))
    1
    """
    import io

    held = io.BytesIO()
    with _h5py().File(held, "w") as file:
        save_function(file)
    stream.write(held.getvalue())


def load_from_binary_h5py(load_function: Callable[[Any], Any], stream: Any) -> Any:
    """Read an HDF5 file from a stream of bytes; see `save_to_binary_h5py`.

    Args:
        load_function: reads from the open `h5py.File` that it is given.
        stream: gives bytes.

    Returns:
        What `load_function` returned.

    Example:

    >>> import io
    >>> stream = io.BytesIO()
    >>> save_to_binary_h5py(lambda file: file.create_group("g"), stream)
    >>> load_from_binary_h5py(list, io.BytesIO(stream.getvalue()))
    ['g']
    """
    import io

    with _h5py().File(io.BytesIO(stream.read()), "r") as file:
        return load_function(file)


class H5Dict:
    """A dict whose values are in an HDF5 file; dicts within it are groups.

    Arrays and numbers come back as arrays, strings as strings.

    Args:
        path: a file, an open `h5py.Group`, or a dict to use in the place of a file.
        mode: as of `h5py.File`: "r", "w", "a".

    Example:

    >>> import io
    >>> held = H5Dict(io.BytesIO(), "w")
    >>> held["a"], held["inner"]["b"] = [1, 2], "text"
    >>> held["a"].tolist(), held["inner"]["b"], sorted(held)
    ([1, 2], 'text', ['a', 'inner'])
    """

    def __init__(self, path: Any, mode: str = "a") -> None:
        is_open = isinstance(path, (_h5py().Group, dict))
        self.data: Any = path if is_open else _h5py().File(path, mode)
        self._file = None if is_open else self.data
        self.read_only = mode == "r"

    @staticmethod
    def is_supported_type(path: Any) -> bool:
        """Whether a file can be made of it, or it is one.

        Args:
            path: anything.
        """
        return isinstance(path, (str, dict, _h5py().Group)) or hasattr(path, "__fspath__")

    def __getitem__(self, key: str) -> Any:
        if key not in self.data:
            if self.read_only:
                raise KeyError(f"There is no {key!r} in the file.")
            if isinstance(self.data, dict):
                self.data[key] = {}
            else:
                self.data.create_group(key)
        value = self.data[key]
        if isinstance(value, (dict, _h5py().Group)):
            return H5Dict(value, "r" if self.read_only else "a")
        if isinstance(self.data, dict):
            return value
        is_text = _h5py().check_string_dtype(value.dtype) is not None
        return value.asstr()[()] if is_text else np.asarray(value)

    def __setitem__(self, key: str, value: Any) -> None:
        if self.read_only:
            raise InputError("The H5Dict was opened for reading; open it with mode='a'.")
        if isinstance(value, (dict, H5Dict)):
            inner = self[key]
            for name in value:
                inner[name] = value[name]
            return
        if key in self.data:
            del self.data[key]
        self.data[key] = value

    def __delitem__(self, key: str) -> None:
        del self.data[key]

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def keys(self) -> Any:
        """The keys."""
        return self.data.keys()

    def iter(self) -> Iterator[str]:
        """An iterator over the keys."""
        return iter(self.data)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key.

        Args:
            key: the key.
            default: what to return where there is none.
        """
        return self[key] if key in self.data else default

    def update(self, *args: Any) -> None:
        """Set several keys.

        Args:
            *args: dicts.
        """
        for mapping in args:
            for key in mapping:
                self[key] = mapping[key]

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> H5Dict:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


h5dict = H5Dict


def save_attributes_to_hdf5_group(group: Any, name: str, data: list[Any]) -> None:
    """Write a list of byte strings as an attribute, or as several where one cannot hold it.

    Args:
        group: an `h5py.Group`.
        name: the attribute.
        data: byte strings.

    Raises:
        InputError: if one string alone is too long.

    Example:

    >>> import h5py, io
    >>> with h5py.File(io.BytesIO(), "w") as file:
    ...     save_attributes_to_hdf5_group(file, "names", [b"a", b"b"])
    ...     load_attributes_from_hdf5_group(file, "names")
    ['a', 'b']
    """
    too_long = [item for item in data if len(item) > CHUNK]
    if too_long:
        raise InputError(
            f"{len(too_long)} of the values for {name!r} have over {CHUNK} bytes, which an attribute of "
            "an HDF5 file cannot hold; shorten these names."
        )
    pieces, array = 1, np.asarray(data)
    while any(piece.nbytes > CHUNK for piece in np.array_split(array, pieces)):
        pieces += 1
    if pieces == 1:
        group.attrs[name] = data
        return
    for i, piece in enumerate(np.array_split(array, pieces)):
        group.attrs[f"{name}{i}"] = piece


def load_attributes_from_hdf5_group(group: Any, name: str) -> list[str]:
    """The strings that `save_attributes_to_hdf5_group` wrote.

    Args:
        group: an `h5py.Group`.
        name: the attribute.

    Example:

    >>> import h5py, io
    >>> with h5py.File(io.BytesIO(), "w") as file:
    ...     load_attributes_from_hdf5_group(file, "nothing")
    []
    """
    names = [name] if name in group.attrs else []
    while not (names and names[0] == name) and f"{name}{len(names)}" in group.attrs:
        names.append(f"{name}{len(names)}")
    return [
        item.decode("utf-8") if isinstance(item, bytes) else str(item)
        for key in names
        for item in group.attrs[key]
    ]


__all__ = [
    "H5Dict",
    "HDF5Matrix",
    "h5dict",
    "load_array",
    "load_attributes_from_hdf5_group",
    "load_from_binary_h5py",
    "save_array",
    "save_attributes_to_hdf5_group",
    "save_to_binary_h5py",
]
