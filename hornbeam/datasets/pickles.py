"""Arrays out of data files that hold pickles, read without running anything.

Some public data sets were pickled long ago.  `load` reads what NumPy arrays, lists, dicts, text and
numbers need and nothing else: it looks no name up, arrays are built here, and their sizes are checked.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.errors import CorruptFileError, UnsafeFileError

_KINDS = frozenset("biuf?")


class _Dtype:
    """Stands for a NumPy dtype while a pickle is read."""

    def __init__(self, name: Any, align: Any = False, copy: Any = True) -> None:
        self.name = name.decode("ascii") if isinstance(name, bytes) else str(name)
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else str(order)
        if self.order not in "<>=|" or any(part is not None for part in state[2:5]):
            raise UnsafeFileError("The file holds an array of a dtype with fields.")


class _Array:
    """Stands for a NumPy array while a pickle is read."""

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        shape = tuple(int(size) for size in shape)
        count = int(np.prod(shape, dtype=object))
        if min(shape, default=0) < 0 or not isinstance(dtype, _Dtype):
            raise CorruptFileError("The file holds an array of an impossible shape.")
        if dtype.name == "O8" or dtype.name == "O":
            items = [_plain(item) for item in data]
            if len(items) != count:
                raise CorruptFileError("The file holds an array of another size than it says.")
            self.value = np.empty(count, object)
            for i, item in enumerate(items):
                self.value[i] = item
        else:
            kind = np.dtype(dtype.order.replace("|", "=") + dtype.name)
            if kind.kind not in _KINDS or len(data) != count * kind.itemsize:
                raise CorruptFileError("The file holds an array of another size than it says.")
            raw = data.encode("latin-1") if isinstance(data, str) else data
            self.value = np.frombuffer(raw, kind).copy()
        self.value = self.value.reshape(shape, order="F" if fortran else "C")


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
    return _Array()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin-1")


_KNOWN: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise UnsafeFileError(
                f"The file asks for {module}.{name}. Data files may hold arrays, lists, dicts, text and "
                "numbers only; nothing was run."
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafeFileError("The file refers to something outside of itself.")


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise UnsafeFileError(f"The file holds a {type(value).__name__}, which is no plain data.")


def load(content: bytes) -> Any:
    """The value of a pickle of plain data and arrays; text of Python 2 comes as bytes.

    Raises:
        UnsafeFileError: if it asks for anything else.
        CorruptFileError: if it is damaged.
    """
    try:
        return _plain(_Reader(io.BytesIO(content), encoding="bytes").load())
    except (UnsafeFileError, CorruptFileError):
        raise
    except Exception as error:
        raise CorruptFileError(f"The file is damaged: {type(error).__name__}: {error}.") from None


def load_npz(path: str) -> dict[str, Any]:
    """Name -> array of an ``.npz`` file, also of arrays of lists."""
    found = {}
    with zipfile.ZipFile(Path(path)) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            found[name.removesuffix(".npy")] = _read_npy(content, name)
    return found


def _read_npy(content: bytes, name: str) -> Any:
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = reader(file)
        if not dtype.hasobject:
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, KeyError, EOFError) as error:
        raise CorruptFileError(f"The array {name!r} is damaged: {error}.") from None
    value = load(content[file.tell() :])
    if not isinstance(value, np.ndarray) or value.shape != shape:
        raise CorruptFileError(f"The array {name!r} has another shape than it says.")
    return value
