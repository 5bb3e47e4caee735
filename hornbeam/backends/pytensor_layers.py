"""Convolution, max pooling, LSTM and GRU for the PyTensor engine: NumPy forwards and backwards.

PyTensor 3 has no convolution and no pooling, and its scan runs a compiled function per time step.  Each
of these is one `Host` node here, whose gradient is another one.  Measured on two busy cores, a training
step of the benchmarks' mnist_cnn took 1,750 ms with the compositions and takes 560 ms, that of imdb_lstm
1,380 and 390 ms.  The LSTM and the GRU can be differentiated once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hornbeam.backends.pytensor_host import Host, static, windows_of

Array = Any
Variable = Any

CHUNK = 1 << 20
"""Numbers in the windows that are unfolded at a time: they stay in the cache."""

Steps = tuple[Sequence[int], Sequence[int], Sequence[int]]
"""Window, strides and dilations."""


# -------------------------------------------------------------------------------------- convolution


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


def _conv(x: Array, kernel: Array, steps: Steps) -> Array:
    places = places_of(x.shape[1:-1], steps)
    out = np.empty((x.shape[0], *places, kernel.shape[-1]), x.dtype)
    flat = kernel.reshape(-1, kernel.shape[-1])
    for rows in _chunks(len(x), math.prod(places) * len(flat)):
        unfolded = windows_of(x[rows], *steps).reshape(-1, len(flat))
        out[rows] = (unfolded @ flat).reshape(out[rows].shape)
    return out


def _conv_kernel(x: Array, g: Array, steps: Steps) -> Array:
    width = math.prod(steps[0]) * x.shape[-1]
    total = np.zeros((width, g.shape[-1]), x.dtype)
    for rows in _chunks(len(x), math.prod(g.shape[1:-1]) * width):
        unfolded = windows_of(x[rows], *steps).reshape(-1, width)
        total += unfolded.T @ g[rows].reshape(-1, g.shape[-1])
    return total.reshape(*steps[0], x.shape[-1], g.shape[-1])


def _conv_input(g: Array, kernel: Array, shape: Sequence[int], steps: Steps) -> Array:
    out = np.zeros(shape, g.dtype)
    for rows in _chunks(len(g), math.prod(g.shape[1:])):
        flat = np.ascontiguousarray(g[rows]).reshape(-1, g.shape[-1])
        part = out[rows]
        for place, key in _seen(shape, steps):
            part[key] += (flat @ kernel[place].T).reshape(*g[rows].shape[:-1], -1)
    return out


def conv(x: Variable, kernel: Variable, steps: Steps) -> Variable:
    """`x` (batch, *spatial, channels), padded already, with `kernel` (*window, channels, filters)."""
    shape = (static(x)[0], *places_of(static(x)[1:-1], steps), static(kernel)[-1])

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return (
            conv_input(upstream[0], inputs[1], inputs[0], steps),
            conv_kernel(inputs[0], upstream[0], inputs[1], steps),
        )

    return Host("conv", lambda x, k: _conv(x, k, steps), [(x.dtype, shape)], pull)(x, kernel)


def conv_kernel(x: Variable, g: Variable, kernel: Variable, steps: Steps) -> Variable:
    """The gradient of the kernel, which is linear in `x` and in `g`."""

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return (
            conv_input(inputs[1], upstream[0], inputs[0], steps),
            conv(inputs[0], upstream[0], steps),
        )

    types = [(kernel.dtype, static(kernel))]
    return Host("conv_kernel", lambda x, g: _conv_kernel(x, g, steps), types, pull)(x, g)


def conv_input(g: Variable, kernel: Variable, x: Variable, steps: Steps) -> Variable:
    """The gradient of the input, linear in `g` and in `kernel`; of `x` only the shape counts."""

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return (
            conv(upstream[0], inputs[1], steps),
            conv_kernel(upstream[0], inputs[0], inputs[1], steps),
            inputs[2].zeros_like(),
        )

    def run(g: Array, kernel: Array, x: Array) -> Array:
        return _conv_input(g, kernel, x.shape, steps)

    return Host("conv_input", run, [(g.dtype, static(x))], pull)(g, kernel, x)


# ------------------------------------------------------------------------------------------ pooling


def _max_pool(x: Array, steps: Steps) -> Array:
    parts = (x[key] for _, key in _seen(x.shape, steps))
    out = np.array(next(parts))
    for part in parts:
        np.maximum(out, part, out=out)
    return out


def _max_back(x: Array, out: Array, g: Array, steps: Steps) -> Array:
    """Each window's gradient goes to the first of its largest values."""
    result = np.zeros_like(x)
    free = np.ones(out.shape, bool)
    for _, key in _seen(x.shape, steps):
        won = (x[key] == out) & free
        free &= ~won
        result[key] += g * won
    return result


def _max_pick(x: Array, out: Array, values: Array, steps: Steps) -> Array:
    result = np.zeros_like(out)
    free = np.ones(out.shape, bool)
    for _, key in _seen(x.shape, steps):
        won = (x[key] == out) & free
        free &= ~won
        result += values[key] * won
    return result


def max_pool(x: Variable, steps: Steps) -> Variable:
    """The largest values of the windows of `x` (batch, *spatial, channels), padded already."""
    shape = (static(x)[0], *places_of(static(x)[1:-1], steps), static(x)[-1])

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        return [_linear(_max_back, _max_pick, inputs[0], outputs[0], upstream[0], steps, inputs[0])]

    return Host("max_pool", lambda x: _max_pool(x, steps), [(x.dtype, shape)], pull)(x)


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

    return Host(run.__name__[1:], body, [(like.dtype, static(like))], pull)(x, out, v)


# ---------------------------------------------------------------------------------------- recurrent


def _sigmoid(x: Array) -> Array:
    return 0.5 * (np.tanh(0.5 * x) + 1)


def _lstm(z: Array, h: Array, c: Array, kernel: Array, valid: Array) -> tuple[Array, ...]:
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


def _lstm_back(
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
        back = Host("lstm_back", _lstm_back, kinds)
        states, _, gates, squashed, before = outputs
        given = (h, kernel, valid, states, gates, squashed, before, upstream[0], upstream[1])
        return [*back(*given, return_list=True), None]

    node = Host("lstm", _lstm, [(dtype, many), (dtype, static(c)), *saved], pull)
    return node(z, h, c, kernel, valid, return_list=True)[:2]


def _gru(z: Array, h: Array, kernel: Array, bias: Array, valid: Array) -> tuple[Array, ...]:
    (time, batch), units = z.shape[:2], h.shape[-1]
    states = np.empty((time, batch, units), z.dtype)
    gates = np.empty_like(z)
    inner = np.empty_like(states)
    for t in range(time):
        zh = h @ kernel + bias
        gate = gates[t]
        gate[:, : 2 * units] = _sigmoid(z[t][:, : 2 * units] + zh[:, : 2 * units])
        inner[t] = zh[:, 2 * units :]
        update, reset = gate[:, :units], gate[:, units : 2 * units]
        gate[:, 2 * units :] = candidate = np.tanh(z[t][:, 2 * units :] + reset * inner[t])
        new = candidate + update * (h - candidate)
        states[t] = h = np.where(valid[t][:, None], new, h) if valid.ndim else new
    return states, gates, inner


def _gru_back(
    h: Array,
    kernel: Array,
    valid: Array,
    states: Array,
    gates: Array,
    inner: Array,
    d_states: Array,
) -> tuple[Array, ...]:
    units = h.shape[-1]
    dz, dzh = np.empty_like(gates), np.empty_like(gates)
    dh = np.zeros_like(h)
    turned = np.ascontiguousarray(kernel.T)
    earlier = np.concatenate([h[None], states[:-1]])
    for t in range(len(gates) - 1, -1, -1):
        dh = dh + d_states[t]
        held: Any = 0
        if valid.ndim:
            ok = valid[t][:, None]
            held, dh = dh * ~ok, dh * ok
        update, reset, candidate = (gates[t][:, k * units : (k + 1) * units] for k in range(3))
        d_candidate = dh * (1 - update) * (1 - candidate * candidate)
        row = dz[t]
        row[:, :units] = dh * (earlier[t] - candidate) * update * (1 - update)
        row[:, units : 2 * units] = d_candidate * inner[t] * reset * (1 - reset)
        row[:, 2 * units :] = d_candidate
        dzh[t] = row
        dzh[t][:, 2 * units :] *= reset
        dh = dh * update + dzh[t] @ turned + held
    flat = dzh.reshape(-1, 3 * units)
    return dz, dh, earlier.reshape(-1, units).T @ flat, flat.sum(0)


def gru(z: Variable, h: Variable, kernel: Variable, bias: Variable, valid: Variable) -> Any:
    """All states of a GRU; `z` are the inputs times the kernel, `bias` is the one of the state.

    Args:
        z: (time, batch, 3 * units).
        h: first state (batch, units).
        kernel: the recurrent kernel (units, 3 * units).
        bias: (3 * units,).
        valid: bools (time, batch), or a scalar for no mask.
    """
    many = (z.dtype, (*static(z)[:2], static(h)[-1]))

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        z, h, kernel, bias, valid = inputs
        kinds = [(x.dtype, static(x)) for x in (z, h, kernel, bias)]
        states, gates, inner = outputs
        back = Host("gru_back", _gru_back, kinds)
        return [
            *back(h, kernel, valid, states, gates, inner, upstream[0], return_list=True),
            None,
        ]

    node = Host("gru", _gru, [many, (z.dtype, static(z)), many], pull)
    return node(z, h, kernel, bias, valid, return_list=True)[0]
