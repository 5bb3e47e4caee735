"""TensorFlow's elementwise functions under NumPy's names and with NumPy's meaning."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from hornbeam import dtypes
from hornbeam.backends.tensorflow_base import DTYPES, asarray, constant, raw, widened

Array = Any


def _unary(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: kernel(x=x)


_UNARY: dict[str, Callable[..., Any]] = {
    name: _unary(kernel)
    for name, kernel in {
        "negative": raw.Neg,
        "exp": raw.Exp,
        "expm1": raw.Expm1,
        "log": raw.Log,
        "log1p": raw.Log1p,
        "sqrt": raw.Sqrt,
        "square": raw.Square,
        "reciprocal": raw.Reciprocal,
        "sin": raw.Sin,
        "cos": raw.Cos,
        "tan": raw.Tan,
        "arcsin": raw.Asin,
        "arccos": raw.Acos,
        "arctan": raw.Atan,
        "sinh": raw.Sinh,
        "cosh": raw.Cosh,
        "tanh": raw.Tanh,
        "arcsinh": raw.Asinh,
        "arccosh": raw.Acosh,
        "arctanh": raw.Atanh,
        "floor": raw.Floor,
        "ceil": raw.Ceil,
        "round": raw.Round,
        "sign": raw.Sign,
        "erf": raw.Erf,
        "erfinv": raw.Erfinv,
        "lgamma": raw.Lgamma,
    }.items()
}


def abs(x: Array) -> Array:
    """Magnitudes of complex numbers; bools and unsigned integers are what they are."""
    if x.dtype is tf.bool or x.dtype.is_unsigned:
        return x
    return tf.abs(x)


def log2(x: Array) -> Array:
    """Logarithm to the base 2."""
    return tf.math.log(x) / tf.constant(math.log(2), x.dtype)


def log10(x: Array) -> Array:
    """Logarithm to the base 10."""
    return tf.math.log(x) / tf.constant(math.log(10), x.dtype)


def trunc(x: Array) -> Array:
    """Towards zero."""
    if not x.dtype.is_floating:
        return x
    return tf.where(x < 0, tf.math.ceil(x), tf.math.floor(x))


def _of_parts(fn: Callable[..., Any], joined: Callable[..., Any]) -> Callable[..., Any]:
    """A test of floats for complex numbers and integers too."""

    def run(x: Array) -> Array:
        if x.dtype.is_complex:
            return joined(fn(tf.math.real(x)), fn(tf.math.imag(x)))
        if not x.dtype.is_floating:
            return fn(tf.cast(x, tf.float32))
        return fn(x)

    return run


def truth(x: Any) -> Array:
    """Whether values are not 0."""
    x = x if isinstance(x, tf.Tensor) else asarray(x)
    return x if x.dtype is tf.bool else tf.cast(x, tf.bool)


def logical_not(x: Array) -> Array:
    """Whether a value is 0."""
    return tf.logical_not(truth(x))


def bitwise_not(x: Array) -> Array:
    """All bits turned round."""
    return tf.logical_not(x) if x.dtype is tf.bool else tf.bitwise.invert(x)


def real(x: Array) -> Array:
    """The real part."""
    return tf.math.real(x) if x.dtype.is_complex else x


def imag(x: Array) -> Array:
    """The imaginary part."""
    return tf.math.imag(x) if x.dtype.is_complex else tf.zeros_like(x)


def operands(x: Any, y: Any) -> tuple[Any, Any]:
    """Two tensors, of which one may have been given as a number."""
    if not isinstance(x, tf.Tensor):
        y, x = operands(y, x)
        return x, y
    if isinstance(y, tf.Tensor):
        return x, y
    if isinstance(y, (int, float, complex, bool)):
        if isinstance(y, complex) and not x.dtype.is_complex:
            x = tf.cast(x, tf.complex128 if x.dtype is tf.float64 else tf.complex64)
        elif isinstance(y, float) and not (x.dtype.is_floating or x.dtype.is_complex):
            x = tf.cast(x, DTYPES[dtypes.floatx()])
        return x, constant(y, x.dtype)
    y = asarray(y)
    return x, y


def _binary(fn: Callable[..., Any], index: bool = False) -> Callable[..., Any]:
    """`fn`, which wants two tensors, for a tensor and a number too, in any dtype."""

    def of_tensors(x: Any, y: Any) -> Any:
        return fn(*operands(x, y))

    wide = widened(of_tensors, index)

    def run(x: Any, y: Any) -> Any:
        if not isinstance(x, tf.Tensor) and not isinstance(y, tf.Tensor):
            x = asarray(x)
        return wide(x, y)

    return run


def _kernel_of_two(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: kernel(x=x, y=y)


def _of_bools(
    kernel: Callable[..., Any], of_bools: Callable[..., Any] | None
) -> Callable[..., Any]:
    """`kernel` for numbers; bools by `of_bools`, or as 0 and 1."""

    def run(x: Array, y: Array) -> Array:
        if x.dtype is tf.bool:
            if of_bools is not None:
                return of_bools(x, y)
            x, y = tf.cast(x, tf.int32), tf.cast(y, tf.int32)
        return kernel(x=x, y=y)

    return run


def _not_by_zero(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Division of integers by 0 gives 0, as NumPy's does; TensorFlow stops the program."""

    def run(x: Array, y: Array) -> Array:
        if x.dtype.is_floating:
            return kernel(x=x, y=y)
        none = tf.equal(y, 0)
        found = kernel(x=x, y=tf.where(none, tf.ones_like(y), y))
        return tf.where(none, tf.zeros_like(found), found)

    return run


def divide(x: Array, y: Array) -> Array:
    """Of floats and complex numbers."""
    return raw.RealDiv(x=x, y=y)


def power(x: Array, y: Array) -> Array:
    """Integers take exponents from 0 on."""
    return raw.Pow(x=x, y=y)


_BINARY: dict[str, Callable[..., Any]] = {
    "add": _of_bools(raw.AddV2, tf.logical_or),
    "subtract": _kernel_of_two(raw.Sub),
    "multiply": _of_bools(raw.Mul, tf.logical_and),
    "divide": divide,
    "floor_divide": _not_by_zero(raw.FloorDiv),
    "mod": _not_by_zero(raw.FloorMod),
    "power": power,
    "maximum": _of_bools(raw.Maximum, tf.logical_or),
    "minimum": _of_bools(raw.Minimum, tf.logical_and),
    "arctan2": lambda x, y: raw.Atan2(y=x, x=y),
    "bitwise_and": _of_bools(raw.BitwiseAnd, tf.logical_and),
    "bitwise_or": _of_bools(raw.BitwiseOr, tf.logical_or),
    "bitwise_xor": _of_bools(raw.BitwiseXor, tf.math.logical_xor),
    "left_shift": _kernel_of_two(raw.LeftShift),
    "right_shift": _kernel_of_two(raw.RightShift),
    "nextafter": lambda x, y: raw.NextAfter(x1=x, x2=y),
}
_COMPARISONS: dict[str, Callable[..., Any]] = {
    "equal": tf.math.equal,
    "not_equal": tf.math.not_equal,
    "less": _of_bools(raw.Less, None),
    "less_equal": _of_bools(raw.LessEqual, None),
    "greater": _of_bools(raw.Greater, None),
    "greater_equal": _of_bools(raw.GreaterEqual, None),
}
_LOGICAL = {
    "logical_and": tf.logical_and,
    "logical_or": tf.logical_or,
    "logical_xor": tf.math.logical_xor,
}


def _of_truths(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: fn(truth(x), truth(y))


def primitives() -> dict[str, Callable[..., Any]]:
    """Name -> function."""
    own = {"abs": abs, "log2": log2, "log10": log10, "trunc": trunc, "bitwise_not": bitwise_not}
    found = {name: widened(fn) for name, fn in {**own, **_UNARY}.items()}
    found |= {name: _binary(fn) for name, fn in _BINARY.items()}
    found |= {name: _binary(fn, index=True) for name, fn in _COMPARISONS.items()}
    found |= {name: _of_truths(fn) for name, fn in _LOGICAL.items()}
    found["isnan"] = widened(_of_parts(tf.math.is_nan, tf.logical_or))
    found["isinf"] = widened(_of_parts(tf.math.is_inf, tf.logical_or))
    found["isfinite"] = widened(_of_parts(tf.math.is_finite, tf.logical_and))
    found["conj"] = lambda x: tf.math.conj(x) if x.dtype.is_complex else x
    found |= {"logical_not": logical_not, "real": real, "imag": imag, "make_complex": tf.complex}
    return found
