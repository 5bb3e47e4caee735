"""Arithmetic on each value: sums, products, quotients, remainders, powers and roots."""

from __future__ import annotations

from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


@op("x1 x2", dtype=rules.promote, primitive=True, elementwise=True)
def add(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Sum of `x1` and `x2`, elementwise (of bools: "or").

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


@op("x1 x2", dtype=rules.arithmetic, primitive=True, elementwise=True)
def subtract(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Difference `x1 - x2`, elementwise.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.subtract([1, 2], 3.0)).tolist()
    [-2.0, -1.0]
    """
    return b.subtract(x1, x2)


@op("x1 x2", dtype=rules.promote, primitive=True, elementwise=True)
def multiply(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Product of `x1` and `x2`, elementwise (of bools: "and").

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.multiply([1, 2], 3.0)).tolist()
    [3.0, 6.0]
    """
    return b.multiply(x1, x2)


@op("x1 x2", dtype=rules.floating, primitive=True, elementwise=True)
def divide(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Quotient `x1 / x2`, elementwise; of integers too it is a float.

    Args:
        x1: the dividends, array of any shape.
        x2: the divisors, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.divide([1, 2], 4)).tolist()
    [0.25, 0.5]
    """
    return b.divide(x1, x2)


@op("x1 x2", dtype=rules.floating, elementwise=True)
def true_divide(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Quotient `x1 / x2`, elementwise: another name of `divide`.

    Args:
        x1: the dividends, array of any shape.
        x2: the divisors, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.true_divide([1, 2], 4)).tolist()
    [0.25, 0.5]
    """
    return b.divide(x1, x2)


@op("x1 x2", dtype=rules.floating, elementwise=True)
def divide_no_nan(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Quotient `x1 / x2`, elementwise, which is 0 where `x2` is 0.

    Args:
        x1: the dividends, array of any shape.
        x2: the divisors, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.divide_no_nan([1.0, 2.0], [0.0, 4.0])).tolist()
    [0.0, 0.5]
    """
    zero = b.equal(x2, 0.0)
    return b.where(zero, b.zeros_like(x1 * x2), x1 / b.where(zero, b.ones_like(x2), x2))


@op("x1 x2", dtype=rules.arithmetic, primitive=True, elementwise=True)
def floor_divide(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Quotient rounded down to a whole number, elementwise: floor(x1 / x2).

    Args:
        x1: the dividends, array of any shape.
        x2: the divisors, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.floor_divide([7, -7], 2)).tolist()
    [3, -4]
    """
    return b.floor_divide(x1, x2)


@op("x1 x2", dtype=rules.arithmetic, primitive=True, elementwise=True)
def mod(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Remainder of the division rounded down, elementwise: it has the sign of `x2`.

    Args:
        x1: the dividends, array of any shape.
        x2: the divisors, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.mod([7, -7], 3)).tolist()
    [1, 2]
    """
    return b.mod(x1, x2)


@op("x1 x2", dtype=rules.arithmetic, elementwise=True)
def fmod(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Remainder of the division rounded towards 0, elementwise: it has the sign of `x1`.

    Args:
        x1: the dividends, array of any shape.
        x2: the divisors, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.fmod([7, -7], 3)).tolist()
    [1, -1]
    """
    size = b.mod(b.abs(x1), b.abs(x2))
    return b.where(b.less(x1, 0), b.negative(size), size)


@op("x1 x2", dtype=rules.arithmetic, primitive=True, elementwise=True)
def power(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """`x1` to the power `x2`, elementwise.

    Args:
        x1: the bases, array of any shape.
        x2: the exponents, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.power([1.0, 2.0, 3.0], 2)).tolist()
    [1.0, 4.0, 9.0]
    """
    return b.power(x1, x2)


@op("x1 x2", dtype=rules.promote, primitive=True, elementwise=True)
def maximum(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """The larger of `x1` and `x2`, elementwise; NaN where one of them is NaN.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.maximum([1.0, 5.0], 3.0)).tolist()
    [3.0, 5.0]
    """
    return b.maximum(x1, x2)


@op("x1 x2", dtype=rules.promote, primitive=True, elementwise=True)
def minimum(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """The smaller of `x1` and `x2`, elementwise; NaN where one of them is NaN.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.minimum([1.0, 5.0], 3.0)).tolist()
    [1.0, 3.0]
    """
    return b.minimum(x1, x2)


@op("x1 x2", dtype=rules.promote, elementwise=True)
def fmax(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """The larger of `x1` and `x2`, elementwise; where one of them is NaN, the other.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.fmax([1.0, float("nan")], 3.0)).tolist()
    [3.0, 3.0]
    """
    largest = b.maximum(x1, x2)
    return b.where(b.isnan(x1), b.add(x2, b.zeros_like(largest)), b.where(b.isnan(x2), x1, largest))


@op("x1 x2", dtype=rules.promote, elementwise=True)
def fmin(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """The smaller of `x1` and `x2`, elementwise; where one of them is NaN, the other.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.fmin([5.0, float("nan")], 3.0)).tolist()
    [3.0, 3.0]
    """
    smallest = b.minimum(x1, x2)
    return b.where(
        b.isnan(x1), b.add(x2, b.zeros_like(smallest)), b.where(b.isnan(x2), x1, smallest)
    )


@op("x", dtype=rules.promote, primitive=True, elementwise=True)
def negative(b: Backend, x: ArrayLike) -> Array:
    """`-x`, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.negative([1.0, -2.0])).tolist()
    [-1.0, 2.0]
    """
    return b.negative(x)


@op("x", dtype=rules.real, elementwise=True)
def absolute(b: Backend, x: ArrayLike) -> Array:
    """Absolute value, elementwise; of a complex number its modulus.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; complex numbers give the real dtype of their
        parts.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.absolute([1.0, -2.0])).tolist()
    [1.0, 2.0]
    """
    return b.abs(x)


@op("x", dtype=rules.real, primitive=True, elementwise=True)
def abs(b: Backend, x: ArrayLike) -> Array:
    """Absolute value, elementwise: another name of `absolute`.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; complex numbers give the real dtype of their
        parts.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.abs([1.0, -2.0])).tolist()
    [1.0, 2.0]
    """
    return b.abs(x)


@op("x", dtype=rules.floating, elementwise=True)
def fabs(b: Backend, x: ArrayLike) -> Array:
    """Absolute value as a float, elementwise.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.fabs([1, -2])).tolist()
    [1.0, 2.0]
    """
    return b.abs(x)


@op("x", dtype=rules.promote, primitive=True, elementwise=True)
def sign(b: Backend, x: ArrayLike) -> Array:
    """-1, 0 or 1 by the sign of each value.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.sign([-3.0, 0.0, 5.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return b.sign(x)


@op("x", dtype=rules.arithmetic, primitive=True, elementwise=True)
def square(b: Backend, x: ArrayLike) -> Array:
    """Square of each value.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape and dtype of `x`; bools become int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.square([2.0, -3.0])).tolist()
    [4.0, 9.0]
    """
    return b.square(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def sqrt(b: Backend, x: ArrayLike) -> Array:
    """Square root of each value.

    Args:
        x: array of any shape; NaN where it is negative.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.sqrt([4.0, 9.0])).tolist()
    [2.0, 3.0]
    """
    return b.sqrt(x)


@op("x", dtype=rules.floating, elementwise=True)
def rsqrt(b: Backend, x: ArrayLike) -> Array:
    """Reciprocal of the square root of each value: 1 / sqrt(x).

    Args:
        x: array of any shape with positive values.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.rsqrt([4.0, 16.0])).tolist()
    [0.5, 0.25]
    """
    return 1.0 / b.sqrt(x)


@op("x", dtype=rules.floating, elementwise=True)
def cbrt(b: Backend, x: ArrayLike) -> Array:
    """Cube root of each value, negative of a negative one.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.cbrt([8.0, -27.0])).round(4))
    [ 2. -3.]
    """
    return b.sign(x) * b.power(b.abs(x), 1.0 / 3.0)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def reciprocal(b: Backend, x: ArrayLike) -> Array:
    """1 / x, elementwise.

    Args:
        x: array of any shape; infinite where it is 0.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.reciprocal([2.0, 4.0])).tolist()
    [0.5, 0.25]
    """
    return b.reciprocal(x)


__all__ = [
    "abs",
    "absolute",
    "add",
    "cbrt",
    "divide",
    "divide_no_nan",
    "fabs",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "power",
    "reciprocal",
    "rsqrt",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "true_divide",
]
