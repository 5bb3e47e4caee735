"""Maxima and means over windows, written with shifted slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import dtypes
from hornbeam.backends import windows
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.convolution import _channels_first, _channels_last, _shifted, _sum
from hornbeam.ops.record import ArrayLike, op

__all__ = ["average_pool", "max_pool"]


@op("inputs", dtype=rules.same)
def max_pool(
    b: Backend,
    inputs: ArrayLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The greatest value in each window.

    Args:
        inputs: array of shape ``(batch, *spatial, channels)``, or channels first.
        pool_size: the size of the window, one int or one per spatial axis.
        strides: steps of the window; `pool_size` by default.
        padding: "valid" or "same"; padding never is the greatest value.
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.

    Returns:
        Array of shape ``(batch, *new_spatial, channels)``, channels and dtype as in `inputs`.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.reshape(ops.arange(4.0), (1, 2, 2, 1))
    >>> float(ops.max_pool(x, 2)[0, 0, 0, 0])
    3.0
    """
    size, plan = _window(inputs, pool_size, strides, data_format)
    x = inputs if plan.channels_last else _channels_last(b, inputs)
    parts = _shifted(b, x, size, plan, padding, _lowest(b.dtype(x)))
    best = parts[0]
    for part in parts[1:]:
        best = b.maximum(best, part)
    return best if plan.channels_last else _channels_first(b, best)


@op("inputs", dtype=rules.floating)
def average_pool(
    b: Backend,
    inputs: ArrayLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The mean of the values in each window; padding does not count.

    Args:
        inputs: array of shape ``(batch, *spatial, channels)``, or channels first.
        pool_size: the size of the window, one int or one per spatial axis.
        strides: steps of the window; `pool_size` by default.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.

    Returns:
        Array of shape ``(batch, *new_spatial, channels)``, channels as in `inputs`; floating.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.reshape(ops.arange(4.0), (1, 2, 2, 1))
    >>> float(ops.average_pool(x, 2)[0, 0, 0, 0])
    1.5
    """
    size, plan = _window(inputs, pool_size, strides, data_format)
    x = inputs if plan.channels_last else _channels_last(b, inputs)
    total = _sum(_shifted(b, x, size, plan, padding))
    if str(padding).lower() == "valid":
        count: Any = 1
        for width in size:
            count *= width
    else:
        ones = b.ones((1, *b.shape(x)[1:-1], 1), b.dtype(x))
        count = _sum(_shifted(b, ones, size, plan, padding))
    mean = total / count
    return mean if plan.channels_last else _channels_first(b, mean)


def _window(
    inputs: Array, pool_size: Any, strides: Any, data_format: str | None
) -> tuple[tuple[int, ...], windows.Plan]:
    if inputs.ndim < 3:
        raise InputError(
            f"Pooling takes (batch, *spatial, channels), at least 3 axes, got {tuple(inputs.shape)}."
        )
    size = windows.spread(pool_size, inputs.ndim - 2, "pool_size")
    return size, windows.plan(inputs.ndim - 2, strides or size, 1, data_format)


def _lowest(dtype: str) -> Any:
    if dtypes.is_float(dtype):
        return float("-inf")
    if dtype == "bool":
        return False
    return 0 if dtype.startswith("u") else -(2 ** (dtypes.bits(dtype) - 1))
