"""What several ops need to treat an argument: dtypes, axes, shapes, parts of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.dims import UNKNOWN, TracedDim, UnknownDim, value_of
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of


def room_for(b: Backend, *names: str) -> AbstractContextManager[Any]:
    """A context in which arrays of all these dtypes can be made: the only place that widens."""
    return b.wide() if any(map(dtypes.is_wide, names)) else nullcontext()


def named(dtype: Any, default: str) -> str:
    """The name of `dtype`, or `default` for None."""
    return default if dtype is None else dtypes.standardize(dtype)


def to_dtype(b: Backend, x: Array, dtype: Any) -> Array:
    """`x` in the dtype that the user asked for, as it is if that is None."""
    if dtype is None:
        return x
    name = dtypes.standardize(dtype)
    return x if b.dtype(x) == name else b.cast(x, name)


def axes_of(axis: Any, ndim: int, op: str) -> tuple[int, ...]:
    """`axis` (None, an int or several) as a tuple of ints from 0 to ndim - 1, checked."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    for a in given:
        if not -ndim <= a < ndim:
            raise InputError(
                f"{op}() got axis={axis} for an array of {ndim} dimensions; "
                f"expected axes from {-ndim} to {ndim - 1}."
            )
    return tuple(int(a) % ndim for a in given)


def one_axis(axis: int, ndim: int, op: str) -> int:
    """`axis` as an int from 0 to ndim - 1, checked."""
    return axes_of(int(axis), ndim, op)[0]


def plain_axis(axis: Any) -> Any:
    """None, an int or a tuple of ints, as engines expect it."""
    if axis is None or isinstance(axis, int):
        return axis
    if isinstance(axis, (list, tuple)):
        return tuple(int(a) for a in axis)
    return int(axis)


def dims_of(shape: Any) -> tuple[Any, ...]:
    """A shape argument (an int, several, or an array of them) as a tuple."""
    if isinstance(shape, (int, np.integer, UnknownDim)) or shape is None:
        return (shape,)
    if hasattr(shape, "__array__") and not isinstance(shape, (list, tuple, KerasTensor)):
        return tuple(int(d) for d in np.atleast_1d(np.asarray(shape)))
    return tuple(int(d) if isinstance(d, np.integer) else d for d in shape)


def maker(b: Backend, *sizes: Any) -> Backend:
    """The backend that arrays of these sizes are made on: `b` unless a size is not a plain number."""
    for size in map(value_of, sizes):
        if size is None or isinstance(size, UnknownDim):
            return registry.get("symbolic")
        owner = owner_of(size)
        if owner is not None and owner is not b:
            return owner
    return b


def cut(x: Array, axis: int, start: Any, stop: Any, step: int = 1) -> Array:
    """``x[..., start:stop:step, ...]`` along one axis (counted from 0)."""
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def at(x: Array, axis: int, index: int) -> Array:
    """``x[..., index, ...]`` along one axis (counted from 0), which disappears."""
    return x[(slice(None),) * axis + (index,)]


def smaller(b: Backend, first: Any, second: Any) -> Any:
    """The smaller of two sizes, which may be unknown or an engine's scalars."""
    if isinstance(first, int) and isinstance(second, int):
        return min(first, second)
    if isinstance(first, TracedDim) or isinstance(second, TracedDim):
        return TracedDim(b.minimum(b.asarray(first), b.asarray(second)))
    if isinstance(first, UnknownDim) or isinstance(second, UnknownDim):
        return UNKNOWN
    return b.minimum(first, second)


def product_of(sizes: Sequence[Any]) -> Any:
    """The product of sizes, some of which may be unknown or an engine's scalars."""
    result: Any = 1
    for size in sizes:
        result = result * size
    return result


__all__ = [
    "at",
    "axes_of",
    "cut",
    "dims_of",
    "maker",
    "named",
    "one_axis",
    "plain_axis",
    "product_of",
    "room_for",
    "smaller",
    "to_dtype",
]
