"""What overrides of `lstm` share, whatever computes the states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam.backends.protocol import Array, Backend


def lstm_of_states(
    b: Backend,
    states_of: Callable[..., tuple[Array, Array]],
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None,
    zero_output_for_mask: bool,
) -> tuple[Any, Any, Any, Any]:
    """The composition `lstm`, with the loop left to `states_of`.

    Args:
        b: the backend.
        states_of: ``states_of(projected, h, c, recurrent_kernel, mask)`` -> (output states of all steps
            (time, batch, units), last cell state); where `mask` is False, states stay what they were.
        x: as the others, see the composition (`hornbeam.layers.recurrent.loops.lstm`).
    """
    projected = b.matmul(x, kernel)
    if bias is not None:
        projected = b.add(projected, bias)
    states, c = states_of(projected, h, c, recurrent_kernel, mask)
    if mask is None:
        return states[-1], states, states[-1], c
    seen = b.cumsum(b.cast(mask, "int32"), 0) > 0  # before that there is no output to repeat
    shown = mask if zero_output_for_mask else seen
    zero = b.zeros((), b.dtype(states))
    outputs = b.where(shown[..., None], states, zero)
    last = b.where(seen[-1][..., None], states[-1], zero)
    return last, outputs, states[-1], c
