"""Reductions over segments: entries with the same number."""

from __future__ import annotations

import functools
from typing import Any

from hornbeam import dtypes
from hornbeam.backends.dims import UNKNOWN
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


def _segmented(
    b: Backend, scatter: Any, data: Array, segment_ids: Array, num_segments: int | None, start: Any
) -> Array:
    """`data` scattered into rows of `start`; what is in no segment goes to a row that is cut off."""
    if segment_ids.ndim != 1:
        raise InputError(f"`segment_ids` must have one dimension, got {tuple(segment_ids.shape)}.")
    ids = b.cast(segment_ids, "int32")
    count: Any = _count(b, ids) if num_segments is None else num_segments
    exists = b.logical_and(b.greater_equal(ids, 0), b.less(ids, count))
    place = b.where(exists, ids, b.zeros_like(ids) + count)
    rows = b.full((count + 1, *b.shape(data)[1:]), start, b.dtype(data))
    return b.getitem(scatter(rows, (place,), data), slice(None, count))


def _count(b: Backend, ids: Array) -> Any:
    if b.symbolic:
        return UNKNOWN
    if not b.is_concrete(ids):
        raise InputError("In compiled code a segment op needs `num_segments`.")
    return int(b.to_numpy(b.max(ids, axis=None, keepdims=False))) + 1


def _multiplied(b: Backend, rows: Array, index: tuple[Array], updates: Array) -> Array:
    """`scatter_multiply` into ones, with the gradient that engines lack where places repeat.

    The gradient of an entry is the product of the others of its segment: the product of all that are not
    zero, without its own factor, unless another one is zero.
    """
    (place,) = index

    def product(x: Array) -> tuple[Array, Any]:
        def backward(upstream: Array) -> Array:
            zero = b.equal(x, b.zeros((), b.dtype(x)))
            factor = b.where(zero, b.ones_like(x), x)
            zeros = b.scatter_add(b.zeros_like(rows), index, b.cast(zero, b.dtype(x)))
            others = b.divide(b.take(b.scatter_multiply(rows, index, factor), place, 0), factor)
            alone = b.equal(b.take(zeros, place, 0), b.cast(zero, b.dtype(x)))
            return b.where(alone, b.multiply(b.take(upstream, place, 0), others), b.zeros_like(x))

        return b.scatter_multiply(rows, index, x), backward

    return b.custom_gradient(product)(updates)


def _extreme(dtype: str, largest: bool) -> Any:
    if dtype == "bool":
        return largest
    if dtypes.is_int(dtype):
        signed = dtype in dtypes.SIGNED
        bits = dtypes.bits(dtype) - signed
        return 2**bits - 1 if largest else (-(2**bits) if signed else 0)
    return float("inf") if largest else -float("inf")


@op("data ?segment_ids", dtype=rules.arithmetic)
def segment_sum(
    b: Backend,
    data: ArrayLike,
    segment_ids: ArrayLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Sum of the entries of each segment.

    Args:
        data: array of shape (n, ...).
        segment_ids: integer array of shape (n,): the segment of each entry; entries with a number out
            of range count nowhere.
        num_segments: how many segments; None for the largest number plus 1.
        sorted: whether the numbers are in ascending order: a hint, which does not change the result.

    Returns:
        Array of shape (segments, ...); 0 for a segment without entries.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.segment_sum([1, 2, 3], [0, 0, 2])).tolist()
    [3, 0, 3]
    """
    return _segmented(b, b.scatter_add, data, segment_ids, num_segments, 0)


@op("data ?segment_ids", dtype=rules.arithmetic)
def segment_prod(
    b: Backend,
    data: ArrayLike,
    segment_ids: ArrayLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Product of the entries of each segment.

    Args:
        data: array of shape (n, ...).
        segment_ids: integer array of shape (n,), see `segment_sum`.
        num_segments: how many segments; None for the largest number plus 1.
        sorted: whether the numbers are in ascending order: a hint, which does not change the result.

    Returns:
        Array of shape (segments, ...); 1 for a segment without entries.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.segment_prod([2, 2, 3], [0, 0, 2])).tolist()
    [4, 1, 3]
    """
    multiply = functools.partial(_multiplied, b) if dtypes.is_float(b.dtype(data)) else None
    return _segmented(b, multiply or b.scatter_multiply, data, segment_ids, num_segments, 1)


@op("data ?segment_ids", dtype=rules.arithmetic)
def segment_max(
    b: Backend,
    data: ArrayLike,
    segment_ids: ArrayLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Largest entry of each segment.

    Args:
        data: array of shape (n, ...).
        segment_ids: integer array of shape (n,), see `segment_sum`.
        num_segments: how many segments; None for the largest number plus 1.
        sorted: whether the numbers are in ascending order: a hint, which does not change the result.

    Returns:
        Array of shape (segments, ...); the lowest value of the dtype for a segment without entries.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.segment_max([1.0, 2.0, 3.0], [0, 0, 2])).tolist()
    [2.0, -inf, 3.0]
    """
    return _segmented(
        b, b.scatter_max, data, segment_ids, num_segments, _extreme(b.dtype(data), False)
    )


@op("data ?segment_ids", dtype=rules.arithmetic)
def segment_min(
    b: Backend,
    data: ArrayLike,
    segment_ids: ArrayLike,
    num_segments: int | None = None,
    sorted: bool = False,
) -> Array:
    """Smallest entry of each segment.

    Args:
        data: array of shape (n, ...).
        segment_ids: integer array of shape (n,), see `segment_sum`.
        num_segments: how many segments; None for the largest number plus 1.
        sorted: whether the numbers are in ascending order: a hint, which does not change the result.

    Returns:
        Array of shape (segments, ...); the highest value of the dtype for a segment without entries.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.segment_min([1.0, 2.0, 3.0], [0, 0, 2])).tolist()
    [1.0, inf, 3.0]
    """
    return _segmented(
        b, b.scatter_min, data, segment_ids, num_segments, _extreme(b.dtype(data), True)
    )


__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]
