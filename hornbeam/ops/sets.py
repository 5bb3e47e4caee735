"""Distinct values, places in flattened arrays, and windows of signal processing."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends.dims import UNKNOWN
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import cut, dims_of, one_axis, product_of


@op("x", dtype=rules.unchecked)
def unique(
    b: Backend,
    x: ArrayLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct values of `x`.

    Args:
        x: array of any shape.
        sorted: whether they must be in ascending order (they always are).
        return_index: whether to return the place of the first occurrence of each.
        return_inverse: whether to return for each value of `x` its number among the distinct ones.
        return_counts: whether to return how often each occurs.
        axis: the axis whose slices are compared; None for the values themselves.
        size: how many to return, which compiled code has to know: the first ones of more, and of
            fewer the rest filled up.
        fill_value: what to fill up with; the first distinct value for None.

    Returns:
        The values, or a tuple of what was asked for: values, int32 places, numbers and counts.

    Raises:
        InputError: in compiled code without `size`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.unique([3, 1, 3, 2])).tolist()
    [1, 2, 3]
    """
    rows, shape = _rows(b, x, axis)
    n = b.shape(rows)[0]
    order = _order(b, rows)
    ordered = b.take(rows, order, 0)
    changes = b.not_equal(cut(ordered, 0, 1, n), cut(ordered, 0, 0, n - 1))
    if rows.ndim > 1:
        changes = b.any(changes, axis=tuple(range(1, rows.ndim)), keepdims=False)
    fresh = cut(b.concatenate([b.ones((1,), "bool"), changes], 0), 0, 0, n)
    group = b.cumsum(b.cast(fresh, "int32"), 0) - 1
    count = _how_many(b, fresh) if size is None else size
    places = _first_places(b, fresh, group, order, n, count)
    results = [_values(b, rows, places, group, count, fill_value, axis)]
    if return_index:
        results.append(places)
    if return_inverse:
        inverse = b.scatter_set(b.zeros((n,), "int32"), (order,), group)
        results.append(b.reshape(inverse, shape))
    if return_counts:
        bounded = b.minimum(group, b.zeros_like(group) + count)
        ones = b.ones((n,), "int32")
        results.append(b.scatter_add(b.zeros((count + 1,), "int32"), (bounded,), ones)[:count])
    return results[0] if len(results) == 1 else tuple(results)


def _rows(b: Backend, x: Array, axis: int | None) -> tuple[Array, Any]:
    """What is compared along the first axis, and the shape of the inverse."""
    if b.dtype(x) == "bool":
        x = b.cast(x, "uint8")
    if axis is None:
        return b.reshape(x, (product_of(b.shape(x)),)), b.shape(x)
    place = one_axis(axis, x.ndim, "unique")
    return b.moveaxis(x, place, 0), (b.shape(x)[place],)


def _order(b: Backend, rows: Array) -> Array:
    """The places that sort the rows, by their first entries first."""
    if rows.ndim == 1:
        return b.cast(b.argsort(rows, axis=-1), "int32")
    columns = product_of(b.shape(rows)[1:])
    if not isinstance(columns, int):
        raise InputError("unique() along an axis needs to know the sizes of the other axes.")
    flat = b.reshape(rows, (b.shape(rows)[0], columns))
    order = b.arange(0, b.shape(rows)[0], 1, "int32")
    for column in reversed(range(columns)):
        step = b.argsort(b.take(flat[:, column], order, 0), axis=-1)
        order = b.take(order, step, 0)
    return order


def _how_many(b: Backend, fresh: Array) -> Any:
    if b.symbolic:
        return UNKNOWN
    if not b.is_concrete(fresh):
        raise InputError("unique() in compiled code needs `size`, the number of values to return.")
    return int(b.to_numpy(b.sum(b.cast(fresh, "int32"), axis=None, keepdims=False)))


def _first_places(
    b: Backend, fresh: Array, group: Array, order: Array, n: Any, count: Any
) -> Array:
    """For each of `count` groups the place of its first value; of the first group for those missing."""
    target = b.where(
        fresh, b.minimum(group, b.zeros_like(group) + count), b.zeros_like(group) + count
    )
    start = b.zeros((count + 1,), "int32") + order[:1]
    return b.scatter_set(start, (target,), order)[:count]


def _values(
    b: Backend,
    rows: Array,
    places: Array,
    group: Array,
    count: Any,
    fill_value: Any,
    axis: int | None,
) -> Array:
    values = b.take(rows, places, 0)
    if fill_value is not None:
        number = b.reshape(b.arange(0, count, 1, "int32"), [-1] + [1] * (rows.ndim - 1))
        exists = b.less_equal(number, b.max(group, axis=None, keepdims=False))
        values = b.where(exists, values, b.full_like(values, fill_value))
    return values if axis is None else b.moveaxis(values, 0, axis)


@op("indices", dtype=rules.arithmetic)
def unravel_index(b: Backend, indices: ArrayLike, shape: Any) -> tuple[Array, ...]:
    """Places along each axis from places in the flattened array.

    Args:
        indices: integer array of any shape; negative ones count from the end.
        shape: the shape of the array that is meant.

    Returns:
        For each axis an array of the shape of `indices`.

    Example:

    >>> from hornbeam import ops
    >>> [int(i) for i in ops.unravel_index(5, (2, 3))]
    [1, 2]
    """
    sizes = dims_of(shape)
    rest = b.where(b.less(indices, 0), indices + product_of(sizes), indices)
    places = []
    for size in reversed(sizes):
        places.append(b.mod(rest, size))
        rest = b.floor_divide(rest, size)
    return tuple(reversed(places))


def _window(b: Backend, x: Any, function: Any, *args: Any) -> Array:
    count = x if isinstance(x, int) else int(np.asarray(b.to_numpy(x) if b.is_array(x) else x))
    name = dtypes.floatx()
    values = function(count, *args)
    if name == "float64":
        with b.wide():
            return b.asarray(np.asarray(values, np.float64))
    return b.cast(b.asarray(np.asarray(values, np.float32)), name)


@op("", dtype=rules.unchecked)
def bartlett(b: Backend, x: int) -> Array:
    """The triangular window of Bartlett.

    Args:
        x: how many points.

    Returns:
        Array of shape (x,), of the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bartlett(5)).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window(b, x, np.bartlett)


@op("", dtype=rules.unchecked)
def blackman(b: Backend, x: int) -> Array:
    """The window of Blackman: 0.42 - 0.5 cos(t) + 0.08 cos(2 t), with t from 0 to 2 pi.

    Args:
        x: how many points.

    Returns:
        Array of shape (x,), of the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.abs(ops.blackman(5))).round(3))
    [0.   0.34 1.   0.34 0.  ]
    """
    return _window(b, x, np.blackman)


@op("", dtype=rules.unchecked)
def hamming(b: Backend, x: int) -> Array:
    """The window of Hamming: 0.54 - 0.46 cos(t), with t from 0 to 2 pi.

    Args:
        x: how many points.

    Returns:
        Array of shape (x,), of the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.hamming(5)).round(3))
    [0.08 0.54 1.   0.54 0.08]
    """
    return _window(b, x, np.hamming)


@op("", dtype=rules.unchecked)
def hanning(b: Backend, x: int) -> Array:
    """The window of von Hann: 0.5 - 0.5 cos(t), with t from 0 to 2 pi.

    Args:
        x: how many points.

    Returns:
        Array of shape (x,), of the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.hanning(5)).round(3))
    [0.  0.5 1.  0.5 0. ]
    """
    return _window(b, x, np.hanning)


@op("", dtype=rules.unchecked)
def kaiser(b: Backend, x: int, beta: float) -> Array:
    """The window of Kaiser: i0(beta * sqrt(1 - t**2)) / i0(beta), with t from -1 to 1.

    Args:
        x: how many points.
        beta: how narrow; 0 for a window of ones.

    Returns:
        Array of shape (x,), of the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.kaiser(5, 14.0)).round(3))
    [0.    0.165 1.    0.165 0.   ]
    """
    return _window(b, x, np.kaiser, float(beta))


__all__ = [
    "bartlett",
    "blackman",
    "hamming",
    "hanning",
    "kaiser",
    "unique",
    "unravel_index",
]
