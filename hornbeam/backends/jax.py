"""JAX: the default engine."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hornbeam import tree
from hornbeam.backends import (
    einsums,
    jax_cache,
    jax_costs,
    jax_host,
    jax_linear,
    jax_lists,
    jax_scan,
    jax_windows,
    memory,
)
from hornbeam.backends.jax_recurrent import lstm_states
from hornbeam.backends.jax_windows import compiler_options, in_own_compilation, is_tracing, on_cpu
from hornbeam.backends.numpy import copied, native_dtype, to_array
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.recurrent import lstm_of_states
from hornbeam.backends.threefry import threefry2x32

NATIVE = """logaddexp tril triu diagonal outer vdot inner tensordot
roll moveaxis swapaxes""".split()
"""Those whose parameters have the same order and meaning as the op's."""


ONE_CALL = frozenset(
    """relu6 leaky_relu log_sigmoid softplus softsign silu gelu elu selu celu mish hard_sigmoid
    hard_silu hard_tanh squareplus glu softmax log_softmax""".split()
)
"""Compositions of one array that are called as a whole: softmax of 32x64 takes 14 us so, else 91."""

FUSED_FLOPS = 5e7
"""Steps with fewer floating-point operations are cheaper than their dispatch on a CPU."""
FUSED_BYTES = 300_000
"""Batches that are smaller are taken out of the data within compiled code without loss."""

WORTH_ADOPTING = 2**16
"""Bytes: smaller arrays are copied."""
LOOPED_BYTES = 64 * 2**20
"""Blocks whose variables are larger are not worth stacking, with another copy of them in memory."""


class JaxBackend(Backend):
    """The protocol on JAX arrays, concrete and traced."""

    name = "jax"
    pip = "jax"
    xp: ClassVar[Any] = jnp
    native: ClassVar[frozenset[str]] = frozenset(NATIVE)

    def __getattr__(self, name: str) -> Any:
        """As for every backend; but what is in `ONE_CALL` is compiled."""
        found = super().__getattr__(name)
        if name in ONE_CALL:
            found = self.__dict__[name] = _one_call(found)
        return found

    # ------------------------------------------------------------------ arrays and their properties

    def array_types(self) -> tuple[type, ...]:
        return (jax.Array, jax.core.Tracer)

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        if isinstance(x, (jax.Array, jax.core.Tracer)):
            return x if dtype is None else self.cast(x, dtype)
        array = to_array(x, dtype)
        if array.nbytes >= jax_host.COPIED_LATER:
            return self.adopt(copied(array))
        if array.dtype.itemsize < 8:
            return _staged(array)
        with jax.enable_x64(True):
            return _staged(array)

    def adopt(self, x: Any) -> Array:
        """`device_put` reads an array where it lies, where `asarray` copies: 1.4 s for each GB.

        Small ones are copied in 20 us, while `device_put` takes 45.
        """
        if x.nbytes < WORTH_ADOPTING:
            return self.asarray(x)
        with jax.enable_x64(x.dtype.itemsize >= 8):
            return jax.device_put(x)

    def to_numpy(self, x: Array) -> Any:
        return np.asarray(x)

    def is_concrete(self, x: Array) -> bool:
        return not isinstance(x, jax.core.Tracer)

    def dtype(self, x: Array) -> str:
        """Looked up: NumPy makes the name anew each time, in 3 us."""
        return _dtype_name(x.dtype)

    def native_dtype(self, dtype: str) -> Any:
        return native_dtype(dtype)

    def cast(self, x: Array, dtype: str) -> Array:
        target = native_dtype(dtype)
        if x.dtype == target:
            return x
        if x.dtype.kind == "c" and target.kind != "c":
            x = x.real  # asking for a real dtype is asking for the real part: no warning
        if target.itemsize < 8 and x.dtype.itemsize < 8:
            return lax.convert_element_type(x, target)
        with jax.enable_x64(True):
            return lax.convert_element_type(x, target)

    def wide(self) -> AbstractContextManager[Any]:
        return jax.enable_x64(True)  # type: ignore[no-any-return]

    def devices(self) -> list[str]:
        found = jax.devices()
        with suppress(RuntimeError):  # JAX may have been told to leave the CPU out
            found = [*found, *jax.devices("cpu")]
        return list(dict.fromkeys(f"{d.platform}:{d.id}" for d in found))

    def on_device(self, name: str) -> AbstractContextManager[Any]:
        kind, _, index = name.partition(":")
        return jax.default_device(next(d for d in jax.devices(kind) if d.id == int(index)))  # type: ignore[no-any-return]

    def synchronize(self, x: Any) -> None:
        jax.block_until_ready(x)

    donates = True
    keeps_traces = True
    pure_functions = True

    def shapes_of(self, fn: Callable[..., Any], *specs: tuple[tuple[int, ...], str]) -> Any:
        return jax.eval_shape(
            fn, *[jax.ShapeDtypeStruct(shape, native_dtype(dtype)) for shape, dtype in specs]
        )

    # ------------------------------------------------------------------------ autodiff, compilation

    def value_and_grad(
        self, fn: Callable[[list[Array]], tuple[Array, Any]], values: list[Array]
    ) -> tuple[tuple[Array, Any], list[Array]]:
        differentiated = jax.value_and_grad(fn, has_aux=True)
        # the way back runs outside of the ops, which see to wide numbers themselves
        with jax.enable_x64(True) if _any_wide(values) else nullcontext():
            found, gradients = differentiated(values)
        return found, jax_linear.together(gradients) if in_own_compilation.get() else gradients

    def stop_gradient(self, x: Array) -> Array:
        return lax.stop_gradient(x)

    def remat(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return jax.checkpoint(fn)

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return jax.custom_gradient(fn)  # type: ignore[no-any-return]

    def jvp(
        self,
        fn: Callable[[list[Array]], tuple[list[Array], Any]],
        values: list[Array],
        tangents: list[Array],
    ) -> tuple[list[Array], list[Array], Any]:
        """Forward differentiation costs one pass."""
        return jax.jvp(fn, (values,), (tangents,), has_aux=True)

    def compile(
        self, fn: Callable[..., Any], donate: bool = False, jit_compile: bool | str = "auto"
    ) -> Callable[..., Any]:
        if donate and on_cpu():  # a training step
            memory.keep()
        return _Compiled(fn, donate)

    def handed_over(self, data: Any, takes: float = 0.0, after: Any = None) -> Any:
        return jax_host.handed_over(data, takes, after)

    def overwritten(self, values: list[Array]) -> bool:
        return any(isinstance(x, jax.Array) and x.is_deleted() for x in values)

    def worth_fusing(self, compiled: Callable[..., Any], args: tuple[Any, ...]) -> bool:
        """On accelerators always.  On a CPU only for small steps, whose cost is the dispatch.

        Measured on 2 cores: a 2x2 Dense at batch 32 takes 4 us a step fused and 120 us otherwise; a
        784-512-512-10 network takes the same either way.  So does a convolutional one at best, and the
        YNNPACK convolutions of jaxlib 0.10.2 (see `jax_windows`) are over 50 times slower within loops.
        Taking a batch of 256 x 784 out of the data is slow there too: 2 ms of CPU against 1.4 ms.
        """
        if not on_cpu():
            return True
        small = sum(getattr(leaf, "nbytes", 0) for leaf in tree.flatten(args[1])) < FUSED_BYTES
        return small and compiled.flops(*args) < FUSED_FLOPS  # type: ignore[attr-defined]

    # ---------------------------------------------------------------------------------- control flow

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        return jax_scan.scan(fn, init, xs, length, reverse)

    def worth_looping(self, count: int, nbytes: int) -> bool:
        """In compiled steps, which XLA compiles for as long as there is much in them."""
        return nbytes <= LOOPED_BYTES and _in_step.get()

    def scan_lists(
        self,
        fn: Callable[[Array, list[Array]], tuple[Array, list[Array]]],
        init: Array,
        columns: list[list[Array]],
    ) -> tuple[Array, list[list[Array]]]:
        """Rows by numbers that XLA does not know; see `jax_lists`."""
        return jax_lists.scan_lists(fn, init, columns)

    def cond(
        self, predicate: Array, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
    ) -> Any:
        return lax.cond(predicate, true_fn, false_fn)

    def while_loop(
        self, cond: Callable[[Any], Array], body: Callable[[Any], Any], state: Any
    ) -> Any:
        return lax.while_loop(cond, body, state)

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return jax.vmap(fn)

    # ------------------------------------------- primitives whose names or arguments differ from jnp

    def full(self, shape: Sequence[int], value: Any, dtype: str) -> Array:
        return jnp.full(shape, value, native_dtype(dtype))

    def zeros(self, shape: Sequence[int], dtype: str) -> Array:
        return jnp.zeros(shape, native_dtype(dtype))

    def ones(self, shape: Sequence[int], dtype: str) -> Array:
        return jnp.ones(shape, native_dtype(dtype))

    def arange(self, start: Any, stop: Any, step: Any, dtype: str) -> Array:
        return jnp.arange(start, stop, step, native_dtype(dtype))

    def pad(self, x: Array, widths: Any, mode: str = "constant", value: Any = 0) -> Array:
        extra = {"constant_values": value} if mode == "constant" else {}
        return jnp.pad(x, widths, mode=mode, **extra)

    def argsort(self, x: Array, axis: int = -1) -> Array:
        return jnp.argsort(x, axis=axis, stable=True)

    def bitwise_not(self, x: Array) -> Array:
        return jnp.bitwise_not(x)

    def erf(self, x: Array) -> Array:
        return lax.erf(x)

    def erfinv(self, x: Array) -> Array:
        return lax.erf_inv(x)

    def lgamma(self, x: Array) -> Array:
        return lax.lgamma(x)

    def scatter_add(self, x: Array, index: Any, updates: Array) -> Array:
        return x.at[index].add(updates)

    def scatter_set(self, x: Array, index: Any, updates: Array) -> Array:
        return x.at[index].set(updates)

    def scatter_max(self, x: Array, index: Any, updates: Array) -> Array:
        return x.at[index].max(updates)

    def scatter_min(self, x: Array, index: Any, updates: Array) -> Array:
        return x.at[index].min(updates)

    def scatter_multiply(self, x: Array, index: Any, updates: Array) -> Array:
        return x.at[index].multiply(updates)

    def cholesky(self, x: Array) -> Array:
        return jnp.linalg.cholesky(x)

    def qr(self, x: Array, mode: str) -> Any:
        return tuple(jnp.linalg.qr(x, mode))

    def svd(self, x: Array, full_matrices: bool) -> Any:
        return tuple(jnp.linalg.svd(x, full_matrices))

    def eigh(self, x: Array) -> Any:
        return tuple(jnp.linalg.eigh(x))

    def eig(self, x: Array) -> Any:
        return tuple(jnp.linalg.eig(x))

    def solve(self, a: Array, b: Array) -> Array:
        return jnp.linalg.solve(a, b)

    def solve_triangular(self, a: Array, b: Array, lower: bool) -> Array:
        return jax.scipy.linalg.solve_triangular(a, b, lower=lower)

    def lu_factor(self, x: Array) -> Any:
        factors, pivots, _ = lax.linalg.lu(x)
        return factors, pivots

    def fft(self, x: Array) -> Array:
        return jnp.fft.fft(x)

    def ifft(self, x: Array) -> Array:
        return jnp.fft.ifft(x)

    def bitcast(self, x: Array, dtype: str) -> Array:
        return x.view(native_dtype(dtype))

    def make_complex(self, real: Array, imaginary: Array) -> Array:
        return lax.complex(real, imaginary)

    def slice(self, x: Array, starts: Sequence[Any], sizes: Sequence[int]) -> Array:
        return lax.dynamic_slice(x, starts, sizes)

    def slice_update(self, x: Array, starts: Sequence[Any], updates: Array) -> Array:
        return lax.dynamic_update_slice(x, updates, starts)

    # ------------------------------------------------------------- overrides, each with its reason

    def add(self, x1: Array, x2: Array) -> Array:
        """A bias is added by a way whose gradient is 10 times faster; see `jax_linear`."""
        if in_own_compilation.get() and jax_linear.is_bias(x1, x2):
            return jax_linear.plus_bias(x1, x2)
        return jnp.add(x1, x2)

    def multiply(self, x1: Array, x2: Array) -> Array:
        """So is a scale."""
        if in_own_compilation.get() and jax_linear.is_bias(x1, x2):
            return jax_linear.times_scale(x1, x2)
        return jnp.multiply(x1, x2)

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Over all axes but the last by a way that is up to 30 times faster; see `jax_linear`."""
        if in_own_compilation.get() and jax_linear.is_columns(x, axis):
            total = jax_linear.column_sums(x)
            return total.reshape((1,) * (x.ndim - 1) + total.shape) if keepdims else total
        return jnp.sum(x, axis=axis, keepdims=keepdims)

    def mean(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """As `sum`."""
        if in_own_compilation.get() and jax_linear.is_columns(x, axis):
            return self.sum(x, axis, keepdims) / (x.size // x.shape[-1])
        return jnp.mean(x, axis=axis, keepdims=keepdims)

    def matmul(self, x1: Array, x2: Array) -> Array:
        """Rows of any rank as a matrix: else XLA makes transposed copies for the kernel's gradient.

        They are fused with what made the rows and walk through memory in the wrong order: a step of two
        transformer blocks, 256 wide, takes 510 ms of CPU with them and 320 without.
        """
        if not in_own_compilation.get() or x2.ndim != 2 or x1.ndim < 2:
            return jnp.matmul(x1, x2)
        rows = jax_linear.matmul(lax.collapse(x1, 0, -1), x2)
        return rows.reshape(*x1.shape[:-1], x2.shape[-1])

    def einsum(self, subscripts: str, *operands: Array) -> Array:
        """The kernels of attention are matrices as well, for the same reason."""
        shared = einsums.shared_axes(subscripts) if in_own_compilation.get() else 0
        if not shared:
            return jnp.einsum(subscripts, *operands)
        x, kernel = operands
        depth = math.prod(kernel.shape[:shared])
        rows = jax_linear.matmul(x.reshape(-1, depth), kernel.reshape(depth, -1))
        return rows.reshape(*x.shape[: x.ndim - shared], *kernel.shape[shared:])

    def rsqrt(self, x: Array) -> Array:
        """One instruction instead of two."""
        return lax.rsqrt(x)

    def sigmoid(self, x: Array) -> Array:
        """XLA's logistic is stable in both tails and fuses."""
        return lax.logistic(x)

    def relu(self, x: Array) -> Array:
        """`jax.nn.relu` has a gradient of 0 at 0 without a `where`; compiled 9 us a call, else 150."""
        return _relu(x)

    def affine(self, x: Array, kernel: Array, bias: Array, activation: Any) -> Array:
        """One call: each of the three hops to a thread of JAX's and back.

        A Dense of 64 units with relu on 32x98 takes 30 us so, else 75.  What is traced stays as it is.
        """
        if any(isinstance(a, jax.core.Tracer) for a in (x, kernel, bias)):
            return activation(self.add(self.matmul(x, kernel), bias))
        return _affine(x, kernel, bias, activation)

    def top_k(self, x: Array, k: int, sorted: bool = True) -> Any:
        """A partial sort instead of a whole one."""
        return tuple(lax.top_k(x, k))

    def conv(
        self,
        inputs: Array,
        kernel: Array,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Array:
        """XLA's convolution: 20 times the speed of shifted products on a CPU; see `jax_windows`."""
        return jax_windows.conv(inputs, kernel, strides, padding, data_format, dilation_rate)

    def max_pool(
        self,
        inputs: Array,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        """Strided slices, whose gradient is 15 times faster; see `jax_windows`."""
        return jax_windows.max_pool(inputs, pool_size, strides, padding, data_format)

    def average_pool(
        self,
        inputs: Array,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        """One windowed reduction instead of a sum over shifted slices."""
        return jax_windows.average_pool(inputs, pool_size, strides, padding, data_format)

    def lstm(
        self,
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        zero_output_for_mask: bool = False,
    ) -> tuple[Array, Array, Array, Array]:
        """A backward pass that takes the kernel's gradient as one product: 40 % less time."""
        args = (x, h, c, kernel, recurrent_kernel, bias, mask, zero_output_for_mask)
        return lstm_of_states(self, lstm_states, *args)

    # ---------------------------------------------------------------------------------------- random

    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        """From `_random_bits`, as many of them as the dtype can hold."""
        kept = {"float32": 24, "float16": 11, "bfloat16": 8}.get(dtype)
        if kept is None:
            return jax.random.uniform(_key(key), shape, native_dtype(dtype))
        bits = _random_bits(key, shape) >> np.uint32(32 - kept)
        return bits.astype(native_dtype(dtype)) * 2.0**-kept

    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        """The inverse of the distribution function at the middle of one of 2**24 equal intervals."""
        if dtype not in ("float32", "float16", "bfloat16"):
            return jax.random.normal(_key(key), shape, native_dtype(dtype))
        bits = (_random_bits(key, shape) >> np.uint32(8)).astype(jnp.int32)
        between = (2 * bits + (1 - 2**24)).astype(jnp.float32) * 2.0**-24  # in (-1, 1), exact
        return (lax.erf_inv(between) * np.float32(np.sqrt(2))).astype(native_dtype(dtype))

    def random_bernoulli(self, key: Array, shape: Sequence[int], probability: float) -> Array:
        """Compares bits with an integer, without making floats of them."""
        if probability >= 1:
            return jnp.ones(shape, bool)
        return _random_bits(key, shape) < np.uint32(probability * 2**32)

    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        return jax.random.randint(_key(key), shape, low, high, jnp.int32)

    def random_permutation(self, key: Array, n: int) -> Array:
        return jax.random.permutation(_key(key), n).astype(jnp.int32)


_dtype_name = functools.cache(str)
_in_step: ContextVar[bool] = ContextVar("hornbeam_jax_in_step", default=False)
"""Whether a step is being traced."""
_relu = jax.jit(jax.nn.relu, inline=True)
_staged = jax.jit(lambda x: x, inline=True)
"""`jax.numpy.asarray` of a NumPy array, which comes to this in the end: 14 us for a number, so 5."""


@functools.partial(jax.jit, static_argnums=3, inline=True)
def _affine(x: Array, kernel: Array, bias: Array, activation: Callable[[Array], Array]) -> Array:
    return activation(jnp.add(jnp.matmul(x, kernel), bias))


def _one_call(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn`, whose arguments but the first are settings, compiled; it is inlined where it is traced."""
    settings = list(inspect.signature(fn).parameters)[1:]
    compiled = jax.jit(fn, static_argnames=settings, inline=True)

    def call(x: Array, *args: Any, **kwargs: Any) -> Array:
        try:
            hash((args, *kwargs.values()))
        except TypeError:  # a setting that is an array or a list
            return fn(x, *args, **kwargs)
        return compiled(x, *args, **kwargs)

    return call


def _random_bits(key: Array, shape: Sequence[int]) -> Array:
    """uint32 words, one per place.

    `jax.random.bits` calls a loop that XLA's CPU compiler fuses with nothing: dropout of 128x26x26x32
    took 24 ms with it, and takes 4 ms with the same generator written out.
    """
    size = math.prod(shape)
    if size >= 2**32:
        return jax.random.bits(_key(key), shape, jnp.uint32)
    place = lax.iota(jnp.uint32, size)
    words = jnp.asarray(key, jnp.uint32)
    return threefry2x32((words[0], words[1]), (place, jnp.zeros_like(place)))[0].reshape(shape)


def _key(words: Array) -> Array:
    return jax.random.wrap_key_data(jnp.asarray(words, jnp.uint32), impl="threefry2x32")


class _Compiled:
    """``jax.jit`` that keeps 64-bit arguments 64 bits wide.

    JAX without ``jax_enable_x64`` narrows them at the door.  The flag is on while arguments cross the
    door, and inside only where the state itself (the first argument) holds 64-bit numbers, so that
    the user's own JAX code sees JAX's defaults.
    """

    def __init__(self, fn: Callable[..., Any], donate: bool) -> None:
        self._wide_state: bool | None = None

        options = compiler_options()

        def body(*args: Any) -> Any:
            token = in_own_compilation.set(options is not None)
            step = _in_step.set(True)
            try:
                with jax.enable_x64(bool(self._wide_state)):
                    return fn(*args)
            finally:
                _in_step.reset(step)
                in_own_compilation.reset(token)

        donated = (0,) if donate else ()
        self._jitted = jax.jit(body, donate_argnums=donated, compiler_options=options)
        self._inlined = jax.jit(body)  # for calls within somebody else's compilation

    def __call__(self, *args: Any) -> Any:
        if self._wide_state is None:
            self._wide_state = _any_wide(args[0]) if args else False
        if is_tracing():
            return self._inlined(*args)
        if self._wide_state or _any_wide(args[1:]):
            with jax.enable_x64(True):
                return self._jitted(*args)
        return self._jitted(*args)

    def flops(self, *args: Any) -> float:
        """How many floating-point operations a call makes, about."""
        self._wide_state = _any_wide(args[0])
        wide = self._wide_state or _any_wide(args[1:])
        with jax.enable_x64(True) if wide else nullcontext():
            return jax_costs.flops(self._jitted.trace(*args).jaxpr)

    def compilations(self) -> int:
        """How many signatures have been compiled so far."""
        return int(self._jitted._cache_size())  # type: ignore[attr-defined]


def _any_wide(structure: Any) -> bool:
    for leaf in tree.flatten(structure):  # any() with a generator costs twice as much
        dtype = getattr(leaf, "dtype", None)
        if dtype is not None and dtype.itemsize >= 8 and dtype.name != "complex64":
            return True
    return False


def make() -> Backend:
    """The backend, for the registry."""
    jax_host.compute_here()
    jax_cache.turn_on()
    memory.one_heap()
    return JaxBackend()
