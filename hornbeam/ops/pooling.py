"""Pooling: the largest value or the mean of every window."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from hornbeam.backends import windows
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.convolution import from_channels_last, to_channels_last, window_slices
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import product_of

Sizes = int | Sequence[int]


def _pooled(
    b: Backend, inputs: Array, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> tuple[Array, tuple[int, ...], windows.Plan]:
    if inputs.ndim not in (3, 4, 5):
        raise InputError(
            "Pooling needs inputs of 3, 4 or 5 dimensions (1 to 3 spatial ones), got shape "
            f"{tuple(inputs.shape)}."
        )
    size = windows.spread(pool_size, inputs.ndim - 2, "pool_size")
    plan = windows.plan(inputs.ndim - 2, size if strides is None else strides, 1, data_format)
    return to_channels_last(b, inputs, plan), size, plan


@op("inputs", dtype=rules.same)
def max_pool(
    b: Backend,
    inputs: ArrayLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Largest value of every window.

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        pool_size: size of the window, an int or one for each spatial axis.
        strides: steps of the window; its size for None.
        padding: "valid" for none; "same" for windows that may stick out, what is outside not counting;
            "causal" for windows that stick out at the start only.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array with smaller spatial axes.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.reshape(ops.array([1.0, 5.0, 3.0, 4.0]), (1, 4, 1))
    >>> ops.convert_to_numpy(ops.ravel(ops.max_pool(x, 2))).tolist()
    [5.0, 4.0]
    """
    x, size, plan = _pooled(b, inputs, pool_size, strides, padding, data_format)
    slices = window_slices(b, x, size, plan, padding, fill=_lowest(b, x))
    return from_channels_last(b, functools.reduce(b.maximum, slices), plan)


def _lowest(b: Backend, x: Array) -> Any:
    name = b.dtype(x)
    if name == "bool":
        return False
    if name.startswith("uint"):
        return 0
    return -(2 ** (int(name[3:]) - 1)) if name.startswith("int") else -float("inf")


@op("inputs", dtype=rules.mean)
def average_pool(
    b: Backend,
    inputs: ArrayLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Mean of every window.

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        pool_size: size of the window, an int or one for each spatial axis.
        strides: steps of the window; its size for None.
        padding: "valid" for none; "same" for windows that may stick out, what is outside not counting;
            "causal" for windows that stick out at the start only.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array with smaller spatial axes; integers become the default float dtype.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.reshape(ops.array([1.0, 5.0, 3.0, 4.0]), (1, 4, 1))
    >>> ops.convert_to_numpy(ops.ravel(ops.average_pool(x, 2))).tolist()
    [3.0, 3.5]
    """
    x, size, plan = _pooled(b, inputs, pool_size, strides, padding, data_format)
    total = functools.reduce(b.add, window_slices(b, x, size, plan, padding))
    if padding == "valid":
        return from_channels_last(b, total / float(product_of(size)), plan)
    one = b.ones((1, *b.shape(x)[1:-1], 1), b.dtype(x))
    counts = functools.reduce(b.add, window_slices(b, one, size, plan, padding))
    return from_channels_last(b, total / counts, plan)


__all__ = ["average_pool", "max_pool"]
