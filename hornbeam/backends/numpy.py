"""NumPy: the reference engine.  It has no gradients; its results are what the others are held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from hornbeam import dtypes, tree
from hornbeam.backends import numpy_layers
from hornbeam.backends.protocol import Array, Backend

NATIVE = """logaddexp tril triu diagonal outer vdot inner tensordot
roll moveaxis swapaxes""".split()


def native_dtype(name: str) -> np.dtype[Any]:
    """NumPy's dtype object for a Hornbeam name ('bfloat16' and 'float8_*' come from ml_dtypes)."""
    extension = getattr(ml_dtypes, name, None)
    return np.dtype(extension if extension is not None else name)


def to_array(x: Any, dtype: str | None = None) -> np.ndarray[Any, Any]:
    """`x` as a NumPy array, Python numbers and lists of them in the default dtypes."""
    if dtype is not None:
        return np.asarray(x, native_dtype(dtype))
    if hasattr(x, "dtype") or hasattr(x, "__array__"):
        return np.asarray(x)
    array = np.asarray(x)
    if array.dtype == np.float64 and not _holds_arrays(x):
        return array.astype(native_dtype(dtypes.floatx()))
    if array.dtype == np.int64 and not _holds_arrays(x):
        return array.astype(np.int32) if np.all(np.abs(array) < 2**31) else array
    return array


ALIGNMENT = 64
"""Bytes; arrays that begin at a multiple of it can be taken by engines without a copy."""


def empty_array(
    shape: Sequence[int], dtype: Any, zeros: bool = False, aligned: bool = True
) -> np.ndarray[Any, Any]:
    """A new array, which engines can take without a copy.

    Args:
        shape: its shape.
        dtype: its dtype, as NumPy has it or by name.
        zeros: whether it holds zeros; a large one takes up memory only where it is written to.
        aligned: False for an array that engines cannot take so.
    """
    native = dtype if isinstance(dtype, np.dtype) else np.dtype(native_dtype(dtype))
    size = math.prod(shape) * native.itemsize
    raw = (np.zeros if zeros else np.empty)(size + 2 * ALIGNMENT, np.uint8)
    start = -raw.__array_interface__["data"][0] % ALIGNMENT + (0 if aligned else ALIGNMENT // 2)
    return raw[start : start + size].view(native).reshape(tuple(shape))


def copied(x: np.ndarray[Any, Any], aligned: bool = True) -> np.ndarray[Any, Any]:
    """A copy of an array, which engines can take without another if it is `aligned`."""
    copy = empty_array(x.shape, x.dtype, aligned=aligned)
    np.copyto(copy, x)
    return copy


LARGE = 2**16
"""Bytes; larger rows lie where engines copy them: in another thread, which then goes on to compute.

Where NumPy's memory happens to be aligned, JAX on a CPU reads it at once, in the thread that asks: from
an array of 2 GB 720 us a step in place of 520, and chance would decide which of the two it is.
"""


def rows_of(x: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The rows of `x` with these numbers, as a batch of a model's own."""
    if x.nbytes * len(rows) < LARGE * len(x):
        return x[rows]  # type: ignore[no-any-return]
    picked = empty_array((len(rows), *x.shape[1:]), x.dtype, aligned=False)
    return x.take(rows, 0, out=picked, mode="clip")  # the default mode goes by way of a copy


def _holds_arrays(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(_holds_arrays(item) for item in x[:1])
    return hasattr(x, "dtype")


class NumpyBackend(Backend):
    """The protocol on NumPy arrays."""

    name = "numpy"
    pip = "numpy"
    differentiable = False
    compiled = False
    xp: ClassVar[Any] = np
    native: ClassVar[frozenset[str]] = frozenset(NATIVE)

    def array_types(self) -> tuple[type, ...]:
        return (np.ndarray, np.generic)

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        return to_array(x, dtype)

    def to_numpy(self, x: Array) -> Any:
        return np.asarray(x)

    def native_dtype(self, dtype: str) -> Any:
        return native_dtype(dtype)

    def cast(self, x: Array, dtype: str) -> Array:
        return np.asarray(x).astype(native_dtype(dtype))

    # --- primitives whose names or arguments differ from NumPy's

    def full(self, shape: Sequence[int], value: Any, dtype: str) -> Array:
        return np.full(shape, value, native_dtype(dtype))

    def zeros(self, shape: Sequence[int], dtype: str) -> Array:
        return np.zeros(shape, native_dtype(dtype))

    def ones(self, shape: Sequence[int], dtype: str) -> Array:
        return np.ones(shape, native_dtype(dtype))

    def arange(self, start: Any, stop: Any, step: Any, dtype: str) -> Array:
        return np.arange(start, stop, step).astype(native_dtype(dtype))

    def pad(self, x: Array, widths: Any, mode: str = "constant", value: Any = 0) -> Array:
        extra = {"constant_values": value} if mode == "constant" else {}
        return np.pad(x, widths, mode=mode, **extra)  # type: ignore[call-overload]

    def argsort(self, x: Array, axis: int = -1) -> Array:
        return np.argsort(x, axis=axis, kind="stable")

    def bitwise_not(self, x: Array) -> Array:
        return np.invert(x)

    def erf(self, x: Array) -> Array:
        from scipy import special

        return special.erf(_wide_enough(x)).astype(x.dtype)

    def erfinv(self, x: Array) -> Array:
        from scipy import special

        return special.erfinv(_wide_enough(x)).astype(x.dtype)

    def lgamma(self, x: Array) -> Array:
        from scipy import special

        return special.gammaln(_wide_enough(x)).astype(x.dtype)

    def scatter_add(self, x: Array, index: Any, updates: Array) -> Array:
        result = np.array(x)
        np.add.at(result, index, updates)
        return result

    def scatter_set(self, x: Array, index: Any, updates: Array) -> Array:
        result = np.array(x)
        result[index] = updates
        return result

    def scatter_max(self, x: Array, index: Any, updates: Array) -> Array:
        result = np.array(x)
        np.maximum.at(result, index, updates)
        return result

    def scatter_min(self, x: Array, index: Any, updates: Array) -> Array:
        result = np.array(x)
        np.minimum.at(result, index, updates)
        return result

    def scatter_multiply(self, x: Array, index: Any, updates: Array) -> Array:
        result = np.array(x)
        np.multiply.at(result, index, updates)
        return result

    def einsum(self, subscripts: str, *operands: Array) -> Array:
        """NumPy's has no bfloat16 and no float8; they are added up in float32."""
        wide = [_wide_enough(x) for x in operands]
        return np.asarray(np.einsum(subscripts, *wide)).astype(np.result_type(*operands))

    def matmul(self, x: Array, y: Array) -> Array:
        """Half floats are multiplied in float32: NumPy has no fast or exact way for them."""
        return np.matmul(_wide_enough(x), _wide_enough(y)).astype(np.result_type(x, y))

    def cholesky(self, x: Array) -> Array:
        return np.linalg.cholesky(x)

    def qr(self, x: Array, mode: str) -> Any:
        return tuple(np.linalg.qr(x, "complete" if mode == "complete" else "reduced"))

    def svd(self, x: Array, full_matrices: bool) -> Any:
        return tuple(np.linalg.svd(x, full_matrices))

    def eigh(self, x: Array) -> Any:
        return tuple(np.linalg.eigh(x))

    def eig(self, x: Array) -> Any:
        return tuple(np.linalg.eig(x.astype(np.result_type(x, np.complex64))))

    def solve(self, a: Array, b: Array) -> Array:
        return np.linalg.solve(a, b)

    def solve_triangular(self, a: Array, b: Array, lower: bool) -> Array:
        return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)

    def lu_factor(self, x: Array) -> Any:
        from scipy import linalg

        pairs = [linalg.lu_factor(matrix) for matrix in x.reshape(-1, *x.shape[-2:])]
        factors = np.stack([lu for lu, _ in pairs]).reshape(x.shape)
        pivots = np.stack([pivot for _, pivot in pairs]).astype(np.int32)
        return factors, pivots.reshape(*x.shape[:-2], -1)

    def fft(self, x: Array) -> Array:
        return np.fft.fft(x).astype(x.dtype)

    def ifft(self, x: Array) -> Array:
        return np.fft.ifft(x).astype(x.dtype)

    def bitcast(self, x: Array, dtype: str) -> Array:
        return np.ascontiguousarray(x).view(native_dtype(dtype))

    def make_complex(self, real: Array, imaginary: Array) -> Array:
        return (real + 1j * imaginary).astype(np.result_type(real, imaginary, np.complex64))

    def slice(self, x: Array, starts: Sequence[Any], sizes: Sequence[int]) -> Array:
        return x[_window(x.shape, starts, sizes)]

    def slice_update(self, x: Array, starts: Sequence[Any], updates: Array) -> Array:
        return self.scatter_set(x, _window(x.shape, starts, updates.shape), updates)

    # --- overrides, each with its reason

    def conv(self, *args: Any, **options: Any) -> Array:
        """Products of windows that fit the cache; the composition makes one array of all windows."""
        return numpy_layers.conv(self, numpy_layers.conv_values, *args, **options)

    def lstm(self, *args: Any, **options: Any) -> Any:
        """All gates of a step in one array, written over; the composition makes 15 for each step."""
        return numpy_layers.lstm(self, numpy_layers.lstm_values, *args, **options)

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The values only: there are no gradients here."""
        return lambda *args: fn(*args)[0]

    # --- control flow runs as it is written

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        leaves = [leaf for leaf in tree.flatten(xs) if leaf is not None]
        steps = range(len(leaves[0]) if leaves else length or 0)
        carry, ys = init, []
        for i in reversed(steps) if reverse else steps:
            carry, y = fn(carry, tree.map_structure(lambda leaf, i=i: _row(leaf, i), xs))
            ys.append(y)
        if reverse:
            ys.reverse()
        if not ys:
            raise ValueError("scan() over zero steps: `xs` is empty, so the outputs have no shape.")
        return carry, tree.map_structure(_stacked, *ys)

    def cond(
        self, predicate: Array, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
    ) -> Any:
        return true_fn() if predicate else false_fn()

    def while_loop(
        self, cond: Callable[[Any], Array], body: Callable[[Any], Any], state: Any
    ) -> Any:
        while cond(state):
            state = body(state)
        return state

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*args: Any) -> Any:
            count = len(next(leaf for leaf in tree.flatten(args) if leaf is not None))
            rows = [fn(*tree.map_structure(lambda a, i=i: _row(a, i), args)) for i in range(count)]
            return tree.map_structure(_stacked, *rows)

        return mapped

    # --- random numbers: Philox, keyed

    def _generator(self, key: Array) -> np.random.Generator:
        words = np.asarray(key, np.uint64)
        return np.random.Generator(np.random.Philox(key=words))

    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        drawn = self._generator(key).random(shape, np.float32 if dtype != "float64" else np.float64)
        below_one = np.nextafter(native_dtype(dtype).type(1), native_dtype(dtype).type(0))
        return np.minimum(np.asarray(drawn).astype(native_dtype(dtype)), below_one)

    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        return np.asarray(self._generator(key).standard_normal(shape)).astype(native_dtype(dtype))

    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        return self._generator(key).integers(low, high, shape, np.int32)

    def random_permutation(self, key: Array, n: int) -> Array:
        return self._generator(key).permutation(n).astype(np.int32)


def _row(leaf: Any, i: int) -> Any:
    return None if leaf is None else leaf[i]


def _stacked(*leaves: Any) -> Any:
    return None if leaves[0] is None else np.stack(leaves)


def _wide_enough(x: Array) -> Array:
    """float16 and the dtypes of ml_dtypes as float32; all others as they are."""
    return np.asarray(x, np.float32) if x.dtype == np.float16 or x.dtype.kind == "V" else x


def _window(shape: Sequence[int], starts: Sequence[Any], sizes: Sequence[int]) -> tuple[slice, ...]:
    begins = [min(max(int(s), 0), n - k) for s, k, n in zip(starts, sizes, shape, strict=True)]
    return tuple(slice(s, s + k) for s, k in zip(begins, sizes, strict=True))


def make() -> Backend:
    """The backend, for the registry."""
    return NumpyBackend()
