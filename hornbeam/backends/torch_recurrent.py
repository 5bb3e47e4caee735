"""LSTM and GRU of the PyTorch backend: its fused layers, fed with our weights."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Array = Any


@functools.lru_cache(maxsize=64)
def _layer(kind: str, features: int, units: int, dtype: torch.dtype) -> torch.nn.Module:
    """A layer without memory for weights of its own: those of a call stand in for them."""
    made: torch.nn.Module = getattr(torch.nn, kind)(features, units, device="meta", dtype=dtype)
    return made


def _run(kind: str, weights: dict[str, Array], x: Array, state: Any, mask: Array | None) -> Any:
    """(outputs, last state), or None if the mask is more than padding at the end."""
    layer = _layer(kind, x.shape[-1], weights["weight_hh_l0"].shape[-1], x.dtype)
    if mask is None:
        return functional_call(layer, weights, (x, state))
    lengths = mask.sum(0)
    if bool((mask[1:] & ~mask[:-1]).any()) or not bool(mask[0].all()):
        return None
    packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
    outputs, last = functional_call(layer, weights, (packed, state))
    return pad_packed_sequence(outputs, total_length=x.shape[0])[0], last


def lstm_states(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None,
) -> tuple[Array, Array, Array] | None:
    """(outputs, last output state, last cell state) of an LSTM, or None if it must be composed.

    Arguments as for `hornbeam.layers.recurrent.loops.lstm`; both have the gates in the same order.
    """
    zeros = torch.zeros(kernel.shape[-1], dtype=kernel.dtype, device=kernel.device)
    weights = {
        "weight_ih_l0": kernel.t(),
        "weight_hh_l0": recurrent_kernel.t(),
        "bias_ih_l0": zeros if bias is None else bias,
        "bias_hh_l0": zeros,
    }
    found = _run("LSTM", weights, x, (h[None], c[None]), mask)
    if found is None:
        return None
    outputs, (h, c) = found
    return outputs, h[0], c[0]


def gru_states(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    mask: Array | None,
) -> tuple[Array, Array] | None:
    """(outputs, last state) of a GRU, or None if it must be composed.

    Arguments as for `hornbeam.layers.recurrent.loops.gru`, where the update gate comes first; PyTorch's
    layer begins with the reset gate.
    """
    zeros = torch.zeros(kernel.shape[-1], dtype=kernel.dtype, device=kernel.device)
    weights = {
        "weight_ih_l0": _reset_first(kernel).t(),
        "weight_hh_l0": _reset_first(recurrent_kernel).t(),
        "bias_ih_l0": zeros if bias is None else _reset_first(bias[0]),
        "bias_hh_l0": zeros if bias is None else _reset_first(bias[1]),
    }
    found = _run("GRU", weights, x, h[None], mask)
    return None if found is None else (found[0], found[1][0])


def _reset_first(weights: Array) -> Array:
    update, reset, candidate = weights.chunk(3, -1)
    return torch.cat((reset, update, candidate), -1)
