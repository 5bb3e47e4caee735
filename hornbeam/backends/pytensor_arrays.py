"""PyTensor's functions under NumPy's names and with NumPy's arguments: arithmetic and shaping in graphs.

All functions here take and return PyTensor's variables, of which at least one is given; numbers and
NumPy arrays beside them become constants.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.tensor.shape import Shape_i

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.dims import TracedDim, value_of
from hornbeam.backends.numpy import NumpyBackend
from hornbeam.backends.pytensor_host import Host, Pull, Static, static
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import UnsupportedError

Variable = Any

NUMPY = NumpyBackend()
KNOWN = frozenset(
    """bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64
    complex128""".split()
)


def native_dtype(dtype: str) -> np.dtype[Any]:
    """NumPy's dtype for a Hornbeam name, if PyTensor has it.

    Raises:
        UnsupportedError: for bfloat16 and float8, which PyTensor does not have.
    """
    if dtype not in KNOWN:
        raise UnsupportedError(
            f"The engine 'pytensor' has no dtype {dtype!r}. Use 'float32' (mixed precision: "
            "'mixed_float16'), or the 'jax' engine: `hornbeam.config.set_backend('jax')` before the "
            "model is built."
        )
    return np.dtype(dtype)


def is_variable(x: Any) -> bool:
    """Whether `x` is one of PyTensor's variables."""
    return isinstance(x, pt.TensorVariable)


def constant(x: Any, dtype: Any = None) -> Variable:
    """`x` as a variable; what is no variable yet as a constant."""
    x = value_of(x)
    if is_variable(x):
        return x if dtype is None or x.dtype == np.dtype(dtype).name else pt.cast(x, dtype)
    array = NUMPY.asarray(x) if dtype is None else np.asarray(x, dtype)
    return pt.constant(array, dtype=array.dtype.name)


def shape(x: Variable) -> tuple[Any, ...]:
    """Ints, and a `TracedDim` for each size that is not known while tracing."""
    return tuple(
        TracedDim(Shape_i(i)(x)) if n is None else int(n) for i, n in enumerate(x.type.shape)
    )


def sizes(shape: Any) -> list[Any]:
    """A shape as PyTensor takes it: ints and scalar variables."""
    given = (shape,) if not isinstance(shape, (tuple, list, np.ndarray)) else shape
    return [n if is_variable(n) else int(n) for n in map(value_of, given)]


def filled(value: Variable, wanted: Sequence[Any]) -> Variable:
    """PyTensor's `alloc`, which by itself rewrites the whole graph behind a size that is no number."""
    static = [None if is_variable(n) else n for n in wanted]
    out = pt.TensorType(value.dtype, shape=static)()
    given = [
        pt.cast(n, "int64") if is_variable(n) else pt.constant(n, dtype="int64") for n in wanted
    ]
    return Apply(pt.alloc, [value, *given], [out]).outputs[0]


def kind_of(x: Variable) -> str:
    """NumPy's letter for the kind of dtype."""
    return str(np.dtype(x.dtype).kind)


def operands(x: Any, y: Any) -> tuple[Variable, Variable]:
    """Two variables, of which one may have been given as a number or a NumPy array."""
    x, y = value_of(x), value_of(y)
    if not is_variable(x):
        y, x = operands(y, x)
        return x, y
    if is_variable(y):
        return x, y
    if isinstance(y, (np.ndarray, np.generic)):
        return x, constant(y)
    if isinstance(y, complex) and kind_of(x) != "c":
        x = pt.cast(x, "complex128" if x.dtype == "float64" else "complex64")
    elif isinstance(y, float) and kind_of(x) not in "fc":
        x = pt.cast(x, dtypes.floatx())
    return x, constant(y, x.dtype)


# ------------------------------------------------------------------------------------- elementwise


def cast(x: Variable, dtype: str) -> Variable:
    """`x` in another dtype; of complex numbers the real part."""
    target = native_dtype(dtype)
    if x.dtype == target.name:
        return x
    if dtype == "bool":
        return pt.neq(x, constant(0, x.dtype))
    if kind_of(x) == "c" and target.kind != "c":
        x = pt.real(x)
    return pt.cast(x, dtype)


def truth(x: Any) -> Variable:
    """Whether values are not 0."""
    x = constant(x)
    return x if x.dtype == "bool" else pt.neq(x, constant(0, x.dtype))


def counted(x: Variable) -> Variable:
    """`x` with bools as integers."""
    return pt.cast(x, "int64") if x.dtype == "bool" else x


def _of_floats(fn: Callable[..., Any], for_integers: Any) -> Callable[..., Any]:
    """`fn` for floats, and parts of complex numbers; a constant for integers."""

    def run(x: Variable) -> Variable:
        if kind_of(x) == "c":
            join = pt.and_ if for_integers else pt.or_
            return join(run(pt.real(x)), run(pt.imag(x)))
        if kind_of(x) != "f":
            return pt.zeros_like(x, dtype="bool") | constant(for_integers)
        return fn(x)

    return run


def _unless_integer(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: fn(x) if kind_of(x) in "fc" else x


def sign(x: Variable) -> Variable:
    """Of complex numbers the number divided by its magnitude."""
    if kind_of(x) == "b":
        return x
    if kind_of(x) == "c":
        size = pt.cast(pt.abs(x), x.dtype)
        return pt.switch(pt.eq(size, 0), size, x / pt.switch(pt.eq(size, 0), size + 1, size))
    return pt.cast(pt.sign(x), x.dtype)


def _logarithm(fn: Callable[..., Any], base: int) -> Callable[..., Any]:
    """PyTensor's, which has none of complex numbers to other bases."""
    return lambda x: pt.log(x) / constant(math.log(base), x.dtype) if kind_of(x) == "c" else fn(x)


_SAME_NAME = """exp expm1 log log1p sqrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
arctanh erf erfinv""".split()

UNARY: dict[str, Callable[..., Any]] = {name: getattr(pt, name) for name in _SAME_NAME} | {
    "abs": lambda x: x if kind_of(x) in "bu" else pt.abs(x),
    "negative": lambda x: pt.cast(-x, x.dtype),
    "sign": sign,
    "log2": _logarithm(pt.log2, 2),
    "log10": _logarithm(pt.log10, 10),
    "square": lambda x: x if x.dtype == "bool" else pt.sqr(x),
    "reciprocal": lambda x: constant(1, x.dtype) / x,
    "floor": _unless_integer(pt.floor),
    "ceil": _unless_integer(pt.ceil),
    "trunc": _unless_integer(pt.trunc),
    "round": _unless_integer(lambda x: pt.round(x, mode="half_to_even")),
    "isnan": _of_floats(pt.isnan, False),
    "isinf": _of_floats(pt.isinf, False),
    "isfinite": _of_floats(lambda x: pt.invert(pt.or_(pt.isnan(x), pt.isinf(x))), True),
    "logical_not": lambda x: pt.invert(truth(x)),
    "bitwise_not": pt.invert,
    "real": lambda x: pt.real(x) if kind_of(x) == "c" else x,
    "imag": lambda x: pt.imag(x) if kind_of(x) == "c" else pt.zeros_like(x),
    "conj": lambda x: pt.conj(x) if kind_of(x) == "c" else x,
    "lgamma": pt.gammaln,
}


def _not_by_zero(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Division of integers by 0 gives 0, as NumPy's does; in C it would stop the program."""

    def run(x: Variable, y: Variable) -> Variable:
        if kind_of(y) == "f":
            return fn(x, y)
        none = pt.eq(y, 0)
        found = fn(x, pt.switch(none, constant(1, y.dtype), y))
        return pt.switch(none, pt.zeros_like(found), found)

    return run


def _of_bools(fn: Callable[..., Any], for_bools: Any = None) -> Callable[..., Any]:
    def run(x: Variable, y: Variable) -> Variable:
        if x.dtype == "bool" == y.dtype:
            if for_bools is not None:
                return for_bools(x, y)
            x, y = pt.cast(x, "int8"), pt.cast(y, "int8")
        return fn(x, y)

    return run


def _of_truths(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: fn(truth(x), truth(y))


def types_of(name: str, *args: Any, **options: Any) -> list[tuple[str, Static]]:
    """The dtype and what is known of the shape of each result of a primitive, by its shape rule."""
    given = [KerasTensor(static(x), x.dtype) if is_variable(x) else x for x in args]
    out = getattr(registry.get("symbolic"), name)(*given, **options)
    outs = out if isinstance(out, tuple) else (out,)
    return [(x.dtype, tuple(n if isinstance(n, int) else None for n in x.shape)) for x in outs]


def by_numpy(name: str, *args: Any, pull: Pull | None = None, **options: Any) -> Variable:
    """A primitive of variables and constants, computed by NumPy."""
    given = [constant(x) for x in args]
    run = functools.partial(getattr(NUMPY, name), **options)
    node = Host(
        name, lambda *values: np.array(run(*values)), types_of(name, *given, **options), pull
    )
    return node(*given)


def _of_two(name: str) -> Callable[..., Any]:
    return lambda x, y: by_numpy(name, *operands(x, y))


def _binary(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: fn(*operands(x, y))


BINARY: dict[str, Callable[..., Any]] = {
    name: _binary(fn)
    for name, fn in {
        "add": _of_bools(pt.add, pt.or_),
        "subtract": pt.sub,
        "multiply": _of_bools(pt.mul, pt.and_),
        "divide": pt.true_div,
        "floor_divide": _not_by_zero(pt.int_div),
        "mod": _not_by_zero(pt.mod),
        "power": pt.pow,
        "maximum": _of_bools(pt.maximum, pt.or_),
        "minimum": _of_bools(pt.minimum, pt.and_),
        "arctan2": pt.arctan2,
        "equal": pt.eq,
        "not_equal": pt.neq,
        "less": _of_bools(pt.lt),
        "less_equal": _of_bools(pt.le),
        "greater": _of_bools(pt.gt),
        "greater_equal": _of_bools(pt.ge),
        "logical_and": _of_truths(pt.and_),
        "logical_or": _of_truths(pt.or_),
        "logical_xor": _of_truths(pt.xor),
        "bitwise_and": pt.and_,
        "bitwise_or": pt.or_,
        "bitwise_xor": pt.xor,
    }.items()
} | {name: _of_two(name) for name in ("left_shift", "right_shift", "nextafter")}


def where(condition: Any, x: Any, y: Any) -> Variable:
    """Either may be a number."""
    if is_variable(x) or is_variable(y):
        x, y = operands(x, y)
    else:
        x, y = constant(x), constant(y)
    return pt.switch(truth(condition), x, y)


# -------------------------------------------------------------------------------------- reductions


def axes_of(x: Variable, axis: Any) -> list[int]:
    """The axes that are meant, from 0."""
    if axis is None:
        return list(range(x.ndim))
    return [int(a) % x.ndim for a in np.atleast_1d(np.asarray(axis, int))]


def wide_dtype(x: Variable) -> str:
    """The dtype in which NumPy adds up."""
    return str({"b": "int64", "i": "int64", "u": "uint64"}.get(kind_of(x), x.dtype))


def _total(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Floats in their own dtype, integers in 64 bits."""

    def run(x: Variable, axis: Any = None, keepdims: bool = False) -> Variable:
        axes = axes_of(x, axis)
        x = pt.cast(x, wide_dtype(x))
        acc = "float32" if x.dtype == "float16" else x.dtype
        return fn(x, axes, dtype=x.dtype, acc_dtype=acc, keepdims=keepdims) if axes else x

    return run


def mean(x: Variable, axis: Any = None, keepdims: bool = False) -> Variable:
    """Integers as float64."""
    x = x if kind_of(x) in "fc" else pt.cast(x, "float64")
    count = math.prod(size_of(x, a) for a in axes_of(x, axis))
    return _total(pt.sum)(x, axis, keepdims) / constant(count, x.dtype)


def _over_axes(fn: Callable[..., Any], for_bools: Any, kind: Any = None) -> Callable[..., Any]:
    """`fn` over axes, if there are any; of bools another function, of truths if `kind` says so."""

    def run(x: Variable, axis: Any = None, keepdims: bool = False) -> Variable:
        axes, x = axes_of(x, axis), kind(x) if kind else x
        found = for_bools if x.dtype == "bool" else fn
        return found(x, axes, keepdims=keepdims) if axes else x

    return run


def _arg(ordered: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Variable, axis: int | None = None, keepdims: bool = False) -> Variable:
        x = counted(x)
        if x.ndim == 0:
            return pt.zeros_like(x, dtype="int64")
        return pt.argmax(ordered(x), axis, keepdims=keepdims)

    return run


# ------------------------------------------------------------------------------------------ shaping


def reshape(x: Variable, shape: Any) -> Variable:
    """`shape` may be one number."""
    wanted = sizes(shape)
    if None not in static(x) and not any(map(is_variable, wanted)) and -1 in wanted:
        rest = math.prod(n for n in wanted if n != -1)
        total = math.prod(static(x))
        if rest and total % rest == 0:
            wanted[wanted.index(-1)] = total // rest
    if wanted == list(static(x)):
        return x
    return pt.reshape(x, wanted, ndim=len(wanted)) if wanted else x.reshape((), ndim=0)


def transpose(x: Variable, axes: Any = None) -> Variable:
    """None reverses the axes."""
    order = range(x.ndim)[::-1] if axes is None else [int(a) % x.ndim for a in axes]
    return x.dimshuffle(*order)


def broadcast_to(x: Variable, shape: Any) -> Variable:
    """Repeated, where it has size 1."""
    wanted = sizes(shape)
    if wanted == list(static(x)):
        return x
    return filled(x, wanted)


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Variable:
    """Along an axis that exists."""
    return pt.join(axis % constant(arrays[0]).ndim, *[constant(a) for a in arrays])


def stack(arrays: Sequence[Any], axis: int = 0) -> Variable:
    """Along a new axis."""
    given = [constant(a) for a in arrays]
    return pt.stack(given, axis % (given[0].ndim + 1))


def expand_dims(x: Variable, axis: Any) -> Variable:
    """One new axis or several; they count in the result."""
    return pt.expand_dims(x, tuple(int(a) for a in np.atleast_1d(axis)))


def squeeze(x: Variable, axis: Any = None) -> Variable:
    """Without axes of size 1."""
    axes = [i for i, n in enumerate(static(x)) if n == 1] if axis is None else axes_of(x, axis)
    unknown = [a for a in axes if static(x)[a] is None]
    if unknown:
        x = pt.specify_shape(x, [1 if i in unknown else None for i in range(x.ndim)])
    return x.dimshuffle(*[i for i in range(x.ndim) if i not in axes])


def flip(x: Variable, axis: Any = None) -> Variable:
    """Backwards along axes."""
    axes = axes_of(x, axis)
    return x[tuple(slice(None, None, -1 if i in axes else None) for i in range(x.ndim))]


def size_of(x: Variable, axis: int) -> Any:
    """One size: an int, or a scalar variable."""
    n = static(x)[axis]
    return Shape_i(axis)(x) if n is None else int(n)


def sized(out: Variable, shape: Sequence[Any]) -> Variable:
    """`out` with the sizes that are known but that PyTensor has lost."""
    return out if out.type.shape == tuple(shape) else pt.specify_shape(out, list(shape))


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": _total(pt.sum),
    "prod": _total(pt.prod),
    "mean": mean,
    "max": _over_axes(pt.max, pt.any),
    "min": _over_axes(pt.min, pt.all),
    "any": _over_axes(pt.any, pt.any, truth),
    "all": _over_axes(pt.all, pt.all, truth),
    "argmax": _arg(lambda x: x),
    "argmin": _arg(lambda x: pt.invert(x) if kind_of(x) in "iu" else -x),
}
SHAPING = {
    name: globals()[name]
    for name in """reshape transpose broadcast_to concatenate stack expand_dims squeeze flip
    where""".split()
}
