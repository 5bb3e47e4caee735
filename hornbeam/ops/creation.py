"""Arrays made from nothing but a shape, a range or another array's shape."""

from __future__ import annotations

from typing import Any

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.symbolic import PUBLIC_OPS, KerasTensor, is_recording
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import dims_of, maker, named, room_for


@op("", dtype=rules.unchecked)
def zeros(b: Backend, shape: Any, dtype: Any = None) -> Array:
    """Zeros.

    Args:
        shape: the shape, an int or a tuple of ints.
        dtype: the dtype; the default float dtype for None.

    Returns:
        Array of that shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.zeros((2, 2))).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return filled(b, shape, 0, named(dtype, dtypes.floatx()))


@op("", dtype=rules.unchecked)
def ones(b: Backend, shape: Any, dtype: Any = None) -> Array:
    """Ones.

    Args:
        shape: the shape, an int or a tuple of ints.
        dtype: the dtype; the default float dtype for None.

    Returns:
        Array of that shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.ones((2, 2))).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return filled(b, shape, 1, named(dtype, dtypes.floatx()))


@op("", dtype=rules.unchecked)
def empty(b: Backend, shape: Any, dtype: Any = None) -> Array:
    """An array whose values do not matter: zeros, here.

    Args:
        shape: the shape, an int or a tuple of ints.
        dtype: the dtype; the default float dtype for None.

    Returns:
        Array of that shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.empty((2, 2)).shape
    (2, 2)
    """
    return filled(b, shape, 0, named(dtype, dtypes.floatx()))


@op("", dtype=rules.unchecked)
def full(b: Backend, shape: Any, fill_value: ArrayLike, dtype: Any = None) -> Array:
    """One value everywhere.

    Args:
        shape: the shape, an int or a tuple of ints.
        fill_value: the value; an array that broadcasts to the shape is fine too.
        dtype: the dtype; the default float dtype for None.

    Returns:
        Array of that shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.full((2, 2), 3, dtype="int32")).tolist()
    [[3, 3], [3, 3]]
    """
    name = named(dtype, dtypes.floatx())
    return filled(maker(b, fill_value), shape, fill_value, name)


def filled(b: Backend, shape: Any, value: Any, dtype: str) -> Array:
    """`full` with a dtype by name, on the engine that the sizes belong to."""
    sizes = dims_of(shape)
    b = maker(b, *sizes)
    with room_for(b, dtype):
        if not isinstance(value, (int, float, complex)):
            if isinstance(value, KerasTensor) and is_recording():  # two nodes of the graph
                return PUBLIC_OPS["broadcast_to"](PUBLIC_OPS["cast"](value, dtype), sizes)
            if hasattr(value, "__hornbeam_array__"):
                value = value.__hornbeam_array__()
            return b.broadcast_to(b.cast(b.asarray(value), dtype), sizes)
        if value == 0:
            return b.zeros(sizes, dtype)
        return b.ones(sizes, dtype) if value == 1 else b.full(sizes, value, dtype)


@op("x", dtype=rules.same)
def zeros_like(b: Backend, x: ArrayLike, dtype: Any = None) -> Array:
    """Zeros in the shape of `x`.

    Args:
        x: array of any shape.
        dtype: the dtype; that of `x` for None.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.zeros_like([1, 2])).tolist()
    [0, 0]
    """
    return filled(b, b.shape(x), 0, named(dtype, b.dtype(x)))


@op("x", dtype=rules.same)
def ones_like(b: Backend, x: ArrayLike, dtype: Any = None) -> Array:
    """Ones in the shape of `x`.

    Args:
        x: array of any shape.
        dtype: the dtype; that of `x` for None.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.ones_like([1, 2])).tolist()
    [1, 1]
    """
    return filled(b, b.shape(x), 1, named(dtype, b.dtype(x)))


@op("x", dtype=rules.same)
def empty_like(b: Backend, x: ArrayLike, dtype: Any = None) -> Array:
    """An array in the shape of `x` whose values do not matter: zeros, here.

    Args:
        x: array of any shape.
        dtype: the dtype; that of `x` for None.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.empty_like([1, 2]).shape
    (2,)
    """
    return filled(b, b.shape(x), 0, named(dtype, b.dtype(x)))


@op("x", dtype=rules.unchecked)
def full_like(b: Backend, x: ArrayLike, fill_value: ArrayLike, dtype: Any = None) -> Array:
    """One value everywhere, in the shape of `x`.

    Args:
        x: array of any shape.
        fill_value: the value; an array that broadcasts to the shape is fine too.
        dtype: the dtype; that of `x` for None.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.full_like([1, 2], 3)).tolist()
    [3, 3]
    """
    return filled(b, b.shape(x), fill_value, named(dtype, b.dtype(x)))


@op("", dtype=rules.unchecked)
def arange(b: Backend, start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Array:
    """Numbers from `start` to before `stop`.

    Args:
        start: the first number; with nothing else given, the end, and the first is 0.
        stop: the end, which is not reached.
        step: the distance, 1 for None; negative to count down.
        dtype: the dtype; for None int32 if all are integers, else the default float dtype.

    Returns:
        Array of one dimension.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.arange(1, 7, 2)).tolist()
    [1, 3, 5]
    """
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if isinstance(step, (int, float)) and step == 0:
        raise InputError("arange() needs a step that is not 0.")
    if dtype is None:
        kinds = [
            type(v) if isinstance(v, (int, float)) else _kind_of(v) for v in (start, stop, step)
        ]
        dtype = dtypes.result_type(*(int if k is bool else k for k in kinds))
    name = dtypes.standardize(dtype)
    b = maker(b, start, stop, step)
    with room_for(b, name):
        return b.arange(start, stop, step, name)


def _kind_of(value: Any) -> Any:
    return value.dtype if hasattr(value, "dtype") else int


@op("start stop", dtype=rules.floating)
def linspace(
    b: Backend,
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Evenly spaced numbers.

    Args:
        start: the first number, or an array of them.
        stop: the last number, or an array of them.
        num: how many numbers.
        endpoint: whether `stop` is one of them.
        retstep: whether to return the distance too.
        dtype: the dtype; for None the joint one of `start` and `stop`, as a float.
        axis: place of the new axis in the result.

    Returns:
        Array with an axis of size `num`; with `retstep` the pair (array, distance).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.linspace(0.0, 1.0, 5)).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if num < 0:
        raise InputError(f"linspace() needs a `num` of 0 or more, got {num}.")
    gaps = num - 1 if endpoint else num
    start = start + b.zeros_like(stop)
    stop = stop + b.zeros_like(start)
    distance = (stop - start) / gaps if gaps > 0 else b.full_like(start, float("nan"))
    places = b.reshape(b.arange(0, num, 1, b.dtype(start)), (num,) + (1,) * start.ndim)
    result = start + places * (distance if gaps > 0 else b.zeros_like(start))
    if endpoint and num > 1:
        result = b.concatenate([result[:-1], b.expand_dims(stop, 0)], 0)
    if dtype is not None:
        name = dtypes.standardize(dtype)
        result = b.cast(b.floor(result) if dtypes.is_int(name) else result, name)
    result = b.moveaxis(result, 0, axis)
    return (result, distance) if retstep else result


@op("start stop", dtype=rules.floating)
def logspace(
    b: Backend,
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Powers of `base` with evenly spaced exponents.

    Args:
        start: the first exponent, or an array of them.
        stop: the last exponent, or an array of them.
        num: how many numbers.
        endpoint: whether ``base ** stop`` is one of them.
        base: the base.
        dtype: the dtype; for None the joint one of `start` and `stop`, as a float.
        axis: place of the new axis in the result.

    Returns:
        Array with an axis of size `num`.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.logspace(0, 2, 3)).round(2))
    [  1.  10. 100.]
    """
    exponents = b.linspace(start, stop, num, endpoint, False, None, axis)
    result = b.power(b.full_like(exponents, base), exponents)
    return result if dtype is None else b.cast(result, dtypes.standardize(dtype))


@op("start stop", dtype=rules.floating)
def geomspace(
    b: Backend,
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Numbers each of which is the same multiple of the one before.

    Args:
        start: the first number, or an array of them; not 0.
        stop: the last number, or an array of them; of the sign of `start`.
        num: how many numbers.
        endpoint: whether `stop` is one of them.
        dtype: the dtype; for None the joint one of `start` and `stop`, as a float.
        axis: place of the new axis in the result.

    Returns:
        Array with an axis of size `num`.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.geomspace(1.0, 8.0, 4)).round(4))
    [1. 2. 4. 8.]
    """
    sign = b.sign(start)
    logs = b.linspace(b.log(b.abs(start)), b.log(b.abs(stop)), num, endpoint, False, None, axis)
    result = b.exp(logs) * b.expand_dims(sign, axis)
    return result if dtype is None else b.cast(result, dtypes.standardize(dtype))


@op("", dtype=rules.unchecked)
def eye(b: Backend, N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """A matrix with ones on a diagonal and zeros elsewhere.

    Args:
        N: how many rows.
        M: how many columns; as many as rows for None.
        k: which diagonal: 0 the main one, above it positive, below it negative.
        dtype: the dtype; the default float dtype for None.

    Returns:
        Array of shape (N, M).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows, columns = _grid(maker(b, N, M if M is not None else 0), N, N if M is None else M)
    return _mask(maker(b, N, M if M is not None else 0), "equal", rows + k, columns, dtype)


@op("", dtype=rules.unchecked)
def identity(b: Backend, n: int, dtype: Any = None) -> Array:
    """The identity matrix.

    Args:
        n: how many rows and columns.
        dtype: the dtype; the default float dtype for None.

    Returns:
        Array of shape (n, n).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.identity(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return b.eye(n, n, 0, dtype)


@op("", dtype=rules.unchecked)
def tri(b: Backend, N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """A matrix with ones on and below a diagonal and zeros above it.

    Args:
        N: how many rows.
        M: how many columns; as many as rows for None.
        k: which diagonal: 0 the main one, above it positive, below it negative.
        dtype: the dtype; the default float dtype for None.

    Returns:
        Array of shape (N, M).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.tri(2)).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    rows, columns = _grid(maker(b, N, M if M is not None else 0), N, N if M is None else M)
    return _mask(maker(b, N, M if M is not None else 0), "greater_equal", rows + k, columns, dtype)


def _grid(b: Backend, rows: Any, columns: Any) -> tuple[Array, Array]:
    """The numbers of the rows as a column, and those of the columns as a row."""
    down = b.reshape(b.arange(0, rows, 1, "int32"), (rows, 1))
    return down, b.reshape(b.arange(0, columns, 1, "int32"), (1, columns))


def _mask(b: Backend, comparison: str, rows: Array, columns: Array, dtype: Any) -> Array:
    name = named(dtype, dtypes.floatx())
    with room_for(b, name):
        return b.cast(getattr(b, comparison)(rows, columns), name)


@op("x", dtype=rules.same)
def tril(b: Backend, x: ArrayLike, k: int = 0) -> Array:
    """`x` with zeros above a diagonal.

    Args:
        x: array of shape (..., rows, columns).
        k: which diagonal: 0 the main one, above it positive, below it negative.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.tril([[1, 2], [3, 4]])).tolist()
    [[1, 0], [3, 4]]
    """
    rows, columns = _grid(b, *b.shape(x)[-2:])
    return b.where(b.greater_equal(rows + k, columns), x, b.zeros_like(x))


@op("x", dtype=rules.same)
def triu(b: Backend, x: ArrayLike, k: int = 0) -> Array:
    """`x` with zeros below a diagonal.

    Args:
        x: array of shape (..., rows, columns).
        k: which diagonal: 0 the main one, above it positive, below it negative.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.triu([[1, 2], [3, 4]])).tolist()
    [[1, 2], [0, 4]]
    """
    rows, columns = _grid(b, *b.shape(x)[-2:])
    return b.where(b.less_equal(rows + k, columns), x, b.zeros_like(x))


@op("x", dtype=rules.same)
def diag(b: Backend, x: ArrayLike, k: int = 0) -> Array:
    """A matrix with `x` on a diagonal; of a matrix, its diagonal.

    Args:
        x: array of shape (n,), or of shape (rows, columns).
        k: which diagonal: 0 the main one, above it positive, below it negative.

    Returns:
        Array of shape (n + |k|, n + |k|), or of one dimension.

    Raises:
        InputError: if `x` has neither one nor two dimensions.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.diag([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    if x.ndim == 2:
        return b.diagonal(x, k)
    if x.ndim != 1:
        raise InputError(
            f"diag() takes arrays of one or two dimensions, got shape {tuple(x.shape)}."
        )
    n = b.shape(x)[0] + abs(k)
    rows, columns = _grid(b, n, n)
    line = b.pad(x, ((max(k, 0), max(-k, 0)),), "constant", 0)
    return b.where(b.equal(rows + k, columns), b.expand_dims(line, 0), b.zeros((1, 1), b.dtype(x)))


@op("x", dtype=rules.same)
def diagflat(b: Backend, x: ArrayLike, k: int = 0) -> Array:
    """A matrix with all values of `x` on a diagonal.

    Args:
        x: array of any shape, with n values.
        k: which diagonal: 0 the main one, above it positive, below it negative.

    Returns:
        Array of shape (n + |k|, n + |k|).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.diagflat([[1], [2]])).tolist()
    [[1, 0], [0, 2]]
    """
    return b.diag(b.reshape(x, (-1,)), k)


@op("?*x", dtype=rules.unchecked)
def meshgrid(b: Backend, *x: ArrayLike, indexing: str = "xy") -> list[Array]:
    """The coordinates of all points of a grid.

    Args:
        *x: the coordinates along each axis, arrays of one dimension.
        indexing: "ij" for axes in the order given, "xy" with the first two exchanged.

    Returns:
        A list of as many arrays, each of the shape of the grid.

    Raises:
        InputError: if `indexing` is neither, or an array has more dimensions.

    Example:

    >>> from hornbeam import ops
    >>> [ops.convert_to_numpy(c).tolist() for c in ops.meshgrid([1, 2], [3, 4, 5])]
    [[[1, 2], [1, 2], [1, 2]], [[3, 3], [4, 4], [5, 5]]]
    """
    if indexing not in ("xy", "ij"):
        raise InputError(f"`indexing` of meshgrid() must be 'xy' or 'ij', got {indexing!r}.")
    lines = [b.reshape(v, (1,)) if v.ndim == 0 else v for v in x]
    if any(v.ndim != 1 for v in lines):
        raise InputError("meshgrid() takes arrays of one dimension.")
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[:2] = [1, 0]
    sizes = [b.shape(lines[i])[0] for i in order]
    grids = []
    for i, line in enumerate(lines):
        place = order.index(i)
        spread = [b.shape(line)[0] if axis == place else 1 for axis in range(len(lines))]
        grids.append(b.broadcast_to(b.reshape(line, spread), sizes))
    return grids


@op("x", dtype=rules.promote)
def vander(b: Backend, x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """The Vandermonde matrix: in each row the powers of one value.

    Args:
        x: array of shape (n,).
        N: how many powers; n for None.
        increasing: whether the exponents go up from 0, instead of down to 0.

    Returns:
        Array of shape (n, N).

    Raises:
        InputError: if `x` has not one dimension, or `N` is negative.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.vander([1, 2, 3])).tolist()
    [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    if x.ndim != 1:
        raise InputError(f"vander() takes an array of one dimension, got shape {tuple(x.shape)}.")
    count = b.shape(x)[0] if N is None else N
    if not isinstance(count, int):
        raise InputError("vander() needs `N`: the size of `x` is not known.")
    if count < 0:
        raise InputError(f"vander() needs an `N` of 0 or more, got {count}.")
    if count == 0:
        return b.zeros((b.shape(x)[0], 0), b.dtype(x))
    powers = [b.ones_like(x)]
    for _ in range(count - 1):
        powers.append(b.multiply(powers[-1], x))
    return b.stack(powers if increasing else powers[::-1], 1)


__all__ = [
    "arange",
    "diag",
    "diagflat",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "identity",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "tril",
    "triu",
    "vander",
    "zeros",
    "zeros_like",
]
