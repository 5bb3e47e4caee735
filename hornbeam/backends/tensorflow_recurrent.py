"""The LSTM of the TensorFlow backend: two programs of XLA, the second of them its gradient.

Each step of a loop in a graph is thirty small kernels, and each of them costs more to begin than to
run; XLA makes one function of a loop.  What it would make of TensorFlow's gradient of the loop takes
longer than the loop it is for, so the backward pass is written by hand: it stacks the gradients of the
gates and takes the recurrent kernel's gradient as one product after the loop.

Milliseconds for 32x100x128 with 128 units, forward and then both ways (2 cores): the loop in a graph 11
and 35, the same by XLA 12 and 45, by hand in a graph 14 and 32, written out in a graph of 3,000 nodes 9
and 23, `BlockLSTMV2` 17 and 65, by hand and by XLA 7 and 19.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

Array = Any


def lstm_states(
    projected: Array, h: Array, c: Array, recurrent_kernel: Array, mask: Array | None
) -> tuple[Array, Array]:
    """States of an LSTM with tanh and sigmoid.

    Args:
        projected: the inputs times the kernel, plus the bias: (time, batch, 4 * units), float32 or
            float64, its shape known.
        h: first output state (batch, units).
        c: first cell state (batch, units).
        recurrent_kernel: (units, 4 * units).
        mask: bools (time, batch) or None; where False, the states stay what they were.

    Returns:
        (output states of all steps (time, batch, units), last cell state).
    """
    forward, backward = _programs(tuple(projected.shape), projected.dtype.name, mask is not None)
    given = [projected] if mask is None else [projected, tf.cast(mask, projected.dtype)[..., None]]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def states(h: Array, c: Array, kernel: Array, projected: Array, *valid: Array) -> Any:
        outputs, last_c, cells, gates = forward(*_hidden(h, c, kernel, projected, *valid))

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def slopes(*args: Array) -> Any:
            found = backward(*_hidden(*args[:5], outputs, cells, gates, *valid))
            return found, lambda *upstream: _pulled(_backward_from_inputs, args, upstream)

        def gradient(d_outputs: Array, d_last_c: Array) -> list[Array]:
            found = slopes(d_outputs, d_last_c, h, c, kernel, projected, *valid)
            return [*found, *[None] * len(valid)]

        return (outputs, last_c), gradient

    return states(h, c, recurrent_kernel, *given)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=64)
def _programs(shape: tuple[int, ...], dtype: str, masked: bool) -> tuple[Any, Any]:
    """The two programs for inputs of one kind: a function of its own each, so that none is retraced."""
    return tuple(tf.function(fn, autograph=False, jit_compile=True) for fn in (_forward, _backward))


def _backward_from_inputs(
    d_outputs: Array,
    d_last_c: Array,
    h: Array,
    c: Array,
    kernel: Array,
    projected: Array,
    *valid: Array,
) -> Any:
    """`_backward` as a function of what goes into `_forward`."""
    outputs, _, cells, gates = _forward(h, c, kernel, projected, *valid)
    return _backward(d_outputs, d_last_c, h, c, kernel, outputs, cells, gates, *valid)


def _pulled(fn: Any, args: tuple[Array, ...], upstream: tuple[Array, ...]) -> list[Array]:
    """The gradients of the arguments of `fn`, by TensorFlow: XLA cannot do it for loops."""
    with tf.GradientTape() as tape:
        tape.watch(args)
        found = fn(*args)
    return tape.gradient(found, args, upstream)  # type: ignore[no-any-return]


def _hidden(*args: Array) -> list[Array]:
    """The same values, unknown to any tape: an eager one records what is within a custom gradient."""
    return [tf.stop_gradient(x) for x in args]


def _gates(z: Array) -> Array:
    """The gates side by side, as they are in `z`, as one tanh: sigmoid(x) = (1 + tanh(x / 2)) / 2."""
    units = z.shape[-1] // 4
    scale = np.repeat(np.asarray([0.5, 0.5, 1.0, 0.5], z.dtype.as_numpy_dtype), units)
    offset = np.repeat(np.asarray([0.5, 0.5, 0.0, 0.5], z.dtype.as_numpy_dtype), units)
    return tf.tanh(z * scale) * scale + offset


def _rows(length: int, *arrays: Array) -> list[Any]:
    return [tf.TensorArray(a.dtype, length).unstack(a) for a in arrays]


def _room(length: int, *models: Array) -> tuple[Any, ...]:
    return tuple(tf.TensorArray(m.dtype, length, element_shape=m.shape) for m in models)


def _loop(length: int, body: Any, state: tuple[Any, ...]) -> Any:
    return tf.while_loop(
        lambda i, *_: i < length, body, (tf.constant(0), *state), maximum_iterations=length
    )


def _forward(h: Array, c: Array, kernel: Array, projected: Array, *valid: Array) -> Any:
    length = projected.shape[0]
    inputs = _rows(length, projected, *valid)

    def step(t: Array, h: Array, c: Array, *kept: Any) -> Any:
        z, *ok = (rows.read(t) for rows in inputs)
        gates = _gates(z + tf.matmul(h, kernel))
        i, f, g, o = tf.split(gates, 4, axis=-1)
        new_c = f * c + i * g
        new_h = o * tf.tanh(new_c)
        if ok:
            new_h, new_c = tf.where(ok[0] > 0, new_h, h), tf.where(ok[0] > 0, new_c, c)
        written = zip(kept, (new_h, new_c, gates), strict=True)
        return (t + 1, new_h, new_c, *(array.write(t, value) for array, value in written))

    _, _, last_c, *kept = _loop(length, step, (h, c, *_room(length, h, c, projected[0])))
    outputs, cells, gates = (array.stack() for array in kept)
    return outputs, last_c, cells, gates


def _backward(
    d_outputs: Array,
    d_last_c: Array,
    h: Array,
    c: Array,
    kernel: Array,
    outputs: Array,
    cells: Array,
    gates: Array,
    *valid: Array,
) -> Any:
    """The gradients of h, c, the kernel and the projected inputs."""
    length = gates.shape[0]
    i, f, g, o = tf.split(gates, 4, axis=-1)
    squashed = tf.tanh(cells)
    before = tf.concat([c[None], cells[:-1]], 0)
    slopes = [g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)]
    of_gates = tf.concat(slopes, -1)  # of each gate's input; not used where a step is masked
    of_cell = o * (1 - squashed * squashed)
    rows = _rows(length, d_outputs, of_gates, of_cell, f, *valid)
    turned = tf.transpose(kernel)

    def step(count: Array, dh: Array, dc: Array, kept: Any) -> Any:
        t = length - 1 - count
        d_output, to_gates, to_cell, forget, *ok = (array.read(t) for array in rows)
        dh = dh + d_output
        held_h, held_c = tf.zeros_like(dh), tf.zeros_like(dc)
        if ok:
            held_h, held_c = dh * (1 - ok[0]), dc * (1 - ok[0])
            dh, dc = dh * ok[0], dc * ok[0]
        dc = dc + dh * to_cell
        dz = tf.concat([dc, dc, dc, dh], -1) * to_gates
        dh, dc = tf.matmul(dz, turned) + held_h, dc * forget + held_c
        return count + 1, dh, dc, kept.write(t, dz)

    state = (tf.zeros_like(h), d_last_c, *_room(length, gates[0]))
    _, dh, dc, dz = _loop(length, step, state)
    dz = dz.stack()
    earlier = tf.concat([h[None], outputs[:-1]], 0)
    flat = tf.reshape(earlier, (-1, earlier.shape[-1])), tf.reshape(dz, (-1, dz.shape[-1]))
    return dh, dc, tf.matmul(*flat, transpose_a=True), dz
