"""TensorFlow's functions under NumPy's names and with NumPy's arguments: the array primitives.

TensorFlow has kernels for some operations and dtypes and not for others, and in a graph that shows
only when it runs.  So `widened` computes the small integers in 32 or 64 bits everywhere, eagerly and in
graphs, and casts back, which gives the same numbers (arithmetic modulo a power of two).
"""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from hornbeam import dtypes
from hornbeam.backends.dims import TracedDim, value_of
from hornbeam.backends.numpy import to_array
from hornbeam.backends.tensorflow_indexing import (
    fancy_getitem,
    nonzero,
    scatter,
    slice_update,
    slice_window,
    take,
    take_along_axis,
)
from hornbeam.errors import UnsupportedError

Array = Any
raw = tf.raw_ops

DTYPES: dict[str, Any] = {name: tf.as_dtype(name) for name in dtypes.ALL}
NAMES: dict[Any, str] = {dtype: name for name, dtype in DTYPES.items()}
REFUSALS: tuple[Any, ...] = (
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.UnimplementedError,
    TypeError,
    ValueError,
)
"""How TensorFlow says that it has no kernel for a dtype."""

_WIDER = {
    tf.int8: tf.int32,
    tf.uint8: tf.int32,
    tf.int16: tf.int32,
    tf.uint16: tf.int32,
    tf.uint32: tf.int64,
    tf.as_dtype("float8_e4m3fn"): tf.float32,
    tf.as_dtype("float8_e5m2"): tf.float32,
}
_WIDER_IF_REFUSED = {tf.bfloat16: tf.float32, tf.float16: tf.float32, tf.uint64: tf.int64}


def asarray(x: Any, dtype: str | None = None) -> Array:
    """`x` as a tensor; NumPy arrays are copied, since nobody else may change a tensor's values."""
    if isinstance(x, TracedDim):
        x = x.scalar
    if isinstance(x, (tf.Variable, tf.IndexedSlices)):
        x = tf.convert_to_tensor(x)
    if isinstance(x, tf.Tensor):
        return x if dtype is None else cast(x, dtype)
    if isinstance(x, (list, tuple)) and builtins.any(map(tf.is_tensor, x)):
        x = tf.stack([asarray(item) for item in x])
        return x if dtype is None else cast(x, dtype)
    array = to_array(x, dtype)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return tf.constant(np.array(array) if array is x else array)


def to_numpy(x: Array) -> Any:
    """A copy of the values, on the host."""
    values = x.numpy()
    return values if isinstance(values, np.ndarray) else np.asarray(values)


def cast(x: Array, dtype: str) -> Array:
    """`x` in another dtype; of complex numbers the real part."""
    target = DTYPES[dtype]
    if x.dtype is target:
        return x
    if x.dtype.is_complex and not target.is_complex and target is not tf.bool:
        x = tf.math.real(x)
    if target is tf.string:
        return tf.strings.as_string(x)
    if x.dtype.is_floating and target.is_integer and target.size < 4:
        x = raw.Cast(x=x, DstT=tf.int32)  # as C does it: modulo, not clipped
    return raw.Cast(x=x, DstT=target)


def shape(x: Array) -> tuple[Any, ...]:
    """Ints, and a `TracedDim` for each size that is not known while tracing."""
    known = tuple(x.shape)
    if None not in known:
        return known
    sizes = tf.shape(x)
    return tuple(TracedDim(sizes[i]) if n is None else n for i, n in enumerate(known))


def sizes(shape: Any) -> Any:
    """A shape as TensorFlow takes it: ints, or one tensor if some are traced."""
    given = [value_of(n) for n in ((shape,) if np.ndim(shape) == 0 else shape)]
    if not builtins.any(tf.is_tensor(n) for n in given):
        return [int(n) for n in given]
    return tf.stack([tf.cast(n, tf.int32) for n in given])


# ------------------------------------------------------------------------ dtypes without kernels


def widened(fn: Callable[..., Any], index: bool = False) -> Callable[..., Any]:
    """`fn` for the dtypes that TensorFlow has no kernels for as well.

    Args:
        fn: a function of tensors, and of sequences of tensors.
        index: whether its result counts places, and so has a dtype of its own.
    """

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        given = _dtype_of(args)
        wider = _WIDER.get(given)
        if wider is None:
            try:
                return fn(*args, **kwargs)
            except REFUSALS:
                wider = _WIDER_IF_REFUSED.get(given)
                if wider is None:
                    raise
        out = fn(*[_as_wide(a, given, wider) for a in args], **kwargs)
        if index:
            return out
        if isinstance(out, (tuple, list)):
            return type(out)(_back(part, given, wider) for part in out)
        return _back(out, given, wider)

    return run


def _dtype_of(args: Sequence[Any]) -> Any:
    for arg in args:
        if isinstance(arg, tf.Tensor):
            return arg.dtype
        if isinstance(arg, (list, tuple)) and arg and isinstance(arg[0], tf.Tensor):
            return arg[0].dtype
    return None


def _as_wide(x: Any, given: Any, wider: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)(_as_wide(item, given, wider) for item in x)
    if not isinstance(x, tf.Tensor) or x.dtype is not given:
        return x
    if given is tf.uint64 and not tf.is_symbolic_tensor(x) and (x.numpy() >= 2**63).any():
        raise UnsupportedError(
            "The engine 'tensorflow' cannot compute this with uint64 numbers from 2**63 on."
        )
    return raw.Cast(x=x, DstT=wider)


def _back(x: Any, given: Any, wider: Any) -> Any:
    return raw.Cast(x=x, DstT=given) if isinstance(x, tf.Tensor) and x.dtype is wider else x


# ------------------------------------------------------------------------------------- elementwise


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


def _truth(x: Any) -> Array:
    x = x if isinstance(x, tf.Tensor) else asarray(x)
    return x if x.dtype is tf.bool else tf.cast(x, tf.bool)


def logical_not(x: Array) -> Array:
    """Whether a value is 0."""
    return tf.logical_not(_truth(x))


def bitwise_not(x: Array) -> Array:
    """All bits turned round."""
    return tf.logical_not(x) if x.dtype is tf.bool else tf.bitwise.invert(x)


def real(x: Array) -> Array:
    """The real part."""
    return tf.math.real(x) if x.dtype.is_complex else x


def imag(x: Array) -> Array:
    """The imaginary part."""
    return tf.math.imag(x) if x.dtype.is_complex else tf.zeros_like(x)


def constant(value: Any, dtype: Any) -> Array:
    """A number as a tensor."""
    return tf.constant(bool(value) if dtype is tf.bool else value, dtype)


def _operands(x: Any, y: Any) -> tuple[Any, Any]:
    """Two tensors, of which one may have been given as a number."""
    if not isinstance(x, tf.Tensor):
        y, x = _operands(y, x)
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
        return fn(*_operands(x, y))

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
    return lambda x, y: fn(_truth(x), _truth(y))


# -------------------------------------------------------------------------------------- reductions


def _axes(axis: Any) -> Any:
    return axis if axis is None or isinstance(axis, int) else [int(a) for a in np.atleast_1d(axis)]


def _counted(x: Array) -> Array:
    return tf.cast(x, tf.int32) if x.dtype is tf.bool else x


def sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """In the dtype of `x`; bools are counted."""
    return tf.reduce_sum(_counted(x), _axes(axis), keepdims)


def prod(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """In the dtype of `x`."""
    return tf.reduce_prod(_counted(x), _axes(axis), keepdims)


def max(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Equal values share the gradient."""
    if x.dtype is tf.bool:
        return tf.reduce_any(x, _axes(axis), keepdims)
    return tf.reduce_max(x, _axes(axis), keepdims)


def min(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Equal values share the gradient."""
    if x.dtype is tf.bool:
        return tf.reduce_all(x, _axes(axis), keepdims)
    return tf.reduce_min(x, _axes(axis), keepdims)


def any(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Whether any value is not 0."""
    return tf.reduce_any(_truth(x), _axes(axis), keepdims)


def all(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Whether no value is 0."""
    return tf.reduce_all(_truth(x), _axes(axis), keepdims)


def mean(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Integers as the default float."""
    if not (x.dtype.is_floating or x.dtype.is_complex):
        x = tf.cast(x, DTYPES[dtypes.floatx()])
    return tf.reduce_mean(x, _axes(axis), keepdims)


def _arg(fn: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
        rank = x.shape.rank
        x = _counted(x)
        found = fn(tf.reshape(x, [-1]) if axis is None else x, 0 if axis is None else axis)
        if not keepdims:
            return found
        return tf.reshape(found, [1] * rank) if axis is None else tf.expand_dims(found, axis)

    return run


# ------------------------------------------------------------------------------------------ shaping


def reshape(x: Array, shape: Any) -> Array:
    """`shape` may be one number."""
    return raw.Reshape(tensor=x, shape=sizes(shape))


def transpose(x: Array, axes: Any = None) -> Array:
    """None reverses the axes."""
    rank = x.shape.rank
    axes = range(rank)[::-1] if axes is None else [int(a) % rank for a in axes]
    return raw.Transpose(x=x, perm=list(axes))


def broadcast_to(x: Array, shape: Any) -> Array:
    """Repeated, where it has size 1."""
    wanted = sizes(shape)
    if isinstance(wanted, list) and x.shape.as_list() == wanted:
        return x
    return tf.broadcast_to(x, wanted)


def concatenate(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Along an axis that exists."""
    return tf.concat(list(arrays), axis)


def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Along a new axis."""
    return tf.stack([asarray(a) for a in arrays], axis)


def expand_dims(x: Array, axis: Any) -> Array:
    """One new axis or several; they count in the result."""
    if isinstance(axis, (int, np.integer)):
        return raw.ExpandDims(input=x, axis=int(axis))
    rank = x.shape.rank + len(axis)
    for place in sorted(int(a) % rank for a in axis):
        x = raw.ExpandDims(input=x, axis=place)
    return x


def squeeze(x: Array, axis: Any = None) -> Array:
    """Without axes of size 1."""
    return tf.squeeze(x, _axes(axis))


def flip(x: Array, axis: Any = None) -> Array:
    """Backwards along axes."""
    rank = x.shape.rank
    axes = range(rank) if axis is None else [int(a) % rank for a in np.atleast_1d(axis)]
    return tf.reverse(x, list(axes))


def pad(x: Array, widths: Any, mode: str = "constant", value: Any = 0) -> Array:
    """Constants at the ends, or rows taken from `x` in the order in which NumPy's `pad` takes them."""
    pairs = [(value_of(before), value_of(after)) for before, after in widths]
    if mode == "constant":
        if builtins.all(isinstance(w, (int, np.integer)) for pair in pairs for w in pair):
            if not builtins.any(map(builtins.any, pairs)):
                return x
            x = x[tuple(slice(-min_(b, 0), min_(a, 0) or None) for b, a in pairs)]
            pairs = [(max_(b, 0), max_(a, 0)) for b, a in pairs]
        fill = value if tf.is_tensor(value) else constant(value, x.dtype)
        return tf.pad(x, pairs, constant_values=tf.cast(fill, x.dtype))
    for axis, width in enumerate(pairs):
        if x.shape[axis] is None and mode in ("reflect", "symmetric"):
            x = tf.pad(x, [width if i == axis else (0, 0) for i in range(x.shape.rank)], mode)
        elif builtins.any(width):
            rows = np.pad(np.arange(x.shape[axis]), tuple(width), mode=mode)  # type: ignore[call-overload]
            x = tf.gather(x, rows, axis=axis)
    return x


min_, max_ = builtins.min, builtins.max


def where(condition: Any, x: Any, y: Any) -> Array:
    """Either may be a number."""
    if isinstance(x, tf.Tensor) or isinstance(y, tf.Tensor):
        x, y = _operands(x, y)
    return raw.SelectV2(condition=_truth(condition), t=x, e=y)


# ------------------------------------------------------------------------------- indexing, ordering


def getitem(x: Array, key: Any) -> Array:
    """By NumPy's rules."""
    return fancy_getitem(x, key)


def _last(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` of the last axis, for any axis and for bools."""

    def run(x: Array, axis: int = -1) -> Array:
        out = fn(_counted(x), axis)
        return tf.cast(out, tf.bool) if x.dtype is tf.bool and out.dtype is tf.int32 else out

    return run


def sort(x: Array, axis: int = -1) -> Array:
    """In ascending order, NaN last."""
    if x.dtype is tf.bool:
        return tf.cast(tf.sort(_counted(x), axis), tf.bool)
    return tf.sort(x, axis)


def argsort(x: Array, axis: int = -1) -> Array:
    """Stable: the kernel takes the first of equal values first."""
    return tf.argsort(_counted(x), axis, stable=True)


def searchsorted(sorted_sequence: Array, values: Array, side: str = "left") -> Array:
    """In one sorted row."""
    flat = tf.reshape(values, [-1])
    found = tf.searchsorted(sorted_sequence, flat, side)
    return tf.reshape(found, tf.shape(values) if None in values.shape else values.shape)


def cumsum(x: Array, axis: int) -> Array:
    """In the dtype of `x`."""
    return tf.cumsum(_counted(x), axis)


def cumprod(x: Array, axis: int) -> Array:
    """In the dtype of `x`."""
    return tf.math.cumprod(_counted(x), axis)


# ----------------------------------------------------------- products, linear algebra, Fourier, bits


def matmul(x: Array, y: Array) -> Array:
    """A stack of matrices times one matrix is one product of matrices, which is quicker."""
    if x.dtype is tf.bool:
        return tf.cast(matmul(tf.cast(x, tf.int32), tf.cast(y, tf.int32)), tf.bool)
    first, second = x.shape.rank, y.shape.rank
    if first == 2 == second:
        return raw.MatMul(a=x, b=y)
    if first == 1:
        rows = matmul(tf.expand_dims(x, 0), tf.expand_dims(y, 1) if second == 1 else y)
        return tf.squeeze(rows, [-2, -1] if second == 1 else -2)
    if second == 1:
        return tf.squeeze(matmul(x, tf.expand_dims(y, 1)), -1)
    if second == 2:
        out = raw.MatMul(a=tf.reshape(x, [-1, x.shape[-1] or tf.shape(x)[-1]]), b=y)
        return reshape(out, (*shape(x)[:-1], shape(y)[-1]))
    return raw.BatchMatMulV2(x=x, y=y)


def einsum(subscripts: str, *operands: Array) -> Array:
    """A product that adds up over axes."""
    if operands[0].dtype is tf.bool:
        return tf.cast(einsum(subscripts, *[tf.cast(x, tf.int32) for x in operands]), tf.bool)
    return tf.einsum(subscripts, *operands)


def _svd(x: Array, full_matrices: bool) -> Any:
    s, u, v = tf.linalg.svd(x, full_matrices=full_matrices)
    return u, s, tf.linalg.adjoint(v)


def _qr(x: Array, mode: str) -> Any:
    return tuple(tf.linalg.qr(x, full_matrices=mode == "complete"))


def _solve(a: Array, b: Array) -> Array:
    lead = tf.broadcast_static_shape(a.shape[:-2], b.shape[:-2]).as_list()
    a = broadcast_to(a, (*lead, *shape(a)[-2:]))
    return tf.linalg.solve(a, broadcast_to(b, (*lead, *shape(b)[-2:])))


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _lu(x: Array) -> Any:
    """(L and U in one, the order of the rows), with the gradient that TensorFlow lacks.

    With A = L U after the rows were reordered, the gradient of A is
    L^-H (tril(L^H dL, -1) + triu(dU U^H)) U^-H.
    """
    factors, order = tf.linalg.lu(x)

    def backward(upstream: Array, _: Any) -> Array:
        upper = tf.linalg.band_part(factors, 0, -1)
        lower = tf.linalg.set_diag(factors - upper, tf.ones_like(factors[..., 0]))
        d_upper = tf.linalg.band_part(upstream, 0, -1)
        under = tf.matmul(lower, upstream - d_upper, adjoint_a=True)
        inner = under - tf.linalg.band_part(under, 0, -1)
        inner += tf.linalg.band_part(tf.matmul(d_upper, upper, adjoint_b=True), 0, -1)
        left = tf.linalg.triangular_solve(lower, inner, lower=True, adjoint=True)
        turned = tf.linalg.triangular_solve(upper, tf.linalg.adjoint(left), lower=False)
        back = tf.argsort(order)
        return tf.gather(tf.linalg.adjoint(turned), back, axis=-2, batch_dims=x.shape.rank - 2)

    return (factors, order), backward


def _lu_factor(x: Array) -> Any:
    """TensorFlow gives the order of the rows; LAPACK says which rows were swapped, one after another."""
    factors, order = _lu(x)
    size = x.shape[-1]
    rows = tf.broadcast_to(tf.range(size), tf.shape(order))
    pivots = []
    for i in range(size):
        place = tf.argmax(tf.equal(rows, order[..., i : i + 1]), -1, tf.int32)[..., None]
        here, there = rows[..., i : i + 1], order[..., i : i + 1]
        rows = tf.where(tf.equal(tf.range(size), place), here, rows)
        rows = tf.where(tf.equal(tf.range(size), i), there, rows)
        pivots.append(place[..., 0])
    return factors, tf.stack(pivots, -1)


def _bitcast(x: Array, dtype: str) -> Array:
    """NumPy's view: the last axis grows or shrinks with the size of the dtype."""
    target = DTYPES[dtype]
    before, after = x.dtype.size, target.size
    if before == after:
        return tf.bitcast(x, target)
    if before > after:
        parts = tf.bitcast(x, target)
        return reshape(parts, (*shape(x)[:-1], shape(x)[-1] * (before // after)))
    ratio = after // before
    return tf.bitcast(reshape(x, (*shape(x)[:-1], shape(x)[-1] // ratio, ratio)), target)


# ----------------------------------------------------------------------------------------- creation


def zeros(shape: Any, dtype: str) -> Array:
    """All 0."""
    return tf.zeros(sizes(shape), DTYPES[dtype])


def ones(shape: Any, dtype: str) -> Array:
    """All 1."""
    return tf.ones(sizes(shape), DTYPES[dtype])


def full(shape: Any, value: Any, dtype: str) -> Array:
    """All `value`, which may be a tensor that broadcasts."""
    return tf.broadcast_to(asarray(value, dtype), sizes(shape))


def arange(start: Any, stop: Any, step: Any, dtype: str) -> Array:
    """NumPy's numbers, to the last bit, if they are known."""
    bounds = [value_of(n) for n in (start, stop, step)]
    if builtins.any(map(tf.is_tensor, bounds)):
        return cast(tf.range(*bounds), dtype)
    return asarray(np.arange(start, stop, step).astype(DTYPES[dtype].as_numpy_dtype))


_SCATTERED = ("add", "set", "max", "min", "multiply")


def _namespace() -> SimpleNamespace:
    """All of the above by NumPy's names."""
    everywhere = """abs log2 log10 trunc bitwise_not sum prod max min mean sort cumsum cumprod matmul
    einsum""".split()
    plain = """logical_not real imag any all reshape transpose broadcast_to concatenate stack
    expand_dims squeeze flip pad where getitem zeros ones full arange""".split()
    found: dict[str, Any] = {name: globals()[name] for name in plain}
    found |= {name: widened(globals()[name]) for name in everywhere}
    found |= {name: widened(fn) for name, fn in _UNARY.items()}
    found |= {name: _binary(fn) for name, fn in _BINARY.items()}
    found |= {name: _binary(fn, index=True) for name, fn in _COMPARISONS.items()}
    found |= {name: _of_truths(fn) for name, fn in _LOGICAL.items()}
    found["right_shift"] = _binary(_kernel_of_two(raw.RightShift))
    found["isnan"] = widened(_of_parts(tf.math.is_nan, tf.logical_or))
    found["isinf"] = widened(_of_parts(tf.math.is_inf, tf.logical_or))
    found["isfinite"] = widened(_of_parts(tf.math.is_finite, tf.logical_and))
    found["conj"] = lambda x: tf.math.conj(x) if x.dtype.is_complex else x
    found |= {f"scatter_{how}": widened(functools.partial(scatter, how)) for how in _SCATTERED}
    found |= {"take": take, "take_along_axis": take_along_axis, "nonzero": nonzero}
    found |= {"slice": slice_window, "slice_update": slice_update}
    found |= {
        "argmax": widened(_arg(tf.argmax), index=True),
        "argmin": widened(_arg(tf.argmin), index=True),
        "argsort": widened(argsort, index=True),
        "searchsorted": widened(searchsorted, index=True),
        "make_complex": tf.complex,
        "bitcast": _bitcast,
        "cholesky": tf.linalg.cholesky,
        "qr": _qr,
        "svd": _svd,
        "eigh": lambda x: tuple(tf.linalg.eigh(x)),
        "eig": lambda x: tuple(tf.linalg.eig(x)),
        "solve": _solve,
        "solve_triangular": lambda a, b, lower: tf.linalg.triangular_solve(a, b, lower=lower),
        "lu_factor": _lu_factor,
        "fft": tf.signal.fft,
        "ifft": tf.signal.ifft,
    }
    return SimpleNamespace(**found)


NAMESPACE = _namespace()
