"""Logs that stay on the device until somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hornbeam.ops.record import owner_of


def to_host(value: Any) -> Any:
    """A Python float for a scalar array, a NumPy array for others, anything else as it is."""
    if isinstance(value, (int, float, str)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: to_host(item) for key, item in value.items()}
    owner = owner_of(value)
    array = owner.to_numpy(value) if owner is not None else np.asarray(value)
    return float(array) if array.ndim == 0 else array


class Logs(dict[str, Any]):
    """A dict whose values become Python floats when they are read, and not before.

    Reading waits for the device, so a callback that looks at nothing costs nothing.
    """

    def __getitem__(self, key: str) -> Any:
        value = to_host(super().__getitem__(key))
        super().__setitem__(key, value)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        return self[key] if key in self else default

    def items(self) -> Any:
        """(key, value) pairs, read."""
        return [(key, self[key]) for key in self]

    def values(self) -> Any:
        """The values, read."""
        return [self[key] for key in self]

    def copy(self) -> dict[str, Any]:
        """A plain dict of the read values."""
        return dict(self.items())

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def __eq__(self, other: object) -> bool:
        return self.copy() == (dict(other.items()) if isinstance(other, dict) else other)

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self.copy())
