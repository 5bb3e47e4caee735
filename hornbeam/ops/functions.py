"""Functions of each value: exponentials, logarithms, trigonometry, special functions."""

from __future__ import annotations

import math

from hornbeam.backends.protocol import Array, Backend
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op

_I0_SERIES = [1.0 / math.factorial(k) ** 2 for k in range(42)]  # in powers of (x / 2)**2
_I0_TAIL = [  # in powers of 1 / (8 x), the asymptotic series
    math.prod(range(1, 2 * k, 2)) ** 2 / math.factorial(k) for k in range(24)
]


def _horner(coefficients: list[float], x: Array) -> Array:
    """The polynomial with these coefficients, lowest first."""
    result = coefficients[-1] + 0.0 * x
    for c in reversed(coefficients[:-1]):
        result = result * x + c
    return result


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def exp(b: Backend, x: ArrayLike) -> Array:
    """Exponential e**x of each value.

    Args:
        x: the exponents, array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.exp([0.0, 1.0])).round(4))
    [1.     2.7183]
    """
    return b.exp(x)


@op("x", dtype=rules.floating, elementwise=True)
def exp2(b: Backend, x: ArrayLike) -> Array:
    """Power 2**x of each value.

    Args:
        x: the exponents, array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.exp2([0.0, 3.0])).tolist()
    [1.0, 8.0]
    """
    return b.power(b.full_like(x, 2.0), x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def expm1(b: Backend, x: ArrayLike) -> Array:
    """e**x - 1, exact also for small `x`.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.expm1([0.0, 1.0])).round(4))
    [0.     1.7183]
    """
    return b.expm1(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def log(b: Backend, x: ArrayLike) -> Array:
    """Natural logarithm of each value.

    Args:
        x: array of any shape with positive values.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.log([1.0, 2.0])).round(4))
    [0.     0.6931]
    """
    return b.log(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def log1p(b: Backend, x: ArrayLike) -> Array:
    """Natural logarithm of 1 + x, exact also for small `x`.

    Args:
        x: array of any shape with values above -1.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.log1p([0.0, 1.0])).round(4))
    [0.     0.6931]
    """
    return b.log1p(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def log2(b: Backend, x: ArrayLike) -> Array:
    """Logarithm to the base 2.

    Args:
        x: array of any shape with positive values.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.log2([1.0, 8.0])).round(4))
    [0. 3.]
    """
    return b.log2(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def log10(b: Backend, x: ArrayLike) -> Array:
    """Logarithm to the base 10.

    Args:
        x: array of any shape with positive values.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.log10([1.0, 100.0])).round(4))
    [0. 2.]
    """
    return b.log10(x)


@op("x1 x2", dtype=rules.floating, elementwise=True)
def logaddexp(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """log(exp(x1) + exp(x2)), elementwise, without overflow.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.logaddexp([0.0, 1000.0], 0.0)).round(4))
    [6.931e-01 1.000e+03]
    """
    largest = b.maximum(x1, x2)
    distance = b.where(b.equal(x1, x2), b.zeros_like(largest), b.abs(x1 - x2))
    return largest + b.log1p(b.exp(-distance))


@op("x1 x2", dtype=rules.floating, elementwise=True)
def logaddexp2(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """log2(2**x1 + 2**x2), elementwise, without overflow.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.logaddexp2([0.0, 1000.0], 0.0)).round(4))
    [  1.     999.9999]
    """
    return b.logaddexp(x1 * math.log(2.0), x2 * math.log(2.0)) / math.log(2.0)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def sin(b: Backend, x: ArrayLike) -> Array:
    """Sine of each value.

    Args:
        x: angles in radians.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.sin([0.0, 1.0])).round(4))
    [0.     0.8415]
    """
    return b.sin(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def cos(b: Backend, x: ArrayLike) -> Array:
    """Cosine of each value.

    Args:
        x: angles in radians.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.cos([0.0, 1.0])).round(4))
    [1.     0.5403]
    """
    return b.cos(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def tan(b: Backend, x: ArrayLike) -> Array:
    """Tangent of each value.

    Args:
        x: angles in radians.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.tan([0.0, 1.0])).round(4))
    [0.     1.5574]
    """
    return b.tan(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def arcsin(b: Backend, x: ArrayLike) -> Array:
    """Angle in [-pi/2, pi/2] whose sine is each value.

    Args:
        x: values in [-1, 1]; NaN outside.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.arcsin([0.0, 1.0])).round(4))
    [0.     1.5708]
    """
    return b.arcsin(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def arccos(b: Backend, x: ArrayLike) -> Array:
    """Angle in [0, pi] whose cosine is each value.

    Args:
        x: values in [-1, 1]; NaN outside.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.arccos([1.0, 0.0])).round(4))
    [0.     1.5708]
    """
    return b.arccos(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def arctan(b: Backend, x: ArrayLike) -> Array:
    """Angle in (-pi/2, pi/2) whose tangent is each value.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.arctan([0.0, 1.0])).round(4))
    [0.     0.7854]
    """
    return b.arctan(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def sinh(b: Backend, x: ArrayLike) -> Array:
    """Hyperbolic sine of each value.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.sinh([0.0, 1.0])).round(4))
    [0.     1.1752]
    """
    return b.sinh(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def cosh(b: Backend, x: ArrayLike) -> Array:
    """Hyperbolic cosine of each value.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.cosh([0.0, 1.0])).round(4))
    [1.     1.5431]
    """
    return b.cosh(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def tanh(b: Backend, x: ArrayLike) -> Array:
    """Hyperbolic tangent of each value, in (-1, 1).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.tanh([0.0, 1.0])).round(4))
    [0.     0.7616]
    """
    return b.tanh(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def arcsinh(b: Backend, x: ArrayLike) -> Array:
    """Inverse of the hyperbolic sine.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.arcsinh([0.0, 1.0])).round(4))
    [0.     0.8814]
    """
    return b.arcsinh(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def arccosh(b: Backend, x: ArrayLike) -> Array:
    """Inverse of the hyperbolic cosine, not negative.

    Args:
        x: values of 1 or more; NaN below.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.arccosh([1.0, 2.0])).round(4))
    [0.    1.317]
    """
    return b.arccosh(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def arctanh(b: Backend, x: ArrayLike) -> Array:
    """Inverse of the hyperbolic tangent.

    Args:
        x: values in (-1, 1).

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.arctanh([0.0, 0.5])).round(4))
    [0.     0.5493]
    """
    return b.arctanh(x)


@op("x1 x2", dtype=rules.floating, primitive=True, elementwise=True)
def arctan2(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Angle in (-pi, pi] of the point (x2, x1) as seen from the origin, elementwise.

    Args:
        x1: the ordinates ("y"), array of any shape.
        x2: the abscissas ("x"), array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.arctan2([1.0, -1.0], [0.0, -1.0])).round(4))
    [ 1.5708 -2.3562]
    """
    return b.arctan2(x1, x2)


@op("x1 x2", dtype=rules.floating, elementwise=True)
def hypot(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """sqrt(x1**2 + x2**2), elementwise, without overflow in between.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.hypot([3.0, 6.0], [4.0, 8.0])).tolist()
    [5.0, 10.0]
    """
    large, small = b.maximum(b.abs(x1), b.abs(x2)), b.minimum(b.abs(x1), b.abs(x2))
    ratio = small / b.where(b.equal(large, 0.0), b.ones_like(large), large)
    finite = large * b.sqrt(1.0 + b.square(ratio))
    return b.where(b.isinf(large), large, finite)


@op("x", dtype=rules.floating, elementwise=True)
def sinc(b: Backend, x: ArrayLike) -> Array:
    """sin(pi x) / (pi x) of each value, 1 at 0.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.sinc([0.0, 0.5])).round(4))
    [1.     0.6366]
    """
    zero = b.equal(x, 0.0)
    angle = math.pi * b.where(zero, b.ones_like(x), x)
    return b.where(zero, b.ones_like(x), b.sin(angle) / angle)


@op("x", dtype=rules.floating, elementwise=True)
def deg2rad(b: Backend, x: ArrayLike) -> Array:
    """Radians of angles in degrees.

    Args:
        x: angles in degrees.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.deg2rad([0.0, 180.0])).round(4))
    [0.     3.1416]
    """
    return x * (math.pi / 180.0)


@op("x", dtype=rules.floating, elementwise=True)
def rad2deg(b: Backend, x: ArrayLike) -> Array:
    """Degrees of angles in radians.

    Args:
        x: angles in radians.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.rad2deg([0.0, 1.0])).round(4))
    [ 0.     57.2958]
    """
    return x * (180.0 / math.pi)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def erf(b: Backend, x: ArrayLike) -> Array:
    """Error function 2/sqrt(pi) * integral of exp(-t**2) from 0 to x.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.erf([0.0, 1.0])).round(4))
    [0.     0.8427]
    """
    return b.erf(x)


@op("x", dtype=rules.floating, elementwise=True)
def erfc(b: Backend, x: ArrayLike) -> Array:
    """Complementary error function 1 - erf(x).

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.erfc([0.0, 1.0])).round(4))
    [1.     0.1573]
    """
    return 1.0 - b.erf(x)


@op("x", dtype=rules.floating, primitive=True, elementwise=True)
def erfinv(b: Backend, x: ArrayLike) -> Array:
    """Inverse of the error function.

    Args:
        x: values in (-1, 1).

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.erfinv([0.0, 0.5])).round(4))
    [0.     0.4769]
    """
    return b.erfinv(x)


@op("x", dtype=rules.floating, elementwise=True)
def i0(b: Backend, x: ArrayLike) -> Array:
    """Modified Bessel function of the first kind and order 0.

    Args:
        x: array of any shape.

    Returns:
        Array of the shape of `x`, in its dtype; integers and bools become the default float
        dtype.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.i0([0.0, 1.0])).round(4))
    [1.     1.2661]
    """
    size = b.abs(x)
    near = b.minimum(size, b.full_like(size, 20.0))
    far = b.maximum(size, b.full_like(size, 20.0))
    series = _horner(_I0_SERIES, b.square(near / 2.0))
    tail = b.exp(far) / b.sqrt(2.0 * math.pi * far) * _horner(_I0_TAIL, 1.0 / (8.0 * far))
    return b.where(b.less(size, 20.0), series, tail)


__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "i0",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]
