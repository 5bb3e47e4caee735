"""Attention."""

from __future__ import annotations

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op


@op("query key value bias ?mask", dtype=rules.floating)
def dot_product_attention(
    b: Backend,
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Array:
    """softmax(query @ key^T * scale + bias) @ value (Vaswani et al., 2017).

    Args:
        query: array of shape (batch, query time, heads, features).
        key: array of shape (batch, key time, key heads, features); `heads` is a multiple of
            `key heads`, and as many query heads share one of them.
        value: array of the shape of `key`.
        bias: array that broadcasts to (batch, heads, query time, key time), added to the logits.
        mask: bool array that broadcasts to the same shape: True where a query may see a key.
        scale: what the logits are multiplied by; None for 1 / sqrt(features).
        is_causal: whether a query sees only keys of its own and of earlier times.
        flash_attention: whether to use a kernel that never stores all logits (Dao et al., 2022,
            arXiv:2205.14135): True asks for one, which is an error where the engine has none, False
            forbids it, and None leaves it to `config.disable_flash_attention` and the engine.
        attn_logits_soft_cap: c for logits kept in (-c, c) by c * tanh(logits / c).

    Returns:
        Array of the shape of `query`; the softmax is computed in float32 at least.

    Raises:
        InputError: if the shapes do not fit.
        UnsupportedError: if a flash kernel is asked for and the engine has none for these arrays.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.ones((1, 5, 2, 4))
    >>> ops.dot_product_attention(x, x, x).shape
    (1, 5, 2, 4)
    """
    _check(b, query, key, value)
    if flash_attention:
        raise b.without_flash_attention()
    batch, times, heads, features = b.shape(query)
    key_times, key_heads = b.shape(key)[1:3]
    groups = heads // key_heads
    scale = features**-0.5 if scale is None else scale
    grouped = b.reshape(query * scale, (batch, times, key_heads, groups, features))
    logits = b.einsum("btkgf,bskf->bkgts", grouped, key)
    kept = b.dtype(value)
    logits = b.cast(logits, "float64" if kept == "float64" else "float32")
    logits = b.reshape(logits, (batch, heads, times, key_times))
    if attn_logits_soft_cap is not None:
        logits = attn_logits_soft_cap * b.tanh(logits / attn_logits_soft_cap)
    if bias is not None:
        logits = logits + b.cast(bias, b.dtype(logits))
    seen = None if mask is None else b.cast(mask, "bool")
    if is_causal:
        causal = b.tri(times, key_times, 0, "bool")
        seen = causal if seen is None else b.logical_and(seen, causal)
    if seen is not None:
        logits = b.where(seen, logits, b.full((1, 1, 1, 1), -0.7 * 3.4e38, b.dtype(logits)))
    weights = b.cast(b.softmax(logits, axis=-1), kept)
    weights = b.reshape(weights, (batch, key_heads, groups, times, key_times))
    out = b.einsum("bkgts,bskf->btkgf", weights, value)
    return b.reshape(out, (batch, times, heads, b.shape(value)[-1]))


def _check(b: Backend, query: Array, key: Array, value: Array) -> None:
    if not query.ndim == key.ndim == value.ndim == 4:
        raise InputError(
            "dot_product_attention() needs query, key and value of shape (batch, time, heads, "
            f"features), got {tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}."
        )
    heads, key_heads = b.shape(query)[2], b.shape(key)[2]
    if isinstance(heads, int) and isinstance(key_heads, int) and heads % key_heads:
        raise InputError(f"{heads} query heads are not a multiple of {key_heads} key heads.")


__all__ = ["dot_product_attention"]
