"""Plain references for what Keras cannot be asked: loops over windows, textbook formulas."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy import special


def windows_of(x: np.ndarray, size: Any, strides: Any, padding: str) -> Any:
    """((place of the output, values in the window), ...) of (batch, *spatial, channels), NaN outside."""
    n = x.ndim - 2
    size = (size,) * n if isinstance(size, int) else size
    strides = size if strides is None else (strides,) * n if isinstance(strides, int) else strides
    pads = [(0, 0)]
    for length, k, s in zip(x.shape[1:-1], size, strides):
        total = max((-(-length // s) - 1) * s + k - length, 0) if padding == "same" else 0
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, [*pads, (0, 0)], constant_values=np.nan)
    counts = [(length - k) // s + 1 for length, k, s in zip(x.shape[1:-1], size, strides)]
    for place in itertools.product(*map(range, counts)):
        cut = tuple(slice(p * s, p * s + k) for p, k, s in zip(place, size, strides))
        yield place, counts, x[(slice(None), *cut, slice(None))]


def pooled(reduce: Any) -> Any:
    """A pooling op by loops."""

    def pool(x, size, strides=None, padding="valid", data_format="channels_last"):
        first = data_format == "channels_first"
        x = np.moveaxis(x, 1, -1) if first else x
        out = None
        for place, counts, window in windows_of(x, size, strides, padding):
            if out is None:
                out = np.zeros((x.shape[0], *counts, x.shape[-1]))
            out[(slice(None), *place)] = reduce(window, axis=tuple(range(1, x.ndim - 1)))
        return np.moveaxis(out, -1, 1) if first else out

    return pool


def causal_conv(x, kernel, strides, padding, data_format, dilation):
    """A one-dimensional causal convolution by loops."""
    assert strides == 1
    assert padding == "causal"
    out = np.zeros((*x.shape[:2], kernel.shape[-1]))
    for t, k in itertools.product(range(x.shape[1]), range(len(kernel))):
        source = t - (len(kernel) - 1 - k) * dilation
        if source >= 0:
            out[:, t] += x[:, source] @ kernel[k]
    return out


def sparse_crossentropy_axis_1(target, output, from_logits, axis):
    """Cross-entropy from logits with the classes as the axis 1."""
    logs = special.log_softmax(output, axis=1)
    return -np.take_along_axis(logs, target[:, None], 1)[:, 0]


def sparsemax(x, axis=-1):
    """The nearest point of the simplex: the threshold found by bisection."""
    low, high = x.min(axis, keepdims=True) - 1, x.max(axis, keepdims=True)
    for _ in range(100):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


def gaussian(size: int, sigma: float) -> np.ndarray:
    places = np.arange(size) - (size - 1) / 2
    values = np.exp(-(places**2) / (2 * sigma**2))
    return values / values.sum()


def blur(x, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format="channels_last"):
    """Gaussian blur of (batch, height, width, channels), zeros outside, odd windows."""
    from scipy import ndimage

    for axis in (1, 2):
        line = gaussian(kernel_size[axis - 1], sigma[axis - 1])
        x = ndimage.correlate1d(x, line, axis=axis, mode="constant")
    return x


def ctc_by_enumeration(target, output, target_length, output_length, mask_index=0):
    """The CTC loss as minus the logarithm of a sum over all alignments."""
    losses = []
    for labels, logits, n, steps in zip(target, output, target_length, output_length):
        logs = special.log_softmax(logits[:steps], axis=-1)
        wanted = tuple(labels[:n])
        total = -np.inf
        for path in itertools.product(range(logits.shape[-1]), repeat=int(steps)):
            merged = [c for c, _ in itertools.groupby(path) if c != mask_index]
            if tuple(merged) == wanted:
                total = np.logaddexp(total, sum(logs[t, c] for t, c in enumerate(path)))
        losses.append(-total)
    return np.array(losses)


def beam_by_enumeration(inputs, lengths, strategy, beam_width, top_paths, merge=True, mask_index=0):
    """The most probable label sequences by a sum over all alignments."""
    labels, scores = [], []
    for logits, steps in zip(inputs, lengths):
        logs = special.log_softmax(logits[:steps], axis=-1)
        totals: dict[tuple[int, ...], float] = {}
        for path in itertools.product(range(logits.shape[-1]), repeat=int(steps)):
            merged = tuple(c for c, _ in itertools.groupby(path) if c != mask_index)
            value = sum(logs[t, c] for t, c in enumerate(path))
            totals[merged] = np.logaddexp(totals.get(merged, -np.inf), value)
        best = sorted(totals.items(), key=lambda item: -item[1])[:top_paths]
        labels.append([[*path, *[-1] * (logits.shape[0] - len(path))] for path, _ in best])
        scores.append([value for _, value in best])
    return np.moveaxis(np.array(labels), 1, 0), np.array(scores)


def attention(
    q, k, v, bias=None, mask=None, scale=None, is_causal=False, attn_logits_soft_cap=None
):
    """Attention, head by head."""
    groups = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, groups, 2), np.repeat(v, groups, 2)
    logits = np.einsum("bthf,bshf->bhts", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if attn_logits_soft_cap is not None:
        logits = np.tanh(logits / attn_logits_soft_cap) * attn_logits_soft_cap
    logits = logits if bias is None else logits + bias
    seen = np.ones(logits.shape, bool) if mask is None else np.broadcast_to(mask, logits.shape)
    seen = seen & np.tri(*logits.shape[-2:], dtype=bool) if is_causal else seen
    return np.einsum("bhts,bshf->bthf", special.softmax(np.where(seen, logits, -1e30), axis=-1), v)
