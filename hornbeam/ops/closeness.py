"""Comparisons up to a tolerance and with sets, and replacing or choosing values by conditions."""

from __future__ import annotations

from collections.abc import Sequence

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


def _floats(*given: str) -> tuple[str | None, str | None]:
    return dtypes.to_float(dtypes.result_type(*given)), "bool"


@op("x1 x2", dtype=_floats, elementwise=True)
def isclose(
    b: Backend,
    x1: ArrayLike,
    x2: ArrayLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Array:
    """Whether values are equal up to a tolerance: |x1 - x2| <= atol + rtol * |x2|.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.
        rtol: tolerance relative to the size of `x2`.
        atol: absolute tolerance.
        equal_nan: whether NaN equals NaN.

    Returns:
        Bool array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isclose([1.0, 2.0], [1.000001, 2.1])).tolist()
    [True, False]
    """
    finite = b.logical_and(b.isfinite(x1), b.isfinite(x2))
    zeros = b.zeros_like(x1 * x2)
    first, second = b.where(finite, x1, zeros), b.where(finite, x2, zeros)
    near = b.less_equal(b.abs(first - second), atol + rtol * b.abs(second))
    result = b.where(finite, near, b.equal(x1, x2))
    if equal_nan:
        result = b.logical_or(result, b.logical_and(b.isnan(x1), b.isnan(x2)))
    return result


@op("x1 x2", dtype=_floats)
def allclose(
    b: Backend,
    x1: ArrayLike,
    x2: ArrayLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Array:
    """Whether all values are equal up to a tolerance, see `isclose`.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.
        rtol: tolerance relative to the size of `x2`.
        atol: absolute tolerance.
        equal_nan: whether NaN equals NaN.

    Returns:
        A bool scalar.

    Example:

    >>> from hornbeam import ops
    >>> bool(ops.allclose([1.0, 2.0], [1.000001, 2.0]))
    True
    """
    return b.all(b.isclose(x1, x2, rtol, atol, equal_nan), axis=None, keepdims=False)


@op("x1 x2", dtype=rules.comparison)
def isin(
    b: Backend, x1: ArrayLike, x2: ArrayLike, assume_unique: bool = False, invert: bool = False
) -> Array:
    """Whether each value of `x1` is one of those of `x2`.

    Args:
        x1: array of any shape.
        x2: array of any shape, the set.
        assume_unique: whether neither has equal values: a hint, which does not change the result.
        invert: whether to return the opposite.

    Returns:
        Bool array of the shape of `x1`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.isin([1, 2, 3], [3, 1])).tolist()
    [True, False, True]
    """
    values = b.reshape(x2, (-1,))
    n = b.shape(values)[0]
    if n == 0:
        return b.full(b.shape(x1), invert, "bool")
    number = b.cast(x1, "int32") if b.dtype(x1) == "bool" else x1
    ordered = b.sort(b.cast(values, b.dtype(number)), axis=-1)
    place = b.minimum(b.cast(b.searchsorted(ordered, number, side="left"), "int32"), n - 1)
    found = b.equal(b.take(ordered, place, 0), number)
    return b.logical_not(found) if invert else found


@op("x", dtype=rules.same, elementwise=True)
def nan_to_num(
    b: Backend,
    x: ArrayLike,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Array:
    """`x` with other values in the place of NaN and of the infinities.

    Args:
        x: array of any shape.
        nan: the value for NaN.
        posinf: the value for infinity; the largest number of the dtype for None.
        neginf: the value for minus infinity; the smallest number of the dtype for None.

    Returns:
        Array of the shape and dtype of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.nan_to_num([1.0, float("nan")])).tolist()
    [1.0, 0.0]
    """
    name = b.dtype(x)
    if dtypes.is_complex(name):
        parts = [b.nan_to_num(part, nan, posinf, neginf) for part in (b.real(x), b.imag(x))]
        return b.make_complex(*parts)
    if not dtypes.is_float(name):
        return x
    largest = largest_number(name)
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    infinite = b.isinf(x)
    x = b.where(b.logical_and(infinite, b.greater(x, 0)), b.full_like(x, high), x)
    x = b.where(b.logical_and(infinite, b.less(x, 0)), b.full_like(x, low), x)
    return b.where(b.isnan(x), b.full_like(x, nan), x)


def largest_number(dtype: str) -> float:
    """The largest finite number of a float dtype."""
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]


@op("?*condlist *choicelist default", dtype=rules.promote)
def select(
    b: Backend,
    condlist: Sequence[ArrayLike],
    choicelist: Sequence[ArrayLike],
    default: ArrayLike = 0,
) -> Array:
    """For each place the value whose condition holds there, the first of several.

    Args:
        condlist: bool arrays.
        choicelist: as many arrays, which broadcast.
        default: the value where no condition holds.

    Returns:
        Array of the joint shape and dtype.

    Raises:
        InputError: if there are not as many choices as conditions, or none.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.array([1, 2, 3])
    >>> ops.convert_to_numpy(ops.select([x < 2, x > 2], [x * 10, x * 100], 7)).tolist()
    [10, 7, 300]
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise InputError(
            "select() needs one choice for each condition, got "
            f"{len(condlist)} conditions and {len(choicelist)} choices."
        )
    result = b.asarray(default) if isinstance(default, (int, float)) else default
    result = b.cast(result, b.dtype(choicelist[0]))
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = b.where(b.cast(condition, "bool"), choice, result)
    return result


@op("x1 x2", dtype=rules.floating, elementwise=True)
def heaviside(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """The step function: 0 where `x1` is negative, 1 where it is positive, and `x2` where it is 0.

    Args:
        x1: array of any shape.
        x2: the value at 0, array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.heaviside([-1.0, 0.0, 2.0], 0.5)).tolist()
    [0.0, 0.5, 1.0]
    """
    step = b.where(b.isnan(x1), x1, b.cast(b.greater(x1, 0.0), b.dtype(x1)))
    return b.where(b.equal(x1, 0.0), x2, step)


@op("x1 ?x2", dtype=rules.floating, elementwise=True)
def ldexp(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """x1 * 2**x2, elementwise.

    Args:
        x1: array of any shape.
        x2: integer array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape, of the dtype of `x1`; integers become the default float dtype.

    Raises:
        InputError: if the exponents are not integers.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.ldexp([1.0, 3.0], [3, -1])).tolist()
    [8.0, 1.5]
    """
    if dtypes.is_float(b.dtype(x2)):
        raise InputError(f"ldexp() needs integer exponents, got {b.dtype(x2)}.")
    whole = b.cast(x2, "int32")
    half = b.floor_divide(whole, 2)  # in two steps, so that the power itself does not overflow
    two = b.full_like(x1, 2.0)
    return (
        x1
        * b.power(two, b.cast(half, b.dtype(x1)))
        * b.power(two, b.cast(whole - half, b.dtype(x1)))
    )


@op("x1 x2", dtype=rules.floating, elementwise=True)
def nextafter(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """The next number after `x1` towards `x2` that the dtype has.

    Args:
        x1: array of any shape.
        x2: array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype; integers and bools become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.nextafter(1.0, 2.0)) - 1.0 == 2.0**-23
    True
    """
    return b.nextafter(x1, x2)


@op("x1 x2", dtype=rules.arithmetic, elementwise=True)
def gcd(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Greatest common divisor of |x1| and |x2|, elementwise, by Euclid's algorithm.

    Args:
        x1: integer array of any shape.
        x2: integer array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Raises:
        InputError: if an array is not one of integers.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.gcd([12, 7], [18, 21])).tolist()
    [6, 7]
    """
    _integers(b, x1, "gcd")
    zeros = b.zeros_like(b.add(x1, x2))

    def step(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        large, small = pair
        done = b.equal(small, 0)
        rest = b.mod(large, b.where(done, b.ones_like(small), small))
        return b.where(done, large, small), b.where(done, small, rest)

    start = (b.abs(x1) + zeros, b.abs(x2) + zeros)
    return b.while_loop(
        lambda pair: b.any(b.not_equal(pair[1], 0), axis=None, keepdims=False), step, start
    )[0]


@op("x1 x2", dtype=rules.arithmetic, elementwise=True)
def lcm(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Least common multiple of |x1| and |x2|, elementwise; 0 if one of them is 0.

    Args:
        x1: integer array of any shape.
        x2: integer array of a shape that broadcasts with that of `x1`.

    Returns:
        Array of the joint shape and dtype.

    Raises:
        InputError: if an array is not one of integers.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.lcm([4, 7], [6, 0])).tolist()
    [12, 0]
    """
    _integers(b, x1, "lcm")
    divisor = b.gcd(x1, x2)
    safe = b.where(b.equal(divisor, 0), b.ones_like(divisor), divisor)
    return b.multiply(b.floor_divide(b.abs(x1), safe), b.abs(x2))


def _integers(b: Backend, x: Array, op_name: str) -> None:
    if not dtypes.is_int(b.dtype(x)):
        raise InputError(f"{op_name}() needs integers, got {b.dtype(x)}.")


__all__ = [
    "allclose",
    "gcd",
    "heaviside",
    "isclose",
    "isin",
    "lcm",
    "ldexp",
    "nan_to_num",
    "nextafter",
    "select",
]
