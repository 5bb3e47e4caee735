"""Functions of each value on its own: arithmetic, comparison, logic, and the usual functions."""

from __future__ import annotations

from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


@op("x1 x2", dtype=rules.promote, primitive=True, elementwise=True)
def add(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Sum of `x1` and `x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.add([1, 2], 3.0)).tolist()
    [4.0, 5.0]
    """
    return b.add(x1, x2)


@op("x1 x2", dtype=rules.promote, primitive=True, elementwise=True)
def multiply(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Product of `x1` and `x2`, elementwise.
    """
    return b.multiply(x1, x2)

@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def exp(b: Backend, x: ArrayLike) -> Array:
    """Exponential of `x`, elementwise."""
    return b.exp(x)
