"""Convolution and pooling of the JAX backend: what XLA has, and ways around what is slow in it on a CPU.

All figures here are milliseconds of CPU time on 2 cores with jaxlib 0.10.2, for the forward pass + the
gradient of the input + that of the kernel.

- jaxlib hands convolutions to the library YNNPACK, whose kernel gradients are slow: 128x26x26x32 with
  3x3x32x32 takes 50 + 16 + 91, and 11 + 16 + 26 with XLA's own (Eigen's) convolution, which the compiler
  option `OWN_CONVOLUTION` brings back.  An option belongs to a whole compilation, so it is given where
  Hornbeam compiles (`in_own_compilation`); within the user's ``jax.jit`` a column of padding, cut off
  again, helps (12 + 14 + 53), but not for 1x1 (kernel gradient 2,500 instead of 80).
- Depthwise convolutions are a loop over channels in both: 8x56x56x128 * 3x3, stride 2: 20 + 275 + 63;
  as a sum of shifted products: 4 + 2 + 75.  8x28x28x64 * 3x3: 9 + 9 + 6 and 1 + 0.5 + 9.  The kernel's
  gradient is sums over rows, for which see `jax_linear.column_sums`: 32x32x32x64 * 3x3 96 and 7 (wall
  time), 32x14x14x384 112 and 7.
- 1x1 convolutions are products of matrices: 8x56x56x256 * 256x64: 10 + 7 + 27 and 7 + 7 + 17.  As rows,
  so that XLA makes no transposed copies for its gradient (`JaxBackend.matmul`): two of them with
  a relu between, 32x32x32x16 to 64 and back, 42 forward and back, 9 so (wall time).
- The gradient of ``reduce_window`` is a scatter: maxima of 2x2 over 128x24x24x32 take 40, as maxima of
  four strided slices 3; of 3x3 with stride 2 over 16x56x56x64, 82 and 10.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.interpreters import ad

from hornbeam.backends import jax_linear, windows

Array = Any

OWN_CONVOLUTION = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"  # and no convolution
}
in_own_compilation: ContextVar[bool] = ContextVar("hornbeam_jax_own_compilation", default=False)
"""Whether what is traced now will be compiled with `compiler_options`."""

FEW = 25
"""So many positions of a window are worth writing out as slices."""


@functools.cache
def on_cpu() -> bool:
    """Whether XLA computes on the CPU."""
    return bool(jax.default_backend() == "cpu")


@functools.cache
def compiler_options() -> dict[str, str] | None:
    """What to tell XLA where Hornbeam compiles, None for nothing.

    Nothing on an accelerator, where the user's XLA_FLAGS speak of it, and where jaxlib does not know it.
    """
    (option,) = OWN_CONVOLUTION
    if not on_cpu() or option in os.environ.get("XLA_FLAGS", ""):
        return None
    try:
        jax.jit(lambda: np.float32(0), compiler_options=OWN_CONVOLUTION).lower().compile()
    except Exception:  # whatever a compiler says to an option that it does not know
        return None
    return OWN_CONVOLUTION


def conv(
    inputs: Array,
    kernel: Array,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
) -> Array:
    """See `hornbeam.ops.conv`."""
    plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
    pads = windows.pads(plan.spatial(inputs.shape), kernel.shape[: plan.ndim], plan, padding)
    if is_tracing():
        return _conv(inputs, kernel, plan, tuple(pads))
    return _eager_conv()(inputs, kernel, plan, tuple(pads))


def is_tracing() -> bool:
    """Whether JAX is tracing or differentiating; options of the compiler are refused there."""
    state, clean = _trace_state()
    return bool(state() != clean)


@functools.cache
def _trace_state() -> tuple[Callable[[], Any], Any]:
    """What tells the state of JAX, and its answer where nothing is traced: that of a new thread.

    Imported when it is needed: `jax.extend` brings Pallas along, a twentieth of JAX's import.
    """
    from jax.extend.core import get_opaque_trace_state

    with ThreadPoolExecutor(1) as thread:
        return get_opaque_trace_state, thread.submit(get_opaque_trace_state).result()


@functools.cache
def _eager_conv() -> Any:
    options = compiler_options()

    def run(inputs: Array, kernel: Array, plan: windows.Plan, pads: Any) -> Array:
        token = in_own_compilation.set(options is not None)
        try:
            return _conv(inputs, kernel, plan, pads)
        finally:
            in_own_compilation.reset(token)

    return jax.jit(run, static_argnums=(2, 3), compiler_options=options)


def _conv(inputs: Array, kernel: Array, plan: windows.Plan, pads: tuple[Any, ...]) -> Array:
    channels = inputs.shape[plan.channel_axis]
    groups = channels // kernel.shape[-2]
    size = kernel.shape[: plan.ndim]
    unpadded = all(p == (0, 0) for p in pads)
    if on_cpu():
        if groups == channels == kernel.shape[-1] > 1 and np.prod(size) <= FEW:
            if in_own_compilation.get() and plan.channels_last and jax_linear.is_large(inputs):
                return _depthwise_primitive().bind(inputs, kernel, plan=plan, pads=pads)
            return _depthwise(inputs, kernel, plan, pads)
        if groups == 1 and unpadded and {*size, *plan.strides} == {1}:
            axis = plan.channel_axis
            weights = kernel.reshape(kernel.shape[-2:])
            if plan.channels_last and in_own_compilation.get():
                rows = jax_linear.matmul(lax.collapse(inputs, 0, -1), weights)
                return rows.reshape(*inputs.shape[:-1], weights.shape[-1])
            out = lax.dot_general(inputs, weights, (((axis,), (0,)), ((), ())))
            return out if plan.channels_last else jnp.moveaxis(out, -1, 1)
    plain = all(s == 1 for s in (*plan.strides, *plan.dilations))
    if in_own_compilation.get() and plain and groups == 1 and plan.ndim == 2 and plan.channels_last:
        return jax_linear.conv(inputs, kernel, pads)
    wide = plan.ndim == 2 and size[-1] > 1
    cut = on_cpu() and wide and unpadded and plain and not in_own_compilation.get()
    spatial = "DHW"[-plan.ndim :]
    layout = f"N{spatial}C" if plan.channels_last else f"NC{spatial}"
    out = lax.conv_general_dilated(
        inputs,
        kernel,
        plan.strides,
        [*pads[:-1], (0, 1)] if cut else pads,
        rhs_dilation=plan.dilations,
        dimension_numbers=(layout, f"{spatial}IO", layout),
        feature_group_count=groups,
    )
    if cut:
        axis = inputs.ndim - 2 if plan.channels_last else inputs.ndim - 1
        out = lax.slice_in_dim(out, 0, out.shape[axis] - 1, axis=axis)
    return out


def _depthwise(inputs: Array, kernel: Array, plan: windows.Plan, pads: Sequence[Any]) -> Array:
    """A kernel (*window, 1, channels) over as many channels, as a sum of shifted products."""
    size = kernel.shape[: plan.ndim]
    weights = kernel.reshape(-1, kernel.shape[-1])
    total = None
    zero = np.zeros((), inputs.dtype)
    for weight, part in zip(weights, _slices(inputs, size, plan, pads, zero), strict=True):
        if not plan.channels_last:
            weight = weight.reshape(-1, *[1] * plan.ndim)
        term = part * weight
        total = term if total is None else total + term
    return total


@functools.cache
def _depthwise_primitive() -> Any:
    """`_depthwise` and its gradients, each of which XLA fuses with nothing.

    Else it takes all of the shifted products again for each sum over what comes of them, and the sums
    of batch normalization are four: 32x32x32x64 from a 1x1 convolution with normalization, by a window
    of 3x3, took 290 ms forward and back.
    """
    made = jax_linear.primitive("hornbeam_depthwise", _depthwise_apart)
    ad.defbilinear(made, _depthwise_to_input, _depthwise_to_kernel)
    return made


def _depthwise_apart(x: Array, kernel: Array, plan: windows.Plan, pads: Any) -> Array:
    with set_xla_metadata(inlineable="false"):
        return _called(x, kernel, plan, pads)


_called = jax.jit(_depthwise, static_argnums=(2, 3))


def _depthwise_to_input(upstream: Array, x: Any, kernel: Array, plan: Any, pads: Any) -> Array:
    with set_xla_metadata(inlineable="false"):
        return _turned(upstream, kernel, x.aval.shape, plan, pads)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _turned(upstream: Array, kernel: Array, shape: Any, plan: Any, pads: Any) -> Array:
    given = jax.ShapeDtypeStruct(shape, upstream.dtype)
    return jax.linear_transpose(lambda x: _depthwise(x, kernel, plan, pads), given)(upstream)[0]


def _depthwise_to_kernel(upstream: Array, x: Array, kernel: Any, plan: Any, pads: Any) -> Array:
    """XLA's own sums take 10 to 20 times as long; see `jax_linear.column_sums`."""
    shape = kernel.aval.shape
    parts = _slices(x, shape[: plan.ndim], plan, pads, np.zeros((), x.dtype))
    return jnp.stack([jax_linear.column_sums(part * upstream) for part in parts]).reshape(shape)


def _slices(
    x: Array, size: Sequence[int], plan: windows.Plan, pads: Sequence[Any], fill: Any
) -> list[Array]:
    """For each position in the window, in order, what is there under all windows."""
    x = lax.pad(x, fill, plan.with_channels([(*p, 0) for p in pads], (0, 0, 0)))
    rows = zip(plan.spatial(x.shape), size, plan.strides, plan.dilations, strict=True)
    steps = [windows.output_size(n, (0, 0), w, s, d) - 1 for n, w, s, d in rows]
    found = []
    for place in np.ndindex(*size):
        first = [i * d for i, d in zip(place, plan.dilations, strict=True)]
        last = [f + n * s + 1 for f, n, s in zip(first, steps, plan.strides, strict=True)]
        shape = list(x.shape)
        starts = plan.with_channels(first, 0)
        found.append(
            lax.slice(
                x,
                starts,
                [
                    b if b is not None else n
                    for b, n in zip(plan.with_channels(last, None), shape, strict=True)
                ],
                plan.with_channels(plan.strides, 1),
            )
        )
    return found


def max_pool(
    inputs: Array, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Array:
    """See `hornbeam.ops.max_pool`.  Equal entries: the gradient goes to the first."""
    plan, size, pads = _pooled(inputs, pool_size, strides, padding, data_format)
    lowest: Any = -np.inf
    if jnp.issubdtype(inputs.dtype, jnp.integer):
        lowest = np.iinfo(inputs.dtype).min
    elif inputs.dtype == bool:
        lowest = False
    fill = np.asarray(lowest, inputs.dtype)
    if on_cpu() and np.prod(size) <= FEW:
        return functools.reduce(_larger, _slices(inputs, size, plan, pads, fill))
    return lax.reduce_window(inputs, fill, lax.max, *_window(plan, size, pads))


def _larger(a: Array, b: Array) -> Array:
    """The maximum; of equal entries the first, also for the gradient, and NaN before all."""
    return jnp.where((a >= b) | (a != a), a, b)


def average_pool(
    inputs: Array, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Array:
    """See `hornbeam.ops.average_pool`; padding does not count towards the mean."""
    plan, size, pads = _pooled(inputs, pool_size, strides, padding, data_format)
    zero = np.asarray(0, inputs.dtype)
    window = _window(plan, size, pads)
    total = lax.reduce_window(inputs, zero, lax.add, *window)
    if padding == "valid":
        return total / np.asarray(np.prod(size), inputs.dtype)
    return total / lax.reduce_window(jnp.ones(inputs.shape, inputs.dtype), zero, lax.add, *window)


def _pooled(
    x: Array, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> tuple[windows.Plan, tuple[int, ...], list[Any]]:
    size = windows.spread(pool_size, x.ndim - 2, "pool_size")
    plan = windows.plan(x.ndim - 2, strides or size, 1, data_format)
    return plan, size, windows.pads(plan.spatial(x.shape), size, plan, padding)


def _window(plan: windows.Plan, size: Sequence[int], pads: Sequence[Any]) -> tuple[Any, Any, Any]:
    return (
        plan.with_channels(size, 1),
        plan.with_channels(plan.strides, 1),
        list(plan.with_channels(pads, (0, 0))),
    )
