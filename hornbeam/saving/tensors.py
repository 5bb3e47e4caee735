"""Tensors in files, whatever the format: shape and dtype are known before a value is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends.numpy import native_dtype
from hornbeam.errors import CorruptFileError, FileError


def raw_bytes(array: Any) -> Any:
    """The bytes of an array, without a copy if it lies in one piece."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def checksum(path: str, array: Any) -> str:
    """SHA-256 of a tensor: of its name, dtype, shape and little-endian bytes, in hex.

    >>> checksum("a", np.zeros(2, np.float32))[:8]
    '95884d60'
    """
    head = f"{path}\n{dtypes.standardize(array.dtype)}\n{list(array.shape)}\n"
    digest = hashlib.sha256(head.encode())
    digest.update(raw_bytes(array))
    return digest.hexdigest()


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Args:
        path: its name there.
        shape: its shape.
        dtype: its dtype, by Hornbeam's name.
        sha256: the check sum that the file has for it, or None (files of other libraries).
        load: reads the values.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    sha256: str | None
    load: Callable[[], Any]

    @property
    def nbytes(self) -> int:
        """The size of the values in bytes."""
        size = native_dtype(self.dtype).itemsize
        for n in self.shape:
            size *= n
        return int(size)

    def read(self) -> Any:
        """The values as a NumPy array.

        Raises:
            CorruptFileError: if they cannot be read, or are not those that were written.
            LimitExceededError: if they unpack to more than they should.
        """
        try:
            array = self.load()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            if isinstance(error, FileError):
                raise
            raise CorruptFileError(f"The weights at '{self.path}' are damaged: {error}.") from None
        if self.sha256 is not None and checksum(self.path, array) != self.sha256:
            raise CorruptFileError(
                f"The weights at '{self.path}' are damaged: their check sum is not the one that was "
                "written with them."
            )
        return array


__all__ = ["StoredTensor", "checksum", "raw_bytes"]
