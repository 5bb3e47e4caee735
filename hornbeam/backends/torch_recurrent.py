"""LSTM and GRU of the PyTorch backend: its fused layers, fed with our weights.

The fused layers know no masks.  A masked step is one more input feature that drives the gates so far
that the state stays exactly as it was; PyTorch's own way, packed sequences, takes 15 times as long
backwards (torch 2.13, CPU, 100x32x128).
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.func import functional_call

from hornbeam.backends.torch_compiled import is_traced

Array = Any
FAR = 1e4
"""A number whose sigmoid is 1 and whose negative's is 0, in every float dtype."""


@functools.lru_cache(maxsize=64)
def _layer(kind: str, features: int, units: int, dtype: torch.dtype) -> torch.nn.Module:
    """A layer without memory for weights of its own: those of a call stand in for them."""
    made: torch.nn.Module = getattr(torch.nn, kind)(features, units, device="meta", dtype=dtype)
    return made


def _run(
    kind: str,
    x: Array,
    state: Any,
    weights: tuple[Array, Array, Array, Array],
    mask: Array | None,
    drives: tuple[float, ...],
) -> Any:
    """(outputs, last state) of a fused layer.

    Args:
        kind: "LSTM" or "GRU".
        x: inputs (time, batch, features).
        state: the first state as PyTorch wants it.
        weights: for inputs (gates * units, features) and states, with a bias each.
        mask: bools (time, batch) or None.
        drives: where a masked step pushes each gate.
    """
    kernel, recurrent, *biases = weights
    units = recurrent.shape[-1]
    if mask is not None:
        x = torch.cat((x, (~mask).to(x.dtype)[..., None]), -1)
        push = torch.tensor(drives, dtype=kernel.dtype, device=kernel.device)
        kernel = torch.cat((kernel, push.repeat_interleave(units)[:, None]), 1)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    given = dict(zip(names, (kernel, recurrent, *biases), strict=True))
    return functional_call(_layer(kind, x.shape[-1], units, x.dtype), given, (x, state))


def lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None,
    zero_output_for_mask: bool,
) -> tuple[Array, Array, Array, Array] | None:
    """See `hornbeam.layers.recurrent.loops.lstm`; None if the mask is such that it must be composed.

    Both have the gates in the same order.  While the cell is held, the output is not, so nothing may
    follow a gap, and only a state of zeros can wait for the first step.
    """
    if mask is not None and is_traced(mask):
        return None
    mask = None if mask is None or bool(mask.all()) else mask
    if mask is not None and not _is_one_run(mask, h, c):
        return None
    zeros = torch.zeros(kernel.shape[-1], dtype=kernel.dtype, device=kernel.device)
    weights = (kernel.t(), recurrent_kernel.t(), zeros if bias is None else bias, zeros)
    state = (h[None], c[None])
    outputs, (h, c) = _run("LSTM", x, state, weights, mask, (-FAR, FAR, 0.0, 0.0))
    if mask is None:
        return h[0], outputs, h[0], c[0]
    steps = torch.arange(len(mask), device=mask.device)[:, None]
    end = torch.where(mask, steps, 0).amax(0)
    last = outputs[end, torch.arange(len(end), device=end.device)]
    return last, _shown(outputs, last, mask, zero_output_for_mask), last, c[0]


def gru(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None,
    zero_output_for_mask: bool,
) -> tuple[Array, Array, Array]:
    """See `hornbeam.layers.recurrent.loops.gru`, where the update gate comes first.

    PyTorch's layer begins with the reset gate.  Any mask will do.
    """
    if mask is not None and not is_traced(mask) and bool(mask.all()):
        mask = None
    zeros = torch.zeros(kernel.shape[-1], dtype=kernel.dtype, device=kernel.device)
    weights = (
        _reset_first(kernel).t(),
        _reset_first(recurrent_kernel).t(),
        zeros if bias is None else _reset_first(bias[0]),
        zeros if bias is None else _reset_first(bias[1]),
    )
    outputs, last = _run("GRU", x, h[None], weights, mask, (0.0, FAR, 0.0))
    if mask is None:
        return last[0], outputs, last[0]
    seen = mask.any(0)[:, None]
    held = torch.where(seen, last[0], 0.0)
    return held, _shown(outputs, outputs, mask, zero_output_for_mask), last[0]


def _is_one_run(mask: Array, h: Array, c: Array) -> bool:
    """Whether the steps of each example are one run, and those before it can be waited for."""
    seen = mask.cumsum(0) > 0
    if bool((mask[1:] & ~mask[:-1] & seen[:-1]).any()):
        return False
    at_rest = not (h.requires_grad or c.requires_grad or bool(h.any()) or bool(c.any()))
    return at_rest or bool(mask[0].all())


def _shown(outputs: Array, held: Array, mask: Array, zero_output_for_mask: bool) -> Array:
    """The outputs, with what masked steps show: the output before, or 0."""
    if zero_output_for_mask:
        return torch.where(mask[..., None], outputs, 0.0)
    seen = (mask.cumsum(0) > 0)[..., None]
    return torch.where(mask[..., None], outputs, torch.where(seen, held, 0.0))


def _reset_first(weights: Array) -> Array:
    update, reset, candidate = weights.chunk(3, -1)
    return torch.cat((reset, update, candidate), -1)
