"""Rounding, the bits of integers and the parts of complex numbers."""

from __future__ import annotations

from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def floor(b: Backend, x: ArrayLike) -> Array:
    """Largest whole number not above each value, as a float.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.floor([1.7, -1.2])).tolist()
    [1.0, -2.0]
    """
    return b.floor(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def ceil(b: Backend, x: ArrayLike) -> Array:
    """Smallest whole number not below each value, as a float.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.ceil([1.2, -1.7])).tolist()
    [2.0, -1.0]
    """
    return b.ceil(x)


@op("x", dtype=rules.promote, primitive=True, elementwise=True)
def trunc(b: Backend, x: ArrayLike) -> Array:
    """Each value without what follows the point: rounded towards 0.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.trunc([1.7, -1.7])).tolist()
    [1.0, -1.0]
    """
    return b.trunc(x)


@op("x y", dtype=rules.promote, primitive=True, elementwise=True)
def bitwise_and(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Bits set in both `x` and `y`.

    Args:
        x: array of integers or bools.
        y: array of a shape that broadcasts with that of `x`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bitwise_and([6, 5], 3)).tolist()
    [2, 1]
    """
    return b.bitwise_and(x, y)


@op("x y", dtype=rules.promote, primitive=True, elementwise=True)
def bitwise_or(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Bits set in `x` or `y`.

    Args:
        x: array of integers or bools.
        y: array of a shape that broadcasts with that of `x`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bitwise_or([6, 5], 3)).tolist()
    [7, 7]
    """
    return b.bitwise_or(x, y)


@op("x y", dtype=rules.promote, primitive=True, elementwise=True)
def bitwise_xor(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Bits set in one of `x` and `y`, but not in both.

    Args:
        x: array of integers or bools.
        y: array of a shape that broadcasts with that of `x`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bitwise_xor([6, 5], 3)).tolist()
    [5, 6]
    """
    return b.bitwise_xor(x, y)


@op("x", dtype=rules.promote, primitive=True, elementwise=True)
def bitwise_not(b: Backend, x: ArrayLike) -> Array:
    """Bits of `x` turned over: for signed integers -x - 1.

    Args:
        x: array of integers or bools.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bitwise_not([0, 5])).tolist()
    [-1, -6]
    """
    return b.bitwise_not(x)


@op("x", dtype=rules.promote, elementwise=True)
def bitwise_invert(b: Backend, x: ArrayLike) -> Array:
    """Bits of `x` turned over: another name of `bitwise_not`.

    Args:
        x: array of integers or bools.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bitwise_invert([0, 5])).tolist()
    [-1, -6]
    """
    return b.bitwise_not(x)


@op("x y", dtype=rules.promote, primitive=True, elementwise=True)
def left_shift(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Bits of `x` moved to the left by `y` places: x * 2**y.

    Args:
        x: array of integers.
        y: how many places, integers of 0 or more, of a shape that broadcasts with that of `x`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.left_shift([1, 5], 2)).tolist()
    [4, 20]
    """
    return b.left_shift(x, y)


@op("x y", dtype=rules.promote, primitive=True, elementwise=True)
def right_shift(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Bits of `x` moved to the right by `y` places: floor(x / 2**y).

    Args:
        x: array of integers.
        y: how many places, integers of 0 or more, of a shape that broadcasts with that of `x`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.right_shift([4, 21], 2)).tolist()
    [1, 5]
    """
    return b.right_shift(x, y)


@op("x y", dtype=rules.promote, elementwise=True)
def bitwise_left_shift(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Bits of `x` moved to the left: another name of `left_shift`.

    Args:
        x: array of integers.
        y: how many places, integers of 0 or more, of a shape that broadcasts with that of `x`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bitwise_left_shift([1, 5], 2)).tolist()
    [4, 20]
    """
    return b.left_shift(x, y)


@op("x y", dtype=rules.promote, elementwise=True)
def bitwise_right_shift(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Bits of `x` moved to the right: another name of `right_shift`.

    Args:
        x: array of integers.
        y: how many places, integers of 0 or more, of a shape that broadcasts with that of `x`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.bitwise_right_shift([4, 21], 2)).tolist()
    [1, 5]
    """
    return b.right_shift(x, y)


@op("x", dtype=rules.real, primitive=True, elementwise=True)
def real(b: Backend, x: ArrayLike) -> Array:
    """Real part of each value.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; complex numbers give the real dtype of their
        parts.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.real([1.0 + 2.0j])).tolist()
    [1.0]
    """
    return b.real(x)


@op("x", dtype=rules.real, primitive=True, elementwise=True)
def imag(b: Backend, x: ArrayLike) -> Array:
    """Imaginary part of each value, 0 for real ones.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; complex numbers give the real dtype of their
        parts.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.imag([1.0 + 2.0j])).tolist()
    [2.0]
    """
    return b.imag(x)


@op("x", dtype=rules.promote, primitive=True, elementwise=True)
def conj(b: Backend, x: ArrayLike) -> Array:
    """Complex conjugate of each value; a real one stays.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.conj([1.0 + 2.0j])).tolist()
    [(1-2j)]
    """
    return b.conj(x)


@op("x", dtype=rules.promote, elementwise=True)
def conjugate(b: Backend, x: ArrayLike) -> Array:
    """Complex conjugate of each value: another name of `conj`.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.conjugate([1.0 + 2.0j])).tolist()
    [(1-2j)]
    """
    return b.conj(x)


@op("x", dtype=rules.real_floating, elementwise=True)
def angle(b: Backend, x: ArrayLike) -> Array:
    """Angle in (-pi, pi] of each value in the complex plane; pi for negative numbers.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype, complex numbers the real dtype of their parts.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.angle([1.0j, -1.0])).round(4))
    [1.5708 3.1416]
    """
    return b.arctan2(b.imag(x), b.real(x))


__all__ = [
    "angle",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "conj",
    "conjugate",
    "floor",
    "imag",
    "left_shift",
    "real",
    "right_shift",
    "trunc",
]
