"""Reductions over axes: sums, means, extremes, and running sums along one axis."""

from __future__ import annotations

from typing import Any

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import axes_of, one_axis, plain_axis, product_of, room_for, to_dtype

Axis = int | tuple[int, ...] | list[int] | None


@op("x", dtype=rules.total)
def sum(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to sum over; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes.  Integers and bools below 32 bits become 32 bits; float16 and
        bfloat16 are added up in float32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.sum([[1, 2], [3, 4]], axis=0)).tolist()
    [4, 6]
    """
    return b.sum(x, axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.total)
def prod(
    b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False, dtype: Any = None
) -> Array:
    """Product over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to multiply over; None for all.
        keepdims: whether to keep these axes, with size 1.
        dtype: the dtype to compute in and to return; by default that of a sum.

    Returns:
        Array without these axes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.prod([[1, 2], [3, 4]], axis=0)).tolist()
    [3, 8]
    """
    with room_for(b, dtypes.standardize(dtype or "bool")):
        return b.prod(to_dtype(b, x, dtype), axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.mean)
def mean(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to average over; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; integers and bools become the default float dtype, float16 and
        bfloat16 are added up in float32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.mean([[1, 2], [3, 4]], axis=0)).tolist()
    [2.0, 3.0]
    """
    return b.mean(x, axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.real_mean)
def var(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Variance over axes: the mean squared distance from the mean (divided by n, not n - 1).

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; integers and bools become the default float dtype, complex numbers
        the real dtype of their parts.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.var([[1, 2], [3, 6]], axis=0)).tolist()
    [1.0, 4.0]
    """
    away = x - b.mean(x, axis=plain_axis(axis), keepdims=True)
    squares = b.square(b.abs(away)) if dtypes.is_complex(b.dtype(x)) else b.square(away)
    return b.mean(squares, axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.real_mean)
def std(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Standard deviation over axes: the square root of `var`.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.std([[1, 2], [3, 6]], axis=0)).tolist()
    [1.0, 2.0]
    """
    return b.sqrt(b.var(x, axis=axis, keepdims=keepdims))


@op("x", dtype=rules.promote)
def max(
    b: Backend,
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    initial: float | int | None = None,
) -> Array:
    """Largest value over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.
        initial: a value that the result is at least; needed if there is nothing to reduce.

    Returns:
        Array without these axes, of the dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.max([[1, 5], [3, 4]], axis=0)).tolist()
    [3, 5]
    """
    if initial is None:
        return b.max(x, axis=plain_axis(axis), keepdims=keepdims)
    empty = _of_nothing(b, x, axis, keepdims, initial)
    if empty is not None:
        return empty
    return b.maximum(b.max(x, axis=plain_axis(axis), keepdims=keepdims), initial)


@op("x", dtype=rules.promote)
def min(
    b: Backend,
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    initial: float | int | None = None,
) -> Array:
    """Smallest value over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.
        initial: a value that the result is at most; needed if there is nothing to reduce.

    Returns:
        Array without these axes, of the dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.min([[1, 5], [3, 4]], axis=0)).tolist()
    [1, 4]
    """
    if initial is None:
        return b.min(x, axis=plain_axis(axis), keepdims=keepdims)
    empty = _of_nothing(b, x, axis, keepdims, initial)
    if empty is not None:
        return empty
    return b.minimum(b.min(x, axis=plain_axis(axis), keepdims=keepdims), initial)


def _of_nothing(b: Backend, x: Array, axis: Axis, keepdims: bool, initial: Any) -> Array | None:
    """`initial` in the shape of a reduction over no values; None if there are values."""
    sizes = b.shape(x)
    gone = axes_of(axis, x.ndim, "max")
    if 0 not in [sizes[a] for a in gone if isinstance(sizes[a], int)]:
        return None
    kept = [1 if a in gone else n for a, n in enumerate(sizes) if keepdims or a not in gone]
    return b.full(kept, initial, b.dtype(x))


@op("x", dtype=rules.promote)
def amax(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Largest value over axes: `max` without `initial`.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes, of the dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.amax([[1, 5], [3, 4]], axis=0)).tolist()
    [3, 5]
    """
    return b.max(x, axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.promote)
def amin(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Smallest value over axes: `min` without `initial`.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes, of the dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.amin([[1, 5], [3, 4]], axis=0)).tolist()
    [1, 4]
    """
    return b.min(x, axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.promote)
def ptp(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Range of the values over axes ("peak to peak"): the largest minus the smallest.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes, of the dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.ptp([[1, 5], [3, 4]], axis=0)).tolist()
    [2, 1]
    """
    axis = plain_axis(axis)
    return b.subtract(
        b.max(x, axis=axis, keepdims=keepdims), b.min(x, axis=axis, keepdims=keepdims)
    )


@op("x", dtype=rules.logical)
def all(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether all values are true, over axes.

    Args:
        x: array of any shape; what is not 0 counts as true.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Bool array without these axes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.all([[True, False], [True, True]], axis=0)).tolist()
    [True, False]
    """
    return b.all(x, axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.logical)
def any(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether at least one value is true, over axes.

    Args:
        x: array of any shape; what is not 0 counts as true.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Bool array without these axes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.any([[True, False], [False, False]], axis=0)).tolist()
    [True, False]
    """
    return b.any(x, axis=plain_axis(axis), keepdims=keepdims)


def _count(given: str) -> tuple[str | None, str | None]:
    return "bool", "int32"


@op("x", dtype=_count)
def count_nonzero(b: Backend, x: ArrayLike, axis: Axis = None) -> Array:
    """How many values are not 0, over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.

    Returns:
        int32 array without these axes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.count_nonzero([[1, 0], [3, 4]], axis=0)).tolist()
    [2, 1]
    """
    return b.sum(b.cast(x, "int32"), axis=plain_axis(axis), keepdims=False)


@op("x", dtype=rules.to_index)
def argmax(b: Backend, x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the largest value along an axis; of several the first.

    Args:
        x: array of any shape.
        axis: the axis to look along; None for all values in order.
        keepdims: whether to keep the axis, with size 1.

    Returns:
        int32 array without the axis.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.argmax([[1, 5], [3, 4]], axis=1)).tolist()
    [1, 1]
    """
    return b.argmax(_orderable(b, x), axis=axis, keepdims=keepdims)


@op("x", dtype=rules.to_index)
def argmin(b: Backend, x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the smallest value along an axis; of several the first.

    Args:
        x: array of any shape.
        axis: the axis to look along; None for all values in order.
        keepdims: whether to keep the axis, with size 1.

    Returns:
        int32 array without the axis.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.argmin([[1, 5], [3, 4]], axis=1)).tolist()
    [0, 0]
    """
    return b.argmin(_orderable(b, x), axis=axis, keepdims=keepdims)


def _orderable(b: Backend, x: Array) -> Array:
    return b.cast(x, "int32") if b.dtype(x) == "bool" else x


@op("x", dtype=rules.mean)
def logsumexp(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over axes, without overflow.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.logsumexp([1000.0, 1000.0])).round(3))
    1000.693
    """
    axis = plain_axis(axis)
    largest = b.stop_gradient(b.max(x, axis=axis, keepdims=True))
    largest = b.where(b.isfinite(largest), largest, b.zeros_like(largest))
    result = b.log(b.sum(b.exp(x - largest), axis=axis, keepdims=True)) + largest
    if keepdims:
        return result
    return b.squeeze(result, axis=axes_of(axis, x.ndim, "logsumexp"))


@op("x", dtype=rules.cumulative)
def cumsum(b: Backend, x: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sum along an axis.

    Args:
        x: array of any shape.
        axis: the axis to go along; None for all values in order, as one axis.
        dtype: the dtype to compute in and to return; by default that of `x`, for bools int32.

    Returns:
        Array of the shape of `x`, or of one dimension for `axis=None`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.cumsum([1, 2, 3])).tolist()
    [1, 3, 6]
    """
    return running(b, b.cumsum, x, axis, dtype)


@op("x", dtype=rules.cumulative)
def cumprod(b: Backend, x: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running product along an axis.

    Args:
        x: array of any shape.
        axis: the axis to go along; None for all values in order, as one axis.
        dtype: the dtype to compute in and to return; by default that of `x`, for bools int32.

    Returns:
        Array of the shape of `x`, or of one dimension for `axis=None`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.cumprod([1, 2, 3])).tolist()
    [1, 2, 6]
    """
    return running(b, b.cumprod, x, axis, dtype)


def running(b: Backend, primitive: Any, x: Array, axis: int | None, dtype: Any) -> Array:
    """A running sum or product along an axis, in the dtype that was asked for."""
    with room_for(b, dtypes.standardize(dtype or "bool")):
        x = to_dtype(b, x, dtype)
        if axis is None:
            x, axis = b.reshape(x, (product_of(b.shape(x)),)), 0
        return to_dtype(b, primitive(x, one_axis(axis, x.ndim, "cumsum")), dtype)


__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]
