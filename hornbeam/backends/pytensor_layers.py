"""Convolution, max pooling and LSTM as nodes of a PyTensor graph, whose gradients are nodes again.

PyTensor 3 has no convolution and no pooling; `numpy_layers` computes them.  The LSTM can be
differentiated once.
"""

from __future__ import annotations

from typing import Any

from hornbeam.backends import numpy_layers as kernels
from hornbeam.backends.numpy_layers import Steps, places_of
from hornbeam.backends.pytensor_host import Host, static

Array = Any
Variable = Any


def conv(x: Variable, kernel: Variable, steps: Steps) -> Variable:
    """`x` (batch, *spatial, channels), padded already, with `kernel` (*window, channels, filters)."""
    shape = (static(x)[0], *places_of(static(x)[1:-1], steps), static(kernel)[-1])

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return (
            conv_input(upstream[0], inputs[1], inputs[0], steps),
            conv_kernel(inputs[0], upstream[0], inputs[1], steps),
        )

    node = Host("conv", lambda x, k: kernels.conv_values(x, k, steps), [(x.dtype, shape)], pull)
    return node(x, kernel)


def conv_kernel(x: Variable, g: Variable, kernel: Variable, steps: Steps) -> Variable:
    """The gradient of the kernel, which is linear in `x` and in `g`."""

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return (
            conv_input(inputs[1], upstream[0], inputs[0], steps),
            conv(inputs[0], upstream[0], steps),
        )

    types = [(kernel.dtype, static(kernel))]
    return Host("conv_kernel", lambda x, g: kernels.conv_kernel_values(x, g, steps), types, pull)(
        x, g
    )


def conv_input(g: Variable, kernel: Variable, x: Variable, steps: Steps) -> Variable:
    """The gradient of the input, linear in `g` and in `kernel`; of `x` only the shape counts."""

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return (
            conv(upstream[0], inputs[1], steps),
            conv_kernel(upstream[0], inputs[0], inputs[1], steps),
            inputs[2].zeros_like(),
        )

    def run(g: Array, kernel: Array, x: Array) -> Array:
        return kernels.conv_input_values(g, kernel, x.shape, steps)

    return Host("conv_input", run, [(g.dtype, static(x))], pull)(g, kernel, x)


def max_pool(x: Variable, steps: Steps) -> Variable:
    """The largest values of the windows of `x` (batch, *spatial, channels), padded already."""
    shape = (static(x)[0], *places_of(static(x)[1:-1], steps), static(x)[-1])

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        x, back, pick = inputs[0], kernels.max_back_values, kernels.max_pick_values
        return [_linear(back, pick, x, outputs[0], upstream[0], steps, x)]

    node = Host("max_pool", lambda x: kernels.max_pool_values(x, steps), [(x.dtype, shape)], pull)
    return node(x)


def _linear(
    run: Any, back: Any, x: Variable, out: Variable, v: Variable, steps: Steps, like: Any
) -> Any:
    """``run(x, out, v)``, linear in `v`, whose gradient is `back`."""

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        x, out, v = inputs
        grad = _linear(back, run, x, out, upstream[0], steps, v)
        return [x.zeros_like(), out.zeros_like(), grad]

    def body(x: Array, out: Array, v: Array) -> Array:
        return run(x, out, v, steps)

    return Host(run.__name__, body, [(like.dtype, static(like))], pull)(x, out, v)


def lstm(z: Variable, h: Variable, c: Variable, kernel: Variable, valid: Variable) -> Any:
    """(all output states, last cell state) of an LSTM; `z` are the inputs times the kernel.

    Args:
        z: (time, batch, 4 * units).
        h: first output state (batch, units).
        c: first cell state (batch, units).
        kernel: the recurrent kernel (units, 4 * units).
        valid: bools (time, batch), or a scalar for no mask.
    """
    many = (*static(z)[:2], static(h)[-1])
    dtype = z.dtype
    saved = [(dtype, static(z)), (dtype, many), (dtype, many)]

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        z, h, c, kernel, valid = inputs
        kinds = [(x.dtype, static(x)) for x in (z, h, c, kernel)]
        back = Host("lstm_back", kernels.lstm_back_values, kinds)
        states, _, gates, squashed, before = outputs
        given = (h, kernel, valid, states, gates, squashed, before, upstream[0], upstream[1])
        return [*back(*given, return_list=True), None]

    node = Host("lstm", kernels.lstm_values, [(dtype, many), (dtype, static(c)), *saved], pull)
    return node(z, h, c, kernel, valid, return_list=True)[:2]
