"""Normalizing arrays: by moments, by given statistics, by norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op

__all__ = [
    "batch_normalization",
    "layer_normalization",
    "moments",
    "normalize",
    "rms_normalization",
]


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    given = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    return tuple(int(a) % ndim for a in given)


def _accurate(b: Backend, x: Array) -> Array:
    """`x` in at least float32: sums of many half-precision numbers lose their small terms."""
    dtype = b.dtype(x)
    return b.cast(x, "float32") if dtypes.is_float(dtype) and dtypes.bits(dtype) < 32 else x


def _epsilon(epsilon: float | None) -> float:
    from hornbeam import config

    return config.epsilon() if epsilon is None else epsilon


@op("x", dtype=rules.floating)
def moments(
    b: Backend,
    x: ArrayLike,
    axes: int | Sequence[int],
    keepdims: bool = False,
    synchronized: bool = False,
) -> tuple[Array, Array]:
    """Mean and variance over `axes`.

    Args:
        x: array of any shape; sums of half-precision numbers are taken in float32.
        axes: the axes to average over.
        keepdims: whether they stay, with size 1.
        synchronized: whether to average over all devices; there is one.

    Returns:
        (mean, variance), the variance as the mean of squared deviations.

    Example:

    >>> from hornbeam import ops
    >>> mean, variance = ops.moments([1.0, 3.0], axes=[0])
    >>> float(mean), float(variance)
    (2.0, 1.0)
    """
    at = _axes(axes, x.ndim)
    wide = _accurate(b, x)
    mean = b.mean(wide, axis=at, keepdims=True)
    variance = b.mean(b.square(wide - mean), axis=at, keepdims=True)
    if not keepdims:
        mean, variance = b.squeeze(mean, at), b.squeeze(variance, at)
    dtype = b.dtype(x)
    if b.dtype(wide) == dtype:
        return mean, variance
    top = float(dtypes_limit(dtype))
    return b.cast(b.clip(mean, -top, top), dtype), b.cast(b.clip(variance, -top, top), dtype)


def dtypes_limit(dtype: str) -> Any:
    """The greatest number of a float dtype."""
    import ml_dtypes

    from hornbeam.backends.numpy import native_dtype

    return ml_dtypes.finfo(native_dtype(dtype)).max


@op("x mean variance offset scale", dtype=rules.floating)
def batch_normalization(
    b: Backend,
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    axis: int,
    offset: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, per feature.

    Args:
        x: array of any shape.
        mean: one number per feature.
        variance: one number of at least 0 per feature.
        axis: the axis of `x` that counts the features.
        offset: one number per feature, or None for 0.
        scale: one number per feature, or None for 1.
        epsilon: a small number that keeps the root away from 0.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> ops.batch_normalization([[1.0], [3.0]], [2.0], [1.0], axis=-1, epsilon=0.0).tolist()
    [[-1.0], [1.0]]
    """
    shape = [1] * x.ndim
    shape[axis] = b.shape(x)[axis]
    factor = b.rsqrt(b.reshape(variance, shape) + epsilon)
    if scale is not None:
        factor = factor * b.reshape(scale, shape)
    shift = -b.reshape(mean, shape) * factor
    if offset is not None:
        shift = shift + b.reshape(offset, shape)
    return x * factor + shift


@op("x gamma beta", dtype=rules.floating)
def layer_normalization(
    b: Backend,
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Array:
    """`x` with mean 0 and variance 1 over `axis`, times `gamma`, plus `beta` (Ba et al., 2016).

    Args:
        x: array of any shape; statistics of half-precision numbers are taken in float32.
        gamma: array of the shape of `x` along `axis`, or None for 1.
        beta: likewise, or None for 0.
        axis: the axis, or axes, to normalize over.
        epsilon: a small number that keeps the root away from 0; `config.epsilon()` by default.
        **kwargs: ``rms_scaling=True``, the older spelling of `rms_normalization`, is refused.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> [round(v, 3) for v in ops.layer_normalization([1.0, 3.0]).tolist()]
    [-1.0, 1.0]
    """
    if kwargs:
        raise InputError(
            f"layer_normalization() got unknown arguments {sorted(kwargs)}."
            + (" Use ops.rms_normalization() instead." if "rms_scaling" in kwargs else "")
        )
    at = _axes(axis, x.ndim)
    wide = _accurate(b, x)
    centered = wide - b.mean(wide, axis=at, keepdims=True)
    variance = b.mean(b.square(centered), axis=at, keepdims=True)
    out = centered * b.rsqrt(variance + _epsilon(epsilon))
    return _scaled(b, out, x, gamma, beta, at)


@op("x scale", dtype=rules.floating)
def rms_normalization(
    b: Backend,
    x: ArrayLike,
    scale: ArrayLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Array:
    """`x` divided by the root of its mean square over `axis`, times `scale` (Zhang and Sennrich, 2019).

    Args:
        x: array of any shape; the mean of half-precision numbers is taken in float32.
        scale: array of the shape of `x` along `axis`, or None for 1.
        axis: the axis, or axes, to normalize over.
        epsilon: a small number that keeps the root away from 0; `config.epsilon()` by default.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> [round(v, 3) for v in ops.rms_normalization([3.0, 3.0]).tolist()]
    [1.0, 1.0]
    """
    at = _axes(axis, x.ndim)
    wide = _accurate(b, x)
    out = wide * b.rsqrt(b.mean(b.square(wide), axis=at, keepdims=True) + _epsilon(epsilon))
    return _scaled(b, out, x, scale, None, at)


def _scaled(
    b: Backend, out: Array, x: Array, gamma: Array | None, beta: Array | None, at: tuple[int, ...]
) -> Array:
    shape = [b.shape(x)[i] if i in at else 1 for i in range(x.ndim)]
    if gamma is not None:
        out = out * b.reshape(b.cast(gamma, b.dtype(out)), shape)
    if beta is not None:
        out = out + b.reshape(b.cast(beta, b.dtype(out)), shape)
    return out


@op("x", dtype=rules.floating)
def normalize(
    b: Backend,
    x: ArrayLike,
    axis: int | Sequence[int] = -1,
    order: int | float = 2,
    epsilon: float | None = None,
) -> Array:
    """`x` divided by its norm along `axis`.

    Args:
        x: array of at least one axis.
        axis: the axis, or axes, along which the norm is taken.
        order: the order of the norm: 2 for the Euclidean one, 1 for absolute values, infinity for the
            greatest.
        epsilon: the least norm to divide by; `config.epsilon()` by default.

    Returns:
        Array of the shape of `x`.

    Example:

    >>> from hornbeam import ops
    >>> [round(v, 3) for v in ops.normalize([3.0, 4.0]).tolist()]
    [0.6, 0.8]
    """
    if not isinstance(order, (int, float)) or order < 1:
        raise InputError(f"normalize() needs an `order` of at least 1, got {order!r}.")
    at = _axes(axis, x.ndim)
    least = _epsilon(epsilon)
    if order == 2:  # the root of the greater square has a gradient at 0
        squares = b.sum(b.square(x), axis=at, keepdims=True)
        return x * b.rsqrt(b.maximum(squares, least * least))
    magnitudes = b.abs(x)
    if order == float("inf"):
        norm = b.max(magnitudes, axis=at, keepdims=True)
    elif order == 1:
        norm = b.sum(magnitudes, axis=at, keepdims=True)
    else:
        norm = b.power(b.sum(b.power(magnitudes, order), axis=at, keepdims=True), 1.0 / order)
    return x / b.maximum(norm, least)
