"""Comparisons and logic, value by value."""

from __future__ import annotations

from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


@op("x1 x2", dtype=rules.comparison, primitive=True, elementwise=True)
def equal(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether `x1` equals `x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.equal([1, 2], 2)).tolist()
    [False, True]
    """
    return b.equal(x1, x2)


@op("x1 x2", dtype=rules.comparison, primitive=True, elementwise=True)
def not_equal(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether `x1` differs from `x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.not_equal([1, 2], 2)).tolist()
    [True, False]
    """
    return b.not_equal(x1, x2)


@op("x1 x2", dtype=rules.comparison, primitive=True, elementwise=True)
def less(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether `x1` is below `x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.less([1, 2], 2)).tolist()
    [True, False]
    """
    return b.less(x1, x2)


@op("x1 x2", dtype=rules.comparison, primitive=True, elementwise=True)
def less_equal(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether `x1` is not above `x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.less_equal([1, 2], 2)).tolist()
    [True, True]
    """
    return b.less_equal(x1, x2)


@op("x1 x2", dtype=rules.comparison, primitive=True, elementwise=True)
def greater(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether `x1` is above `x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.greater([1, 3], 2)).tolist()
    [False, True]
    """
    return b.greater(x1, x2)


@op("x1 x2", dtype=rules.comparison, primitive=True, elementwise=True)
def greater_equal(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether `x1` is not below `x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.greater_equal([1, 2], 2)).tolist()
    [False, True]
    """
    return b.greater_equal(x1, x2)


@op("x1 x2", dtype=rules.logical, primitive=True, elementwise=True)
def logical_and(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether both are true, elementwise.

    Args:
        x1: array of any shape; what is not 0 counts as true.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.logical_and([True, False], True)).tolist()
    [True, False]
    """
    return b.logical_and(x1, x2)


@op("x1 x2", dtype=rules.logical, primitive=True, elementwise=True)
def logical_or(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether at least one is true, elementwise.

    Args:
        x1: array of any shape; what is not 0 counts as true.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.logical_or([True, False], True)).tolist()
    [True, True]
    """
    return b.logical_or(x1, x2)


@op("x1 x2", dtype=rules.logical, primitive=True, elementwise=True)
def logical_xor(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Whether exactly one is true, elementwise.

    Args:
        x1: array of any shape; what is not 0 counts as true.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.logical_xor([True, False], True)).tolist()
    [False, True]
    """
    return b.logical_xor(x1, x2)


@op("x", dtype=rules.logical, primitive=True, elementwise=True)
def logical_not(b: Backend, x: ArrayLike) -> Array:
    """Whether each value is false, that is 0.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.logical_not([True, False])).tolist()
    [False, True]
    """
    return b.logical_not(x)


@op("x", dtype=rules.to_bool, primitive=True, elementwise=True)
def isnan(b: Backend, x: ArrayLike) -> Array:
    """Whether each value is NaN.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isnan([1.0, float("nan")])).tolist()
    [False, True]
    """
    return b.isnan(x)


@op("x", dtype=rules.to_bool, primitive=True, elementwise=True)
def isinf(b: Backend, x: ArrayLike) -> Array:
    """Whether each value is infinite, with either sign.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isinf([1.0, -float("inf")])).tolist()
    [False, True]
    """
    return b.isinf(x)


@op("x", dtype=rules.to_bool, primitive=True, elementwise=True)
def isfinite(b: Backend, x: ArrayLike) -> Array:
    """Whether each value is neither infinite nor NaN.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isfinite([1.0, float("nan")])).tolist()
    [True, False]
    """
    return b.isfinite(x)


@op("x", dtype=rules.to_bool, elementwise=True)
def isposinf(b: Backend, x: ArrayLike) -> Array:
    """Whether each value is plus infinity.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isposinf([1.0, float("inf")])).tolist()
    [False, True]
    """
    return b.logical_and(b.isinf(x), b.greater(x, 0))


@op("x", dtype=rules.to_bool, elementwise=True)
def isneginf(b: Backend, x: ArrayLike) -> Array:
    """Whether each value is minus infinity.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isneginf([1.0, -float("inf")])).tolist()
    [False, True]
    """
    return b.logical_and(b.isinf(x), b.less(x, 0))


@op("x", dtype=rules.to_bool, elementwise=True)
def isreal(b: Backend, x: ArrayLike) -> Array:
    """Whether the imaginary part of each value is 0.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isreal([1.0, 2.0j])).tolist()
    [True, False]
    """
    return b.equal(b.imag(x), 0)


@op("x", dtype=rules.to_bool, elementwise=True)
def signbit(b: Backend, x: ArrayLike) -> Array:
    """Whether the sign of each value is minus; that of -0.0 is.

    Args:
        x: array of any shape.

    Returns:
        Bool array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.signbit([1.0, -0.0])).tolist()
    [False, True]
    """
    if b.dtype(x).startswith(("bool", "uint")):
        return b.zeros(b.shape(x), "bool")
    if b.dtype(x).startswith("int"):
        return b.less(x, 0)
    # the angle of (-1, x) is negative for -0.0 too
    return b.less(b.arctan2(x, b.full_like(x, -1.0)), 0)


__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "signbit",
]
