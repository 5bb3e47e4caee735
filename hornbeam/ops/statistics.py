"""Statistics: averages, quantiles, histograms, correlations, differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op, owner_of
from hornbeam.ops.room import axes_of, cut, one_axis, product_of

Axis = int | tuple[int, ...] | list[int] | None
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@op("x weights", dtype=rules.mean_of_all)
def average(b: Backend, x: ArrayLike, axis: Axis = None, weights: ArrayLike | None = None) -> Array:
    """Weighted mean over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to average over; None for all.
        weights: array of the shape of `x`, or of one dimension along the one `axis`; None for equal
            weights.

    Returns:
        Array without these axes.

    Raises:
        InputError: if the shape of the weights does not fit.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.average([1.0, 3.0], weights=[3.0, 1.0]))
    1.5
    """
    axes = axes_of(axis, x.ndim, "average")
    if weights is None:
        return b.mean(x, axis=axes, keepdims=False)
    if weights.ndim != x.ndim:
        if weights.ndim != 1 or len(axes) != 1:
            raise InputError(
                f"average() got weights of shape {tuple(weights.shape)} for shape {tuple(x.shape)} and "
                f"axis={axis}; expected the same shape, or one dimension along one axis."
            )
        weights = b.reshape(weights, [-1 if a == axes[0] else 1 for a in range(x.ndim)])
    weights = b.broadcast_to(weights, b.shape(x))
    total = b.sum(weights, axis=axes, keepdims=False)
    return b.sum(x * weights, axis=axes, keepdims=False) / total


@op("x", dtype=rules.mean)
def median(b: Backend, x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Array:
    """Median over axes: the middle value, or the mean of the two middle ones.

    Args:
        x: array of any shape.
        axis: the axis or axes to reduce; None for all.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes; NaN where a value is NaN.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.median([5.0, 1.0, 2.0, 4.0]))
    3.0
    """
    return ranked(b, x, 0.5, axis, "linear", keepdims, skip_nan=False)


@op("x", dtype=rules.mean)
def quantile(
    b: Backend,
    x: ArrayLike,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Quantiles over axes.

    Args:
        x: array of any shape.
        q: which ones, in [0, 1]: a number or a sequence of them.
        axis: the axis or axes to reduce; None for all.
        method: what to take between two values: "linear" interpolation, the "lower" or the "higher"
            one, their "midpoint", or the "nearest" one.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes, for a sequence with a new first axis; NaN where a value is NaN.

    Raises:
        InputError: if there is no such method or q is out of range.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.quantile([1.0, 2.0, 3.0], [0.0, 0.75])).tolist()
    [1.0, 2.5]
    """
    return ranked(b, x, q, axis, method, keepdims, skip_nan=False)


@op("x", dtype=rules.mean)
def percentile(
    b: Backend,
    x: ArrayLike,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Percentiles over axes: the quantiles q / 100.

    Args:
        x: array of any shape.
        q: which ones, in [0, 100]: a number or a sequence of them.
        axis: the axis or axes to reduce; None for all.
        method: "linear", "lower", "higher", "midpoint" or "nearest", see `quantile`.
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes, for a sequence with a new first axis; NaN where a value is NaN.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.percentile([1.0, 2.0, 3.0], 75))
    2.5
    """
    return ranked(b, x, hundredth(q), axis, method, keepdims, skip_nan=False)


def hundredth(q: Any) -> Any:
    """Quantiles from percentiles."""
    return q / 100.0 if owner_of(q) is not None else np.asarray(q, np.float64) / 100.0


def ranked(
    b: Backend, x: Array, q: Any, axis: Axis, method: str, keepdims: bool, skip_nan: bool
) -> Array:
    """The quantiles `q` over axes; NaN values are left out or make the result NaN."""
    if method not in METHODS:
        raise InputError(f"`method` must be one of {', '.join(METHODS)}, got {method!r}.")
    axes = axes_of(axis, x.ndim, "quantile")
    kept = [a for a in range(x.ndim) if a not in axes]
    sizes = b.shape(x)
    lead = [sizes[a] for a in kept]
    rows = b.reshape(b.transpose(x, (*kept, *axes)), (*lead, product_of([sizes[a] for a in axes])))
    missing = b.isnan(rows)
    rows = b.sort(b.where(missing, b.full_like(rows, float("inf")), rows), axis=-1)
    if skip_nan:
        present = b.cast(b.logical_not(missing), b.dtype(x))
        count = b.sum(present, axis=-1, keepdims=True)
    else:
        count = b.full((*[1] * len(lead), 1), b.shape(rows)[-1], b.dtype(x))
    picked, single = _picked(b, rows, q, count, method, skip_nan)
    none = b.equal(count, 0.0) if skip_nan else b.any(missing, axis=-1, keepdims=True)
    picked = b.where(none, b.full_like(picked, float("nan")), picked)
    if keepdims:
        shape = [1 if a in axes else sizes[a] for a in range(x.ndim)]
        out = b.reshape(b.moveaxis(picked, -1, 0), (b.shape(picked)[-1], *shape))
    else:
        out = b.moveaxis(picked, -1, 0)
    return b.squeeze(out, axis=0) if single else out


def _picked(
    b: Backend, rows: Array, q: Any, count: Array, method: str, skip_nan: bool
) -> tuple[Array, bool]:
    """The quantiles of sorted rows along the last axis, and whether `q` was one number."""
    n = b.shape(rows)[-1]
    if owner_of(q) is None:
        given = np.asarray(q, np.float64)
        if not ((given >= 0) & (given <= 1)).all():
            raise InputError(f"Quantiles must be in [0, 1] (percentiles in [0, 100]), got {q!r}.")
        if isinstance(n, int) and n and not skip_nan:
            return _at_known_places(b, rows, given.reshape(-1), n, method), given.ndim == 0
        q = b.asarray(given.astype("float64" if b.dtype(rows) == "float64" else "float32"))
    q = b.cast(q, b.dtype(rows))
    places = b.reshape(q, (-1,)) * b.maximum(count - 1.0, b.zeros_like(count))
    low, high = b.floor(places), b.ceil(places)
    lower, higher = (_along(b, rows, p) for p in (low, high))
    return _between(b, lower, higher, places - low, method), q.ndim == 0


def _along(b: Backend, rows: Array, places: Array) -> Array:
    wanted = (*b.shape(rows)[:-1], b.shape(places)[-1])
    return b.take_along_axis(rows, b.cast(b.broadcast_to(places, wanted), "int32"), -1)


def _at_known_places(b: Backend, rows: Array, q: Any, n: int, method: str) -> Array:
    places = q * (n - 1)
    low, high = np.floor(places), np.ceil(places)
    lower, higher = (
        b.take(rows, b.asarray(p.astype(np.int32)), rows.ndim - 1) for p in (low, high)
    )
    weight = b.cast(b.asarray((places - low).astype(np.float32)), b.dtype(rows))
    if b.dtype(rows) == "float64":
        weight = b.asarray(places - low)
    return _between(b, lower, higher, weight, method)


def _between(b: Backend, lower: Array, higher: Array, weight: Array, method: str) -> Array:
    if method == "lower":
        return lower + b.zeros_like(weight)
    if method == "higher":
        return higher + b.zeros_like(weight)
    if method == "midpoint":
        weight = b.where(b.greater(weight, 0.0), b.full_like(weight, 0.5), b.zeros_like(weight))
    if method == "nearest":
        weight = b.round(weight)
    same = b.equal(lower, higher)  # two infinities have no difference
    step = b.where(same, b.zeros_like(higher), higher - b.where(same, b.zeros_like(lower), lower))
    return lower + weight * b.where(same, b.zeros_like(step), step)


def _no_dtype(*given: str) -> tuple[str | None, str | None]:
    return rules.mean_of_all(*given)[0], None


@op("x", dtype=_no_dtype)
def histogram(
    b: Backend, x: ArrayLike, bins: int = 10, range: tuple[float, float] | None = None
) -> tuple[Array, Array]:
    """How many values fall into each of some bins of equal width.

    Args:
        x: array of any shape.
        bins: how many bins.
        range: the lower end of the first and the upper end of the last bin; None for the smallest and
            the largest value.

    Returns:
        The pair (counts, edges): floats of shape (bins,) and of shape (bins + 1,).  A value on
        an edge belongs to the bin above it, the last edge to the last bin; values outside are not
        counted.

    Raises:
        InputError: if `bins` is not a positive int or `range` is empty.

    Example:

    >>> from hornbeam import ops
    >>> counts, edges = ops.histogram([0.0, 1.0, 1.5, 4.0], bins=4)
    >>> ops.convert_to_numpy(counts).tolist(), ops.convert_to_numpy(edges).tolist()
    ([1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 2.0, 3.0, 4.0])
    """
    if not isinstance(bins, int) or bins < 1:
        raise InputError(f"`bins` of histogram() must be a positive int, got {bins!r}.")
    x = b.reshape(x, (-1,))
    if range is None:
        low, high = b.min(x, axis=None, keepdims=False), b.max(x, axis=None, keepdims=False)
        flat = b.cast(b.equal(low, high), b.dtype(x)) * 0.5
        low, high = low - flat, high + flat
    else:
        if len(range) != 2 or not range[0] <= range[1]:
            raise InputError(f"`range` of histogram() must be (lower, upper), got {range!r}.")
        widen = 0.5 if range[0] == range[1] else 0.0
        low, high = (b.full((), end, b.dtype(x)) for end in (range[0] - widen, range[1] + widen))
    edges = b.linspace(low, high, bins + 1)
    place = b.searchsorted(edges, x, side="right") - 1
    place = b.where(b.equal(x, high), b.full_like(place, bins - 1), b.cast(place, b.dtype(place)))
    inside = b.logical_and(b.greater_equal(place, 0), b.less(place, bins))
    safe = b.where(inside, place, b.zeros_like(place))
    ones = b.cast(inside, b.dtype(x))
    counts = b.scatter_add(b.zeros((bins,), b.dtype(x)), (b.cast(safe, "int32"),), ones)
    return counts, edges


@op("?x weights", dtype=rules.unchecked)
def bincount(
    b: Backend,
    x: ArrayLike,
    weights: ArrayLike | None = None,
    minlength: int = 0,
    sparse: bool = False,
) -> Array:
    """How often each of the numbers 0, 1, 2, ... occurs.

    Args:
        x: integer array of shape (n,) or (batch, n), not negative.
        weights: array of the same shape to be summed instead of ones.
        minlength: the least length of the result.
        sparse: must be False: arrays are dense.

    Returns:
        Array of shape (length,) or (batch, length), where the length is the largest number plus 1, or
        `minlength` if that is larger: int32, or of the dtype of the weights.

    Raises:
        InputError: if `x` has more dimensions or a sparse array is asked for.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bincount([1, 2, 2, 5], minlength=4)).tolist()
    [0, 1, 2, 0, 0, 1]
    """
    if sparse:
        raise InputError("Arrays are dense: leave `sparse` of bincount() at False.")
    if x.ndim not in (1, 2):
        raise InputError(f"bincount() takes arrays of one or two dimensions, got {tuple(x.shape)}.")
    x = b.cast(x, "int32")
    length = _largest(b, x, minlength)
    if weights is None:
        weights = b.ones(b.shape(x), "int32")
    elif b.dtype(weights) == "bool":
        weights = b.cast(weights, "int32")
    if x.ndim == 1:
        return b.scatter_add(b.zeros((length,), b.dtype(weights)), (x,), weights)
    rows = b.shape(x)[0]
    row = b.broadcast_to(b.expand_dims(b.arange(0, rows, 1, "int32"), 1), b.shape(x))
    return b.scatter_add(b.zeros((rows, length), b.dtype(weights)), (row, x), weights)


def _largest(b: Backend, x: Array, minlength: int) -> Any:
    from hornbeam.backends.dims import UNKNOWN

    if b.symbolic:
        return UNKNOWN
    if not b.is_concrete(x):
        if minlength:
            return minlength  # compiled code has to know the length
        raise InputError(
            "bincount() in compiled code needs `minlength` as the length of the result."
        )
    if 0 in tuple(x.shape):
        return minlength
    return max(int(b.to_numpy(b.max(x, axis=None, keepdims=False))) + 1, minlength)


@op("x", dtype=rules.mean)
def corrcoef(b: Backend, x: ArrayLike) -> Array:
    """Correlation coefficients (Pearson's) between the rows of `x`.

    Args:
        x: array of shape (variables, observations), or (observations,).

    Returns:
        Array of shape (variables, variables), values in [-1, 1]; a scalar for one variable.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.corrcoef([[1.0, 2.0], [2.0, 0.0]])).round(3).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    rows = b.reshape(x, (1, -1)) if x.ndim < 2 else x
    away = rows - b.mean(rows, axis=1, keepdims=True)
    turned = b.transpose(away)
    covariance = b.matmul(away, b.conj(turned) if "complex" in b.dtype(x) else turned)
    spread = b.sqrt(b.diagonal(covariance))
    out = covariance / b.expand_dims(spread, 1) / b.expand_dims(spread, 0)
    if "complex" not in b.dtype(x):
        out = b.minimum(b.maximum(out, b.full_like(out, -1.0)), b.ones_like(out))
    return b.reshape(out, ()) if x.ndim < 2 else out


@op("x1 x2", dtype=rules.correlation)
def correlate(b: Backend, x1: ArrayLike, x2: ArrayLike, mode: str = "valid") -> Array:
    """Cross-correlation of two sequences: sums of x1[k + i] * conj(x2[i]).

    Args:
        x1: array of shape (m,).
        x2: array of shape (n,).
        mode: "valid" for the places where both overlap fully, "same" for max(m, n) places, "full"
            for all m + n - 1.

    Returns:
        Array of one dimension.

    Raises:
        InputError: if the arrays have not one dimension or there is no such mode.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0])).tolist()
    [2.0, 3.0]
    """
    if x1.ndim != 1 or x2.ndim != 1:
        raise InputError(
            f"correlate() takes two arrays of one dimension, got {x1.ndim} and {x2.ndim}."
        )
    if mode not in ("valid", "same", "full"):
        raise InputError(f"`mode` of correlate() must be 'valid', 'same' or 'full', got {mode!r}.")
    m, n = b.shape(x1)[0], b.shape(x2)[0]
    if isinstance(m, int) and isinstance(n, int) and m < n:
        swapped = b.correlate(x2, x1, mode)
        swapped = b.conj(swapped) if "complex" in b.dtype(x1) else swapped
        return b.flip(swapped, axis=0)
    second = b.conj(x2) if "complex" in b.dtype(x2) else x2
    before, after = {"valid": (0, 0), "full": (n - 1, n - 1), "same": (n // 2, (n - 1) // 2)}[mode]
    line = b.pad(x1, ((before, after),), "constant", 0)
    count = m + before + after - n + 1
    steps = b.reshape(b.arange(0, count, 1, "int32"), (-1, 1))
    windows = b.take(line, steps + b.reshape(b.arange(0, n, 1, "int32"), (1, -1)), 0)
    return b.matmul(windows, second)


@op("a", dtype=rules.same)
def diff(b: Backend, a: ArrayLike, n: int = 1, axis: int = -1) -> Array:
    """Differences of neighbours along an axis, repeated n times.

    Args:
        a: array of at least one dimension.
        n: how many times.
        axis: the axis, which becomes shorter by n.

    Returns:
        Array of the dtype of `a`; of bools, whether neighbours differ.

    Raises:
        InputError: if `n` is negative or `a` is a scalar.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.diff([1, 4, 9])).tolist()
    [3, 5]
    """
    if n < 0:
        raise InputError(f"diff() needs an `n` of 0 or more, got {n}.")
    axis = one_axis(axis, a.ndim, "diff")
    take_away = b.not_equal if b.dtype(a) == "bool" else b.subtract
    for _ in range(n):
        size = b.shape(a)[axis]
        a = take_away(cut(a, axis, 1, size), cut(a, axis, 0, size - 1))
    return a


@op("y x", dtype=rules.mean_of_all)
def trapezoid(
    b: Backend, y: ArrayLike, x: ArrayLike | None = None, dx: float = 1.0, axis: int = -1
) -> Array:
    """Integral along an axis by the trapezoidal rule.

    Args:
        y: array of values of the function.
        x: where the values are, of the shape of `y` or of one dimension along `axis`; None for places
            `dx` apart.
        dx: distance of the places.
        axis: the axis to integrate over.

    Returns:
        Array without that axis.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.trapezoid([1.0, 2.0, 3.0]))
    4.0
    """
    axis = one_axis(axis, y.ndim, "trapezoid")
    size = b.shape(y)[axis]
    middles = (cut(y, axis, 1, size) + cut(y, axis, 0, size - 1)) / 2.0
    if x is None:
        return b.sum(middles, axis=axis, keepdims=False) * dx
    if x.ndim == 1:
        widths = b.diff(x)
        widths = b.reshape(widths, [-1 if a == axis else 1 for a in range(y.ndim)])
    else:
        widths = b.diff(x, 1, axis)
    return b.sum(middles * widths, axis=axis, keepdims=False)


@op("x1 x2", dtype=rules.mean_of_all)
def psnr(b: Backend, x1: ArrayLike, x2: ArrayLike, max_val: float) -> Array:
    """Peak signal-to-noise ratio in decibels: 20 log10(max_val) - 10 log10(mean squared difference).

    Args:
        x1: array of any shape.
        x2: array of the same shape.
        max_val: the largest value that is possible.

    Returns:
        A scalar.

    Raises:
        InputError: if the shapes differ.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.psnr([0.0, 1.0], [0.5, 1.0], max_val=1.0)).round(3))
    9.031
    """
    shapes = zip(b.shape(x1), b.shape(x2), strict=False)
    unequal = any(m != n for m, n in shapes if isinstance(m, int) and isinstance(n, int))
    if x1.ndim != x2.ndim or unequal:
        raise InputError(
            f"psnr() needs arrays of one shape, got {tuple(x1.shape)} and {tuple(x2.shape)}."
        )
    error = b.mean(b.square(x1 - x2), axis=None, keepdims=False)
    return 20.0 * float(np.log10(max_val)) - 10.0 * b.log10(error)


__all__ = [
    "average",
    "bincount",
    "corrcoef",
    "correlate",
    "diff",
    "histogram",
    "median",
    "percentile",
    "psnr",
    "quantile",
    "trapezoid",
]
