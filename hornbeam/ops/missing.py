"""Reductions that leave NaN out."""

from __future__ import annotations

from typing import Any

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.reductions import running
from hornbeam.ops.room import plain_axis
from hornbeam.ops.statistics import hundredth, ranked

Axis = int | tuple[int, ...] | list[int] | None


def _with(b: Backend, x: Array, value: float) -> Array:
    """`x` with `value` in the place of NaN."""
    return b.where(b.isnan(x), b.full_like(x, value), x) if _may_be_nan(b, x) else x


def _may_be_nan(b: Backend, x: Array) -> bool:
    return dtypes.is_float(b.dtype(x)) or dtypes.is_complex(b.dtype(x))


def _only_nan(b: Backend, x: Array, axis: Any, keepdims: bool) -> Array:
    return b.all(b.isnan(x), axis=axis, keepdims=keepdims)


def _present(b: Backend, x: Array, axis: Any, keepdims: bool) -> Array:
    """How many values are not NaN."""
    present = b.cast(b.logical_not(b.isnan(x)), b.dtype(x))
    return b.sum(present, axis=axis, keepdims=keepdims)


@op("x", dtype=rules.total)
def nansum(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum over axes, NaN counting as 0.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nansum([1.0, float("nan"), 2.0]))
    3.0
    """
    return b.sum(_with(b, x, 0.0), axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.total)
def nanprod(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Product over axes, NaN counting as 1.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanprod([3.0, float("nan"), 2.0]))
    6.0
    """
    return b.prod(_with(b, x, 1.0), axis=plain_axis(axis), keepdims=keepdims)


@op("x", dtype=rules.mean)
def nanmean(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean over axes of what is not NaN.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanmean([1.0, float("nan"), 2.0]))
    1.5
    """
    axis = plain_axis(axis)
    total = b.sum(_with(b, x, 0.0), axis=axis, keepdims=keepdims)
    return total / _present(b, x, axis, keepdims)


@op("x", dtype=rules.real_mean)
def nanvar(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Variance over axes of what is not NaN.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanvar([1.0, float("nan"), 3.0]))
    1.0
    """
    axis = plain_axis(axis)
    away = _with(b, x - b.nanmean(x, axis, keepdims=True), 0.0)
    squares = b.sum(b.square(b.abs(away)), axis=axis, keepdims=keepdims)
    count = _present(b, x, axis, keepdims)
    return squares / (b.real(count) if dtypes.is_complex(b.dtype(x)) else count)


@op("x", dtype=rules.real_mean)
def nanstd(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Standard deviation over axes of what is not NaN.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanstd([1.0, float("nan"), 3.0]))
    1.0
    """
    return b.sqrt(b.nanvar(x, axis, keepdims))


@op("x", dtype=rules.promote)
def nanmax(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Largest value over axes that is not NaN.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanmax([1.0, float("nan"), 3.0]))
    3.0
    """
    axis = plain_axis(axis)
    if not _may_be_nan(b, x):
        return b.max(x, axis=axis, keepdims=keepdims)
    found = b.max(_with(b, x, -float("inf")), axis=axis, keepdims=keepdims)
    return b.where(_only_nan(b, x, axis, keepdims), b.full_like(found, float("nan")), found)


@op("x", dtype=rules.promote)
def nanmin(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Smallest value over axes that is not NaN.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanmin([1.0, float("nan"), 3.0]))
    1.0
    """
    axis = plain_axis(axis)
    if not _may_be_nan(b, x):
        return b.min(x, axis=axis, keepdims=keepdims)
    found = b.min(_with(b, x, float("inf")), axis=axis, keepdims=keepdims)
    return b.where(_only_nan(b, x, axis, keepdims), b.full_like(found, float("nan")), found)


@op("x", dtype=rules.to_index)
def nanargmax(b: Backend, x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the largest value along an axis that is not NaN; of several the first.

    Args:
        x: array of any shape.
        axis: the axis to look along; None for all values in order.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        int32 array without the axis; -1 where there is nothing but NaN.

    Example:

    >>> from hornbeam import ops
    >>> int(ops.nanargmax([float("nan"), 1.0, 3.0]))
    2
    """
    if not _may_be_nan(b, x):
        return b.argmax(
            b.cast(x, "int32") if b.dtype(x) == "bool" else x, axis=axis, keepdims=keepdims
        )
    place = b.cast(b.argmax(_with(b, x, -float("inf")), axis=axis, keepdims=keepdims), "int32")
    return b.where(_only_nan(b, x, axis, keepdims), b.full_like(place, -1), place)


@op("x", dtype=rules.to_index)
def nanargmin(b: Backend, x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the smallest value along an axis that is not NaN; of several the first.

    Args:
        x: array of any shape.
        axis: the axis to look along; None for all values in order.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        int32 array without the axis; -1 where there is nothing but NaN.

    Example:

    >>> from hornbeam import ops
    >>> int(ops.nanargmin([float("nan"), 1.0, 3.0]))
    1
    """
    if not _may_be_nan(b, x):
        return b.argmin(
            b.cast(x, "int32") if b.dtype(x) == "bool" else x, axis=axis, keepdims=keepdims
        )
    place = b.cast(b.argmin(_with(b, x, float("inf")), axis=axis, keepdims=keepdims), "int32")
    return b.where(_only_nan(b, x, axis, keepdims), b.full_like(place, -1), place)


@op("x", dtype=rules.cumulative)
def nancumsum(b: Backend, x: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sum along an axis, NaN counting as 0.

    Args:
        x: array of any shape.
        axis: the axis to go along; None for all values in order, as one axis.
        dtype: the dtype to compute in and to return; by default that of `x`, for bools int32.

    Returns:
        Array of the shape of `x`, or of one dimension for `axis=None`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.nancumsum([1.0, float("nan"), 3.0])).tolist()
    [1.0, 1.0, 4.0]
    """
    return running(b, b.cumsum, _with(b, x, 0.0), axis, dtype)


@op("x", dtype=rules.cumulative)
def nancumprod(b: Backend, x: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running product along an axis, NaN counting as 1.

    Args:
        x: array of any shape.
        axis: the axis to go along; None for all values in order, as one axis.
        dtype: the dtype to compute in and to return; by default that of `x`, for bools int32.

    Returns:
        Array of the shape of `x`, or of one dimension for `axis=None`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.nancumprod([1.0, float("nan"), 3.0])).tolist()
    [1.0, 1.0, 3.0]
    """
    return running(b, b.cumprod, _with(b, x, 1.0), axis, dtype)


@op("x", dtype=rules.mean)
def nanmedian(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Median over axes of what is not NaN.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanmedian([1.0, float("nan"), 3.0]))
    2.0
    """
    return ranked(b, x, 0.5, axis, "linear", keepdims, skip_nan=True)


@op("x", dtype=rules.mean)
def nanquantile(
    b: Backend,
    x: ArrayLike,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Quantiles over axes of what is not NaN.

    Args:
        x: array of any shape.
        q: which ones, in [0, 1]: a number or a sequence of them.
        axis: the axis or axes to reduce; None for all.
        method: "linear", "lower", "higher", "midpoint" or "nearest", see `quantile`.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes, for a sequence with a new first axis; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanquantile([1.0, float("nan"), 3.0], 0.5))
    2.0
    """
    return ranked(b, x, q, axis, method, keepdims, skip_nan=True)


@op("x", dtype=rules.mean)
def nanpercentile(
    b: Backend,
    x: ArrayLike,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Percentiles over axes of what is not NaN.

    Args:
        x: array of any shape.
        q: which ones, in [0, 100]: a number or a sequence of them.
        axis: the axis or axes to reduce; None for all.
        method: "linear", "lower", "higher", "midpoint" or "nearest", see `quantile`.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes, for a sequence with a new first axis; NaN where there is nothing else.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nanpercentile([1.0, float("nan"), 3.0], 50))
    2.0
    """
    return ranked(b, x, hundredth(q), axis, method, keepdims, skip_nan=True)


__all__ = [
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
]
