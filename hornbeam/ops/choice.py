"""Choosing between values by a condition, and keeping them in a range."""

from __future__ import annotations

from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


@op("?condition x1 x2", dtype=rules.promote, elementwise=True)
def where(
    b: Backend, condition: ArrayLike, x1: ArrayLike | None = None, x2: ArrayLike | None = None
) -> Array:
    """`x1` where `condition` is true, else `x2`.

    Args:
        condition: bool array of any shape.
        x1: array of a shape that broadcasts with that of `condition`.
        x2: array of a shape that broadcasts with both.

    Returns:
        Array of the joint shape and of the joint dtype of `x1` and `x2`.  Without both of them, the
        places where `condition` is true, as `nonzero` gives them.

    Raises:
        ValueError: if only one of `x1` and `x2` is given.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.where([True, False], [1, 2], 0)).tolist()
    [1, 0]
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("where() takes both `x1` and `x2`, or neither of them.")
    if x1 is None:
        return tuple(b.cast(places, "int32") for places in b.nonzero(condition))
    return b.where(b.cast(condition, "bool"), x1, x2)


@op("x x_min x_max", dtype=rules.first, elementwise=True)
def clip(b: Backend, x: ArrayLike, x_min: ArrayLike, x_max: ArrayLike) -> Array:
    """`x` with values below `x_min` raised to it and values above `x_max` lowered to it.

    Args:
        x: array of any shape.
        x_min: the least value, a number or an array that broadcasts; None for no limit.
        x_max: the greatest value, likewise.

    Returns:
        Array of the joint shape and of the dtype of `x`; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.clip([-2.0, 0.5, 2.0], -1, 1)).tolist()
    [-1.0, 0.5, 1.0]
    """
    if x_min is not None:
        x = b.maximum(x, x_min)
    return x if x_max is None else b.minimum(x, x_max)


@op("x", dtype=rules.arithmetic, elementwise=True)
def round(b: Backend, x: ArrayLike, decimals: int = 0) -> Array:
    """`x` rounded to so many decimals, halves to the even neighbour.

    Args:
        x: array of any shape.
        decimals: how many digits to keep after the point; negative for before it.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.round([0.5, 1.5, 2.7])).tolist()
    [0.0, 2.0, 3.0]
    """
    if decimals == 0:
        return b.round(x) if "int" not in b.dtype(x) else x
    factor = 10 ** abs(decimals)
    if "int" in b.dtype(x):
        return x if decimals > 0 else _round_integers(b, x, factor)
    if decimals > 0:
        return b.round(x * float(factor)) / float(factor)
    return b.round(x / float(factor)) * float(factor)


def _round_integers(b: Backend, x: Array, factor: int) -> Array:
    """To the nearest multiple of `factor`, halves to the even multiple."""
    quotient = b.floor_divide(x, factor)
    double = 2 * (x - quotient * factor)
    odd = b.equal(b.mod(quotient, 2), 1)
    up = b.logical_or(b.greater(double, factor), b.logical_and(b.equal(double, factor), odd))
    return b.cast((quotient + b.cast(up, b.dtype(x))) * factor, b.dtype(x))


__all__ = ["clip", "round", "where"]
