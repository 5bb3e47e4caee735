"""Ops that PyTorch has kernels for, in Hornbeam's arguments; the compositions say what they compute.

Measured on two cores, torch 2.13, one thread: `conv_transpose` of 8x28x28x16 to 32 channels takes 2 ms
instead of 14, attention of 8x64x4x32 0.3 ms instead of 3.5, and normalization of 64x14x14x32 by given
moments 0.3 ms instead of 0.8.  Its backward pass takes 8 ms instead of 2, so it is for inference only;
and so does the kernel for batches in training, which is why there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from hornbeam import settings

Array = Any
NO_CLASS = -100

_TRANSPOSED: tuple[Any, ...] = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


def conv_transpose(
    x: Array,
    kernel: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[tuple[int, int]],
) -> Array:
    """Spread and convolve.

    Args:
        x: inputs (batch, channels, *spatial).
        kernel: (*window, filters, channels).
        strides: how far apart the inputs are spread.
        dilations: how far apart the places of the window are.
        pads: what the spread-out inputs are padded with before a plain convolution, which may be
            negative; the kernel makes all of the output, as for the width of the window but one.
    """
    window = kernel.shape[: len(pads)]
    whole = _TRANSPOSED[len(pads) - 1](
        x,
        kernel.permute(-1, -2, *range(len(pads))),
        None,
        tuple(strides),
        dilation=tuple(dilations),
    )
    change = []
    for size, dilation, (before, after) in zip(window, dilations, pads, strict=True):
        reach = dilation * (size - 1)
        change.append((before - reach, after - reach))
    if all(pair == (0, 0) for pair in change):
        return whole
    return F.pad(whole, [w for pair in reversed(change) for w in pair])


def normalized(
    x: Array,
    mean: Array,
    variance: Array,
    axis: int,
    offset: Array | None,
    scale: Array | None,
    epsilon: float,
) -> Array | None:
    """Normalization by given moments in one kernel, or None where it gains nothing."""
    given = [t for t in (x, mean, variance, offset, scale) if t is not None]
    taped = torch.is_grad_enabled() and any(t.requires_grad for t in given)
    if taped or x.ndim < 2 or any(t.dtype is not x.dtype for t in given):
        return None
    moved = x.movedim(axis, 1)
    out = F.batch_norm(moved, mean, variance, scale, offset, False, 0.0, epsilon)
    return out.movedim(1, axis)


def sparse_crossentropy(target: Array, output: Array, from_logits: bool) -> Array:
    """-log(p[target]) along the last axis, 0 where there is no such class.

    Args:
        target: class numbers, of the shape of `output` without its last axis.
        output: probabilities, or logits.
        from_logits: which of both.
    """
    classes = output.shape[-1]
    if from_logits:
        logs = torch.log_softmax(output, -1)
    else:
        edge = settings.epsilon()
        logs = torch.log((output / output.sum(-1, keepdim=True)).clamp(edge, 1 - edge))
    place = target.to(torch.int64)
    place = torch.where((place >= 0) & (place < classes), place, NO_CLASS)
    rows = logs.reshape(-1, classes)
    found = F.nll_loss(rows, place.reshape(-1), reduction="none", ignore_index=NO_CLASS)
    return found.reshape(target.shape)


def attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None,
    mask: Array | None,
    scale: float | None,
    is_causal: bool,
    flash_attention: bool | None = None,
) -> Array:
    """Fused attention of arrays (batch, time, heads, features).

    Masks are added as numbers, so that a row without anything to see gets the mean of all, not NaN.

    Raises:
        RuntimeError: if `flash_attention` is True and that kernel does not take such arrays.
    """
    shape = query.shape[0], query.shape[2], query.shape[1], key.shape[1]
    queries = query.transpose(1, 2)
    added = bias
    if mask is not None or (is_causal and bias is not None):
        hidden = torch.zeros(shape, dtype=torch.bool, device=query.device)
        if mask is not None:
            hidden = hidden | ~mask.to(torch.bool)
        if is_causal:
            hidden = hidden | torch.ones(shape[2:], dtype=torch.bool, device=query.device).triu(1)
        added = queries.new_zeros(()) if bias is None else bias
        blind = hidden.all(-1, keepdim=True)  # these see everything alike, and learn nothing
        added = (
            added.expand(shape)
            .masked_fill(hidden, 0.7 * torch.finfo(added.dtype).min)
            .masked_fill(blind, 0.0)
        )
        queries = queries.masked_fill(blind, 0.0)
        is_causal = False
    if flash_attention is None and not settings.is_flash_attention_enabled():
        flash_attention = False
    with nullcontext() if flash_attention is None else sdpa_kernel(_KERNELS[flash_attention]):
        out = F.scaled_dot_product_attention(
            queries,
            key.transpose(1, 2),
            value.transpose(1, 2),
            None if added is None else added.expand(shape),
            is_causal=is_causal,
            scale=scale,
            enable_gqa=query.shape[2] != key.shape[2],
        )
    return out.transpose(1, 2)


_KERNELS = {
    True: [SDPBackend.FLASH_ATTENTION],
    False: [SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION],
}
