"""Going through time: the general loop, and whole LSTM and GRU layers as one function each.

`lstm` and `gru` are compositions of the backend: an engine may define methods of these names that do
the same in a better way.  All arrays here are time-major: (time, batch, features).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import tree
from hornbeam.backends.protocol import COMPOSITIONS, Array, Backend

Step = Callable[[Any, list[Array]], tuple[Array, list[Array]]]


def recurrence(
    b: Backend,
    step: Step,
    inputs: Any,
    states: list[Array],
    mask: Array | None = None,
    unroll: bool = False,
    all_outputs: bool = True,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array | None, list[Array]]:
    """Apply `step` to one time step after the other.

    Args:
        b: the backend.
        step: ``output, states = step(input, states)``.
        inputs: arrays (time, batch, ...), nested.
        states: the first states, each (batch, ...).
        mask: bools (time, batch).  Where False, states and output stay what they were.
        unroll: whether to write the steps out instead of looping; the number of steps must be known.
        all_outputs: whether the outputs of all steps are wanted.
        zero_output_for_mask: whether masked steps have the output 0 instead.

    Returns:
        (last output, outputs (time, batch, ...) or None, last states).
    """
    previous = None
    if mask is not None:  # what a first, masked step shows
        out_like, _ = step(tree.map_structure(lambda x: x[0], inputs), states)
        previous = b.zeros(b.shape(out_like), b.dtype(out_like))

    def advance(carry: Any, row: Any) -> tuple[Any, Any]:
        x, valid = row
        old_output, old_states = carry
        output, new_states = step(x, list(old_states))
        if valid is not None:
            shown = (
                b.zeros(b.shape(output), b.dtype(output)) if zero_output_for_mask else old_output
            )
            new_states = [
                _where(b, valid, n, o) for n, o in zip(new_states, old_states, strict=True)
            ]
            held = _where(b, valid, output, old_output)
            return (held, new_states), _where(b, valid, output, shown)
        return (previous, new_states), output

    if unroll:
        return _unrolled(b, advance, inputs, states, mask, previous)
    (held, states), outputs = b.scan(advance, (previous, states), (inputs, mask))
    last = outputs[-1] if held is None else held
    return last, outputs if all_outputs else None, list(states)


def _unrolled(
    b: Backend,
    advance: Any,
    inputs: Any,
    states: list[Array],
    mask: Array | None,
    previous: Array | None,
) -> tuple[Array, Array, list[Array]]:
    steps = int(tree.flatten(inputs)[0].shape[0])
    carry: Any = (previous, states)
    rows = []
    for i in range(steps):
        x = tree.map_structure(lambda a: a[i], inputs)  # noqa: B023  (used at once)
        carry, output = advance(carry, (x, None if mask is None else mask[i]))
        rows.append(output)
    return rows[-1] if mask is None else carry[0], b.stack(rows, 0), list(carry[1])


def _where(b: Backend, valid: Array, new: Array, old: Array) -> Array:
    """`new` in the examples where `valid` (batch,), else `old`."""
    missing = len(new.shape) - len(valid.shape)
    if missing:
        valid = b.expand_dims(valid, tuple(range(len(valid.shape), len(valid.shape) + missing)))
    return b.where(valid, new, old)


def _split(x: Array, parts: int) -> list[Array]:
    """`x` cut into equal parts along its last axis."""
    units = x.shape[-1] // parts
    rank = len(x.shape)
    head = (slice(None),) * (rank - 1)
    return [x[(*head, slice(i * units, (i + 1) * units))] for i in range(parts)]


def lstm(
    b: Backend,
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None = None,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """A whole LSTM with tanh and sigmoid; Hochreiter and Schmidhuber, 1997.

    The four gates are in the order input, forget, candidate, output.

    Args:
        b: the backend.
        x: inputs (time, batch, features).
        h: first output state (batch, units).
        c: first cell state (batch, units).
        kernel: (features, 4 * units).
        recurrent_kernel: (units, 4 * units).
        bias: (4 * units,) or None.
        mask: bools (time, batch) or None; see `recurrence`.
        zero_output_for_mask: see `recurrence`.

    Returns:
        (last output, outputs (time, batch, units), last h, last c).
    """
    dtype = b.dtype(h)
    projected = b.matmul(x, kernel)
    if bias is not None:
        projected = projected + bias

    def step(z: Array, states: list[Array]) -> tuple[Array, list[Array]]:
        h, c = states
        i, f, g, o = _split(z + b.matmul(h, recurrent_kernel), 4)
        c = b.cast(b.sigmoid(f) * c + b.sigmoid(i) * b.tanh(g), dtype)
        h = b.cast(b.sigmoid(o) * b.tanh(c), dtype)
        return h, [h, c]

    last, outputs, (h, c) = recurrence(
        b, step, projected, [h, c], mask, zero_output_for_mask=zero_output_for_mask
    )
    return last, outputs, h, c


def gru(
    b: Backend,
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None = None,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array, Array]:
    """A whole GRU with tanh and sigmoid, its reset gate behind the product; Cho et al., 2014.

    The three gates are in the order update, reset, candidate.

    Args:
        b: the backend.
        x: inputs (time, batch, features).
        h: first state (batch, units).
        kernel: (features, 3 * units).
        recurrent_kernel: (units, 3 * units).
        bias: (2, 3 * units), for the input and for the state, or None.
        mask: bools (time, batch) or None; see `recurrence`.
        zero_output_for_mask: see `recurrence`.

    Returns:
        (last output, outputs (time, batch, units), last h).
    """
    dtype = b.dtype(h)
    projected = b.matmul(x, kernel)
    recurrent_bias = None
    if bias is not None:
        projected = projected + bias[0]
        recurrent_bias = bias[1]

    def step(zx: Array, states: list[Array]) -> tuple[Array, list[Array]]:
        (h,) = states
        zh = b.matmul(h, recurrent_kernel)
        if recurrent_bias is not None:
            zh = zh + recurrent_bias
        xz, xr, xn = _split(zx, 3)
        hz, hr, hn = _split(zh, 3)
        z = b.sigmoid(xz + hz)
        candidate = b.tanh(xn + b.sigmoid(xr + hr) * hn)
        h = b.cast(candidate + z * (h - candidate), dtype)
        return h, [h]

    last, outputs, (h,) = recurrence(
        b, step, projected, [h], mask, zero_output_for_mask=zero_output_for_mask
    )
    return last, outputs, h


COMPOSITIONS["lstm"] = lstm
COMPOSITIONS["gru"] = gru
