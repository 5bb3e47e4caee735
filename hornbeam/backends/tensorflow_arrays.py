"""TensorFlow's functions under NumPy's names and with NumPy's arguments: the array primitives."""

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
from hornbeam.backends.dims import value_of
from hornbeam.backends.tensorflow_base import (
    DTYPES,
    asarray,
    cast,
    constant,
    raw,
    shape,
    sizes,
    widened,
)
from hornbeam.backends.tensorflow_elementwise import operands, primitives, truth
from hornbeam.backends.tensorflow_indexing import (
    fancy_getitem,
    nonzero,
    scatter,
    slice_update,
    slice_window,
    take,
    take_along_axis,
)

Array = Any

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
    return tf.reduce_any(truth(x), _axes(axis), keepdims)


def all(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Whether no value is 0."""
    return tf.reduce_all(truth(x), _axes(axis), keepdims)


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
        x, y = operands(x, y)
    return raw.SelectV2(condition=truth(condition), t=x, e=y)


# ------------------------------------------------------------------------------- indexing, ordering


def getitem(x: Array, key: Any) -> Array:
    """By NumPy's rules."""
    return fancy_getitem(x, key)


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


def is_bias(x: Any, y: Any) -> bool:
    """Whether `y` is a bias of the many rows of `x`; axes of size 1 may come before its own."""
    if not (isinstance(x, tf.Tensor) and isinstance(y, tf.Tensor) and x.dtype is y.dtype):
        return False
    if not x.dtype.is_floating or (x.shape.num_elements() or 0) < MANY or not y.shape.rank:
        return False
    own = list(y.shape)
    while own and own[0] == 1:
        own.pop(0)
    fits = 0 < len(own) < x.shape.rank >= y.shape.rank
    return bool(fits and x.shape.as_list()[-len(own) :] == own)


MANY = 2**17
"""Numbers; for smaller arrays the gradient of a bias takes no longer as a sum."""


@tf.custom_gradient  # type: ignore[untyped-decorator]
def plus_bias(x: Array, bias: Array) -> Any:
    """``x + bias``, with a product of matrices for the gradient of the bias.

    Milliseconds for 128x26x26x32 on 2 cores: 0.7, as a sum 1.5.  TensorFlow's `BiasAdd` takes 0.6, but
    behind it maximum pooling gets a gradient that takes 12 ms in place of 1.5.
    """

    def gradient(upstream: Array) -> Any:
        rows = tf.reshape(upstream, [-1, bias.shape.num_elements()])
        total = raw.MatMul(a=tf.ones([1, rows.shape[0]], rows.dtype), b=rows)
        return upstream, tf.reshape(total, bias.shape)

    return raw.AddV2(x=x, y=bias), gradient


def einsum(subscripts: str, *operands: Array) -> Array:
    """A product that adds up over axes."""
    if operands[0].dtype is tf.bool:
        return tf.cast(einsum(subscripts, *[tf.cast(x, tf.int32) for x in operands]), tf.bool)
    if len(operands) == 2 and operands[0].dtype.is_floating:
        found = _as_matmul(subscripts, *operands)
        if found is not None:
            return found
    return tf.einsum(subscripts, *operands)


def _as_matmul(subscripts: str, x: Array, y: Array) -> Array | None:
    """An einsum of two arrays as one product of matrices; None if it is something else.

    TensorFlow's own kernel moves axes about more slowly, most of all in its gradients: attention to
    16x128 with 8 heads of 32 takes 20.7 ms of CPU forward and backward, and 16.1 so.
    """
    inputs, _, out = subscripts.replace(" ", "").partition("->")
    of_x, _, of_y = inputs.partition(",")
    sizes_of: dict[str, Any] = {}
    for letters, array in ((of_x, x), (of_y, y)):
        if (
            len({*letters}) < len(letters)
            or not letters.isalpha()
            or len(letters) != array.shape.rank
        ):
            return None
        for letter, size in zip(letters, array.shape, strict=True):
            if size is None or sizes_of.setdefault(letter, size) != size:
                return None
    shared = [letter for letter in of_x if letter in of_y]
    together = [letter for letter in shared if letter in out]
    summed = [letter for letter in shared if letter not in out]
    rows, columns = ([a for a in of_one if a not in shared] for of_one in (of_x, of_y))
    if not summed or sorted([*together, *rows, *columns]) != sorted(out):
        return None

    def laid_out(x: Array, letters: str, *groups: list[str]) -> Array:
        order = [letters.index(letter) for group in groups for letter in group]
        if order != list(range(len(order))):
            x = raw.Transpose(x=x, perm=order)
        if builtins.all(len(group) == 1 for group in groups[-2:]):
            return x
        flat = [math.prod(sizes_of[a] for a in group) for group in groups[-2:]]
        return tf.reshape(x, [sizes_of[a] for a in together] + flat)

    columns_last = bool(columns) and of_y.endswith("".join(columns))
    parts = (summed, columns) if columns_last else (columns, summed)
    right = laid_out(y, of_y, together, *parts)
    left = laid_out(x, of_x, together, rows, summed)
    product = tf.matmul(left, right, transpose_b=not columns_last)
    found = [*together, *rows, *columns]
    product = tf.reshape(product, [sizes_of[a] for a in found])
    order = [found.index(a) for a in out]
    return product if order == list(range(len(order))) else raw.Transpose(x=product, perm=order)


def _svd(x: Array, full_matrices: bool) -> Any:
    s, u, v = tf.linalg.svd(x, full_matrices=full_matrices)
    return u, s, tf.linalg.adjoint(v)


def _qr(x: Array, mode: str) -> Any:
    return tuple(tf.linalg.qr(x, full_matrices=mode == "complete"))


def _solve(a: Array, b: Array) -> Array:
    if a.shape[:-2] != b.shape[:-2] or a.shape[:-2].rank is None:
        lead = tf.broadcast_static_shape(a.shape[:-2], b.shape[:-2]).as_list()
        a = broadcast_to(a, (*lead, *shape(a)[-2:]))
        b = broadcast_to(b, (*lead, *shape(b)[-2:]))
    return tf.linalg.solve(a, b)


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
    """All primitives by NumPy's names."""
    everywhere = "sum prod max min mean sort cumsum cumprod matmul einsum".split()
    plain = """any all reshape transpose broadcast_to concatenate stack expand_dims squeeze flip pad
    where getitem zeros ones full arange""".split()
    found: dict[str, Any] = primitives()
    found |= {name: globals()[name] for name in plain}
    found |= {name: widened(globals()[name]) for name in everywhere}
    found |= {f"scatter_{how}": widened(functools.partial(scatter, how)) for how in _SCATTERED}
    found |= {"take": take, "take_along_axis": take_along_axis, "nonzero": nonzero}
    found |= {"slice": slice_window, "slice_update": slice_update}
    found |= {
        "argmax": widened(_arg(tf.argmax), index=True),
        "argmin": widened(_arg(tf.argmin), index=True),
        "argsort": widened(argsort, index=True),
        "searchsorted": widened(searchsorted, index=True),
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
