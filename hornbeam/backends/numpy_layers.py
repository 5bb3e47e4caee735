"""Convolution, max pooling and LSTM by NumPy, forwards and backwards.

The NumPy engine runs the forward functions, PyTensor, whose graphs are computed by NumPy, all of them.
The compositions make one array of all windows, and many small ones at each step of an LSTM.  On one
core, 128x26x26x32 by 3x3x32x32 takes 56 ms, the composition on NumPy 133; an LSTM of 32x100x128 with 128
units 31 and 57; with its gradient on PyTensor 114 and 168 (the training step of imdb_lstm).

`conv`, `max_pool` and `lstm` are whole ops; they take the function that does the work on arrays with
channels last, or time first, so that an engine can make one node of a graph of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from hornbeam.backends import windows
from hornbeam.backends.protocol import COMPOSITIONS, Backend

Array = Any
CHUNK = 1 << 20
"""Numbers in the windows that are unfolded at a time: they stay in the cache."""

Steps = tuple[Sequence[int], Sequence[int], Sequence[int]]
"""Window, strides and dilations."""
Work = Callable[..., Any]


# ------------------------------------------------------------------------------------------ whole ops


def conv(
    b: Backend,
    work: Work,
    inputs: Array,
    kernel: Array,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Array:
    """The op `conv`, where ``work(x, kernel, steps)`` is the convolution of padded `x`."""
    plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
    channels, per_group = inputs.shape[plan.channel_axis], kernel.shape[-2]
    if channels != per_group or inputs.dtype.kind != "f" or inputs.dtype.itemsize < 4:
        more = (strides, padding, data_format, dilation_rate)
        return COMPOSITIONS["conv"](b, inputs, kernel, *more)
    window = tuple(int(n) for n in kernel.shape[: plan.ndim])
    x = _padded(b, inputs, window, plan, padding, 0)
    return _channels_back(b, work(x, kernel, (window, plan.strides, plan.dilations)), plan)


def max_pool(
    b: Backend,
    work: Work,
    inputs: Array,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The op `max_pool`, where ``work(x, steps)`` is the pooling of padded `x`."""
    if inputs.dtype.kind != "f":
        return COMPOSITIONS["max_pool"](b, inputs, pool_size, strides, padding, data_format)
    size = windows.spread(pool_size, inputs.ndim - 2, "pool_size")
    plan = windows.plan(inputs.ndim - 2, strides or size, 1, data_format)
    x = _padded(b, inputs, size, plan, padding, -np.inf)
    return _channels_back(b, work(x, (size, plan.strides, plan.dilations)), plan)


def _padded(
    b: Backend, x: Array, window: Any, plan: windows.Plan, padding: str, fill: Any
) -> Array:
    """`x` with its channels last and its ends filled."""
    if not plan.channels_last:
        x = b.transpose(x, (0, *range(2, x.ndim), 1))
    pads = windows.pads(x.shape[1:-1], window, plan, padding)
    if all(p == (0, 0) for p in pads):
        return x
    return b.pad(x, ((0, 0), *pads, (0, 0)), "constant", fill)


def _channels_back(b: Backend, x: Array, plan: windows.Plan) -> Array:
    if plan.channels_last:
        return x
    return b.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def lstm(
    b: Backend,
    work: Work,
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None = None,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """The op `lstm`, where ``work(projected, h, c, recurrent_kernel, valid)`` gives its states."""
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        given = (x, h, c, kernel, recurrent_kernel, bias, mask, zero_output_for_mask)
        return COMPOSITIONS["lstm"](b, *given)  # type: ignore[no-any-return]
    projected = b.matmul(x, kernel) if bias is None else b.matmul(x, kernel) + bias
    valid = b.asarray(True) if mask is None else mask
    states, c, *_ = work(projected, h, c, recurrent_kernel, valid)
    if mask is None:
        return states[-1], states, states[-1], c
    seen = b.cumsum(b.cast(mask, "int32"), 0) > 0  # before the first valid step there is no output
    shown = b.expand_dims(mask if zero_output_for_mask else seen, -1)
    zero = b.zeros((), b.dtype(states))
    last = b.where(b.expand_dims(seen[-1], -1), states[-1], zero)
    return last, b.where(shown, states, zero), states[-1], c


# ------------------------------------------------------------------------------------------- windows


def _unfolded(x: Array, steps: Steps) -> Array:
    """A view (batch, *places, *window, channels) of `x` (batch, *spatial, channels)."""
    window, strides, dilations = steps
    moved = [step * s for step, s in zip(x.strides[1:-1], strides, strict=True)]
    inner = [step * d for step, d in zip(x.strides[1:-1], dilations, strict=True)]
    return np.lib.stride_tricks.as_strided(
        x,
        (x.shape[0], *places_of(x.shape[1:-1], steps), *window, x.shape[-1]),
        (x.strides[0], *moved, *inner, x.strides[-1]),
        writeable=False,
    )


def places_of(sizes: Sequence[Any], steps: Steps) -> tuple[Any, ...]:
    """How many positions a window takes along each axis; None where the size is not known."""
    rows = zip(sizes, *steps, strict=True)
    return tuple(None if n is None else (n - (w - 1) * d - 1) // s + 1 for n, w, s, d in rows)


def _seen(shape: Sequence[int], steps: Steps) -> Iterator[tuple[tuple[int, ...], Any]]:
    """For each place in the window the part of the input that it sees, at all positions."""
    window, strides, dilations = steps
    counts = places_of(shape[1:-1], steps)
    for place in itertools.product(*map(range, window)):
        key: list[slice] = [slice(None)]
        for p, count, stride, dilation in zip(place, counts, strides, dilations, strict=True):
            key.append(slice(p * dilation, p * dilation + (count - 1) * stride + 1, stride))
        yield place, tuple(key)


def _chunks(count: int, per_row: int) -> Iterator[slice]:
    step = max(CHUNK // max(per_row, 1), 1)
    return (slice(i, min(i + step, count)) for i in range(0, count, step))


def conv_values(x: Array, kernel: Array, steps: Steps) -> Array:
    """The convolution of `x` (batch, *spatial, channels) with `kernel` (*window, channels, filters)."""
    places = places_of(x.shape[1:-1], steps)
    out = np.empty((x.shape[0], *places, kernel.shape[-1]), x.dtype)
    flat = kernel.reshape(-1, kernel.shape[-1])
    for rows in _chunks(len(x), math.prod(places) * len(flat)):
        unfolded = _unfolded(x[rows], steps).reshape(-1, len(flat))
        out[rows] = (unfolded @ flat).reshape(out[rows].shape)
    return out


def conv_kernel_values(x: Array, g: Array, steps: Steps) -> Array:
    """Its gradient towards the kernel, where `g` is that of the result."""
    width = math.prod(steps[0]) * x.shape[-1]
    total = np.zeros((width, g.shape[-1]), x.dtype)
    for rows in _chunks(len(x), math.prod(g.shape[1:-1]) * width):
        unfolded = _unfolded(x[rows], steps).reshape(-1, width)
        total += unfolded.T @ g[rows].reshape(-1, g.shape[-1])
    return total.reshape(*steps[0], x.shape[-1], g.shape[-1])


def conv_input_values(g: Array, kernel: Array, shape: Sequence[int], steps: Steps) -> Array:
    """Its gradient towards the input of this shape."""
    out = np.zeros(shape, g.dtype)
    for rows in _chunks(len(g), math.prod(g.shape[1:])):
        flat = np.ascontiguousarray(g[rows]).reshape(-1, g.shape[-1])
        part = out[rows]
        for place, key in _seen(shape, steps):
            part[key] += (flat @ kernel[place].T).reshape(*g[rows].shape[:-1], -1)
    return out


def max_pool_values(x: Array, steps: Steps) -> Array:
    """The largest values of the windows of `x` (batch, *spatial, channels)."""
    parts = (x[key] for _, key in _seen(x.shape, steps))
    out = np.array(next(parts))
    for part in parts:
        np.maximum(out, part, out=out)
    return out


def max_back_values(x: Array, out: Array, g: Array, steps: Steps) -> Array:
    """Each window's gradient goes to the first of its largest values."""
    result = np.zeros_like(x)
    free = np.ones(out.shape, bool)
    for _, key in _seen(x.shape, steps):
        won = (x[key] == out) & free
        free &= ~won
        result[key] += g * won
    return result


def max_pick_values(x: Array, out: Array, values: Array, steps: Steps) -> Array:
    """Of each window that of the `values` which lies where the first of the largest in `x` does."""
    result = np.zeros_like(out)
    free = np.ones(out.shape, bool)
    for _, key in _seen(x.shape, steps):
        won = (x[key] == out) & free
        free &= ~won
        result += values[key] * won
    return result


# ---------------------------------------------------------------------------------------- recurrent


def _sigmoid(x: Array) -> Array:
    return 0.5 * (np.tanh(0.5 * x) + 1)


def lstm_values(z: Array, h: Array, c: Array, kernel: Array, valid: Array) -> tuple[Array, ...]:
    """(states of all steps, last c; and for the gradient gates, tanh of the cells, cells before)."""
    (time, batch), units = z.shape[:2], h.shape[-1]
    gates = np.empty_like(z)
    states = np.empty((time, batch, units), z.dtype)
    squashed, before = np.empty_like(states), np.empty_like(states)
    for t in range(time):
        gate = gates[t]
        np.matmul(h, kernel, out=gate)
        gate += z[t]
        for k in range(4):
            part = gate[:, k * units : (k + 1) * units]
            part[...] = np.tanh(part) if k == 2 else _sigmoid(part)
        i, f, g, o = (gate[:, k * units : (k + 1) * units] for k in range(4))
        before[t] = c
        new_c = f * c + i * g
        squashed[t] = np.tanh(new_c)
        new_h = o * squashed[t]
        if valid.ndim:
            ok = valid[t][:, None]
            new_h, new_c = np.where(ok, new_h, h), np.where(ok, new_c, c)
        states[t] = h = new_h
        c = new_c
    return states, np.array(c), gates, squashed, before


def lstm_back_values(
    h: Array,
    kernel: Array,
    valid: Array,
    states: Array,
    gates: Array,
    squashed: Array,
    before: Array,
    d_states: Array,
    d_c: Array,
) -> tuple[Array, ...]:
    """The gradients of z, h, c and the kernel."""
    units = h.shape[-1]
    dz = np.empty_like(gates)
    dh, dc = np.zeros_like(h), np.array(d_c)
    turned = np.ascontiguousarray(kernel.T)
    for t in range(len(gates) - 1, -1, -1):
        dh = dh + d_states[t]
        held_h: Any = 0
        held_c: Any = 0
        if valid.ndim:
            ok = valid[t][:, None]
            held_h, held_c = dh * ~ok, dc * ~ok
            dh, dc = dh * ok, dc * ok
        i, f, g, o = (gates[t][:, k * units : (k + 1) * units] for k in range(4))
        tanh_c = squashed[t]
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        row = dz[t]
        row[:, :units] = dc * g * i * (1 - i)
        row[:, units : 2 * units] = dc * before[t] * f * (1 - f)
        row[:, 2 * units : 3 * units] = dc * i * (1 - g * g)
        row[:, 3 * units :] = dh * tanh_c * o * (1 - o)
        dh = row @ turned + held_h
        dc = dc * f + held_c
    earlier = np.concatenate([h[None], states[:-1]]).reshape(-1, units)
    return dz, dh, dc, earlier.T @ dz.reshape(len(earlier), -1)
