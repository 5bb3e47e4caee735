"""Normalization: moments, and arrays brought to mean 0, variance 1 or length 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hornbeam import settings
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import axes_of, one_axis


@op("x", dtype=rules.mean)
def moments(
    b: Backend,
    x: ArrayLike,
    axes: int | Sequence[int],
    keepdims: bool = False,
    synchronized: bool = False,
) -> tuple[Array, Array]:
    """Mean and variance over axes.

    Args:
        x: array of any shape.
        axes: the axis or axes to average over.
        keepdims: whether to keep these axes, with size 1.
        synchronized: must be False: under data parallelism one array spans all devices, so that its
            moments are of the whole batch anyway.

    Returns:
        The pair (mean, variance); float16 and bfloat16 are averaged in float32.

    Raises:
        UnsupportedError: if `synchronized` is True.

    Example:

    >>> from hornbeam import ops
    >>> mean, variance = ops.moments([[1.0, 2.0], [3.0, 6.0]], axes=0)
    >>> ops.convert_to_numpy(mean).tolist(), ops.convert_to_numpy(variance).tolist()
    ([2.0, 4.0], [1.0, 4.0])
    """
    if synchronized:
        raise UnsupportedError(
            "moments(synchronized=True) is not needed: arrays that are distributed over devices are "
            "averaged over all of them. Leave `synchronized` at False."
        )
    along = axes_of(axes, x.ndim, "moments")
    mean = b.mean(x, axis=along, keepdims=True)
    kept = min({*range(x.ndim)} - {*along}, default=x.ndim)
    centred = b.add(x, -b.reshape(mean, b.shape(mean)[kept:]))
    variance = b.mean(b.square(centred), axis=along, keepdims=True)
    if keepdims:
        return mean, variance
    return b.squeeze(mean, axis=along), b.squeeze(variance, axis=along)


@op("x mean variance offset scale", dtype=rules.normalization)
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
    """(x - mean) / sqrt(variance + epsilon) * scale + offset (Ioffe and Szegedy, 2015).

    Args:
        x: array of any shape.
        mean: array of shape (channels,).
        variance: array of shape (channels,).
        axis: the axis of the channels in `x`.
        offset: array of shape (channels,), added at the end; None for none.
        scale: array of shape (channels,), multiplied by; None for none.
        epsilon: keeps the division away from 0.

    Returns:
        Array of the shape and dtype of `x`, computed in float32 at least.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.array([[1.0, 10.0], [3.0, 30.0]])
    >>> ops.convert_to_numpy(
    ...     ops.batch_normalization(x, [2.0, 20.0], [1.0, 100.0], axis=-1, epsilon=0.0)
    ... ).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    place = one_axis(axis, x.ndim, "batch_normalization")
    factor = b.rsqrt(variance + epsilon)
    if scale is not None:
        factor = factor * scale
    shift = -mean * factor
    if offset is not None:
        shift = shift + offset
    scaled = b.multiply(x, _along(b, factor, x, [place]))
    return b.add(scaled, _along(b, shift, x, [place]))


def _along(b: Backend, value: Array, x: Array, axes: Sequence[int]) -> Array:
    """`value`, which belongs to these axes of `x`, in a shape to multiply `x` by or to add to it.

    It has no axes in front, so that engines find a scale or a bias where there is one: they have ways
    of their own for their gradients.
    """
    shape = [b.shape(x)[a] if a in axes else 1 for a in range(min(axes), x.ndim)]
    return b.reshape(value, shape)


@op("x gamma beta", dtype=rules.normalization)  # type: ignore[arg-type]  # **kwargs
def layer_normalization(
    b: Backend,
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over axes (Ba et al., 2016).

    Args:
        x: array of any shape.
        gamma: array of the shape of the normalized axes, multiplied by; None for none.
        beta: array of the shape of the normalized axes, added at the end; None for none.
        axis: the axis or axes whose mean becomes 0 and whose variance becomes 1.
        epsilon: keeps the division away from 0; `config.epsilon()` for None.
        **kwargs: `rms_scaling`, which older versions had, must not be True: see `rms_normalization`.

    Returns:
        Array of the shape and dtype of `x`, computed in float32 at least.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.layer_normalization([[1.0, 3.0]])).round(3))
    [[-1.  1.]]
    """
    if kwargs.pop("rms_scaling", False):
        raise InputError("layer_normalization() has no rms_scaling=True; use `rms_normalization`.")
    if kwargs:
        raise InputError(f"layer_normalization() got unknown arguments {sorted(kwargs)}.")
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes = axes_of(axis, x.ndim, "layer_normalization")
    away = x - b.mean(x, axis=axes, keepdims=True)
    out = away * b.rsqrt(b.mean(b.square(away), axis=axes, keepdims=True) + epsilon)
    if gamma is not None:
        out = b.multiply(out, _along(b, gamma, x, axes))
    return out if beta is None else b.add(out, _along(b, beta, x, axes))


@op("x scale", dtype=rules.normalization)
def rms_normalization(
    b: Backend,
    x: ArrayLike,
    scale: ArrayLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Array:
    """x / sqrt(mean(x**2) + epsilon) * scale, over axes (Zhang and Sennrich, 2019).

    Args:
        x: array of any shape.
        scale: array of the shape of the normalized axes, multiplied by; None for none.
        axis: the axis or axes whose mean square becomes 1.
        epsilon: keeps the division away from 0; `config.epsilon()` for None.

    Returns:
        Array of the shape and dtype of `x`, computed in float32 at least.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.rms_normalization([[1.0, 7.0]])).round(3))
    [[0.2 1.4]]
    """
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes = axes_of(axis, x.ndim, "rms_normalization")
    out = x * b.rsqrt(b.mean(b.square(x), axis=axes, keepdims=True) + epsilon)
    if scale is None:
        return out
    return b.multiply(out, _along(b, scale, x, axes))


@op("x", dtype=rules.mean)
def normalize(
    b: Backend,
    x: ArrayLike,
    axis: int | Sequence[int] = -1,
    order: int | float = 2,
    epsilon: float | None = None,
) -> Array:
    """`x` divided by its norm over axes.

    Args:
        x: array of any shape.
        axis: the axis or axes that the norm is taken over.
        order: which norm: 1 for the sum of sizes, 2 for the length, infinity for the largest size.
        epsilon: the least norm to divide by; `config.epsilon()` for None.

    Returns:
        Array of the shape of `x`.

    Raises:
        InputError: if `order` is not positive.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.normalize([3.0, 4.0])).round(3))
    [0.6 0.8]
    """
    if not isinstance(order, (int, float)) or not order >= 1:
        raise InputError(f"`order` of normalize() must be a number of 1 or more, got {order!r}.")
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes = axes_of(axis, x.ndim, "normalize")
    if order == 2:
        # a sum of squares that is kept away from 0 has a gradient at 0, a norm has none
        squares = b.sum(b.square(x), axis=axes, keepdims=True)
        return x * b.rsqrt(b.maximum(squares, b.full_like(squares, epsilon**2)))
    size = b.abs(x)
    if math.isinf(order):
        norm = b.max(size, axis=axes, keepdims=True)
    elif order == 1:
        norm = b.sum(size, axis=axes, keepdims=True)
    else:
        norm = b.power(b.sum(b.power(size, float(order)), axis=axes, keepdims=True), 1.0 / order)
    return x / b.maximum(norm, b.full_like(norm, epsilon))


__all__ = [
    "batch_normalization",
    "layer_normalization",
    "moments",
    "normalize",
    "rms_normalization",
]
