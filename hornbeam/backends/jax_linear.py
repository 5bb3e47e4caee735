"""Operations whose gradients JAX would take by a slower way on a CPU.

Those that JAX has not got are made primitives of it, so that they can be differentiated both ways and
any number of times, and mapped.  All are used where Hornbeam compiles only
(`jax_windows.in_own_compilation`).

Milliseconds of CPU time on 2 cores, for the gradients of ``relu(conv(relu(x + b), w) + b)`` with x of
128x26x26x32: 76, with the convolution below 66, with the bias below 66, with both 57.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.interpreters import ad, batching, mlir

Array = Any
LAYOUT = ("NHWC", "HWIO", "NHWC")
MANY = 2**17
"""From so many numbers on, a sum over rows is worth a product of matrices."""
THIN = 32
"""Kernels of more columns than that are quicker by XLA's way."""
SOME = 2**14
"""Matrices of fewer numbers than that take no time either way."""
COPIED = 2**18
"""Bytes; copying a variable of fewer takes no time."""
KEPT = 2**24
"""Bytes; gradients that take less in all may be in memory at the same time."""


def conv(x: Array, kernel: Array, pads: tuple[tuple[int, int], ...]) -> Array:
    """The convolution of x (batch, height, width, channels) without strides, dilation or groups.

    Its kernel's gradient is a convolution as well, of transposed copies.  XLA fuses the copy of `x` with
    what made `x`, and the loop then walks through memory in the wrong order (22 ms for a relu of
    128x26x26x32, and 9 for both on their own), so the copy is kept apart here.
    """
    return _conv_primitive().bind(x, kernel, pads=pads)


def plus_bias(x: Array, bias: Array) -> Array:
    """``x + bias``, for a bias of float32 that is added to many rows.

    The gradient of the bias is taken as in `column_sums`; for 128x24x24x32 it takes 0.4 ms, XLA's 4.
    """
    return x + _spread_primitive().bind(bias, shape=x.shape, rank=bias.ndim)


def times_scale(x: Array, scale: Array) -> Array:
    """``x * scale``, for a scale as the bias of `plus_bias`."""
    return x * _spread_primitive().bind(scale, shape=x.shape, rank=scale.ndim)


def column_sums(x: Array) -> Array:
    """The sum over all axes but the last.

    XLA's goes through memory column by column.  Over the first axis alone its sum is quick, and takes
    in what made `x`; what is left is a product with ones.  Milliseconds for 32x56x56x64 29.5 and 1.1,
    for 32x14x14x384 11.3 and 1.9, for 32x16x16x32 0.5 and 0.3.
    """
    return _columns_primitive().bind(x)


def together(gradients: list[Array]) -> list[Array]:
    """The gradients, of which no large one can be used before all of these are there.

    What updates a variable then comes after all that read it.  XLA sees no other order between the two
    and copies the variable, so as not to write over what is still read: for 784-512-512-10, batch 128
    and RMSprop 3.33 ms a step, and 3.17 so.  They are in memory at the same time, so if they take much
    they are left alone: 8 layers of 2048x2048 took 1.1 GB in place of 0.6.
    """
    large = [i for i, gradient in enumerate(gradients) if gradient.nbytes >= COPIED]
    if len(large) < 2 or sum(gradients[i].nbytes for i in large) > KEPT:
        return gradients
    with set_xla_metadata(inlineable="false"):
        there = dict(zip(large, _same([gradients[i] for i in large]), strict=True))
    return [there.get(i, gradient) for i, gradient in enumerate(gradients)]


@jax.jit
def _same(arrays: list[Array]) -> list[Array]:
    return arrays


def matmul(x: Array, kernel: Array) -> Array:
    """``x @ kernel``, for matrices.

    jaxlib gives products to YNNPACK, but not those of a transposed first matrix, as the gradient of a
    kernel is one; what it has in their place takes 105 us for a thin one, 128x512 and 512x10.  As the
    transpose of (10x128 by 128x512), with small copies in front and behind, it takes 22, as NumPy does.
    The copies are calls: else XLA makes the first product of them.
    """
    return _thin_primitive().bind(x, kernel) if is_thin(x, kernel) else jnp.matmul(x, kernel)


def is_thin(x: Any, kernel: Any) -> bool:
    """Whether the gradient of `kernel` is to be taken by way of small transposed copies."""
    few = kernel.shape[-1]
    return (
        x.ndim == kernel.ndim == 2
        and 1 < few <= THIN
        and x.dtype == kernel.dtype == jnp.float32
        and isinstance(x.size, int)  # else a symbol, in an export
        and x.size >= SOME
        and x.shape[1] >= 4 * few
    )


def is_bias(x: Any, bias: Any) -> bool:
    """Whether `plus_bias` is right for them."""
    return (
        0 < getattr(bias, "ndim", 0) < getattr(x, "ndim", 0)
        and x.shape[-bias.ndim :] == bias.shape
        and bias.size > 1
        and bias.dtype == jnp.float32
        and is_large(x)
    )


def is_large(x: Any) -> bool:
    """Whether the way to take a sum over its rows matters."""
    # (its size is a symbol in an export)
    return x.dtype == jnp.float32 and isinstance(x.size, int) and x.size >= MANY


def is_columns(x: Any, axis: Any) -> bool:
    """Whether `column_sums` is right for a sum over these axes."""
    return (
        isinstance(axis, (tuple, list))
        and x.ndim >= 3
        and is_large(x)
        and {a % x.ndim for a in axis} == {*range(x.ndim - 1)}
    )


def primitive(name: str, fn: Callable[..., Array]) -> Any:
    """`fn`, a function of arrays with settings by keyword, as a primitive without gradients."""
    from jax.extend.core import Primitive  # brings Pallas along: when it is needed only

    def shape_of(*args: Any, **settings: Any) -> Any:
        given = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in args]
        found = jax.eval_shape(functools.partial(fn, **settings), *given)
        return jax.core.ShapedArray(found.shape, found.dtype)

    def mapped(args: Any, axes: Any, **settings: Any) -> tuple[Array, int]:
        return jax.vmap(functools.partial(fn, **settings), in_axes=tuple(axes))(*args), 0

    made = Primitive(name)
    made.def_impl(fn)
    made.def_abstract_eval(shape_of)
    mlir.register_lowering(made, mlir.lower_fun(fn, multiple_results=False))
    batching.primitive_batchers[made] = mapped
    return made


# ---------------------------------------------------------------------------------------- convolution


def _conv(x: Array, kernel: Array, pads: Any) -> Array:
    return lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=LAYOUT)


def _to_input(upstream: Array, x: Any, kernel: Array, pads: Any) -> Array:
    given = jax.ShapeDtypeStruct(x.aval.shape, x.aval.dtype)
    return jax.linear_transpose(lambda x: _conv(x, kernel, pads), given)(upstream)[0]


def _to_kernel(upstream: Array, x: Array, kernel: Any, pads: Any) -> Array:
    """The windows are as large as the output, the channels are a batch, the batch is channels."""
    with set_xla_metadata(inlineable="false"):  # a call, which XLA fuses with nothing
        turned = _turn(x)
    return _conv(turned, upstream.transpose(1, 2, 0, 3), pads).transpose(1, 2, 0, 3)


@jax.jit
def _turn(x: Array) -> Array:
    return x.transpose(3, 1, 2, 0)


@functools.cache
def _conv_primitive() -> Any:
    made = primitive("hornbeam_conv", _conv)
    ad.defbilinear(made, _to_input, _to_kernel)
    return made


# -------------------------------------------------------------------------------------------- product


def _thin(x: Array, kernel: Array) -> Array:
    return jnp.matmul(x, kernel)


def _thin_to_input(upstream: Array, x: Any, kernel: Array) -> Array:
    return jnp.matmul(upstream, kernel.T)


def _thin_to_kernel(upstream: Array, x: Array, kernel: Any) -> Array:
    with set_xla_metadata(inlineable="false"):
        return _flip(jnp.matmul(_flip(upstream), x))


@jax.jit
def _flip(x: Array) -> Array:
    return x.T


@functools.cache
def _thin_primitive() -> Any:
    made = primitive("hornbeam_thin", _thin)
    ad.defbilinear(made, _thin_to_input, _thin_to_kernel)
    return made


# ----------------------------------------------------------------------------------------- rows' sums


def _spread(bias: Array, shape: Any, rank: int) -> Array:
    return jnp.broadcast_to(bias, shape)


def _sum_of_rows(x: Array, rank: int) -> Array:
    """The sum over all axes but the last `rank`."""
    if x.ndim - rank > 1:
        x = x.sum(0)
    kept = x.shape[x.ndim - rank :]
    ones = jnp.ones(math.prod(x.shape[: x.ndim - rank]), x.dtype)
    return (ones @ x.reshape(ones.size, -1)).reshape(kept)


def _columns(x: Array) -> Array:
    return _sum_of_rows(x, 1)


def _from_columns(upstream: Array, x: Any) -> list[Array]:
    return [jnp.broadcast_to(upstream, x.aval.shape)]


@functools.cache
def _spread_primitive() -> Any:
    made = primitive("hornbeam_spread", _spread)
    ad.deflinear(made, lambda upstream, shape, rank: [_sum_of_rows(upstream, rank)])
    return made


@functools.cache
def _columns_primitive() -> Any:
    made = primitive("hornbeam_columns", _columns)
    ad.deflinear2(made, _from_columns)
    return made
