"""Windows of images as columns and back, blocks of pixels as channels, pooling to a given size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import settings
from hornbeam.backends import windows
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import cut

Sizes = int | Sequence[int]


def _pairs(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> list[tuple[int, int]]:
    named = {"kernel_size": kernel_size, "dilation": dilation, "stride": stride}
    sizes = [windows.spread(value, 2, name) for name, value in named.items()]
    pads = (padding, padding) if isinstance(padding, int) else tuple(padding)
    if len(pads) != 2 or any(not isinstance(p, int) or p < 0 for p in pads):
        raise InputError(f"`padding` must be an int of 0 or more, or two of them, got {padding!r}.")
    return [*sizes, pads]


@op("x", dtype=rules.same)
def unfold(
    b: Backend,
    x: ArrayLike,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Array:
    """All windows of images as columns.

    Args:
        x: array of shape (batch, channels, height, width).
        kernel_size: size of the window, an int or two.
        dilation: distance of its places, an int or two.
        padding: zeros at both ends of the axes, an int or two.
        stride: steps of the window, an int or two.

    Returns:
        Array of shape (batch, channels * places of the window, windows).

    Example:

    >>> from hornbeam import ops
    >>> ops.unfold(ops.ones((1, 2, 4, 4)), 3).shape
    (1, 18, 4)
    """
    if x.ndim != 4:
        raise InputError(
            f"unfold() needs shape (batch, channels, height, width), got {tuple(x.shape)}."
        )
    kernel, dilations, strides, pads = _pairs(kernel_size, dilation, padding, stride)
    batch, channels, *_ = b.shape(x)
    x = b.pad(x, ((0, 0), (0, 0), (pads[0], pads[0]), (pads[1], pads[1])), "constant", 0)
    counts = _counts(b.shape(x)[2:], kernel, dilations, strides)
    pieces = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            piece = x
            for axis, place in ((2, i), (3, j)):
                start = place * dilations[axis - 2]
                stop = start + (counts[axis - 2] - 1) * strides[axis - 2] + 1
                piece = cut(piece, axis, start, stop, strides[axis - 2])
            pieces.append(piece)
    stacked = b.stack(pieces, 2)
    return b.reshape(stacked, (batch, channels * len(pieces), counts[0] * counts[1]))


def _counts(sizes: Any, kernel: Any, dilations: Any, strides: Any) -> list[Any]:
    return [
        windows.output_size(size, (0, 0), k, s, d)
        for size, k, d, s in zip(sizes, kernel, dilations, strides, strict=True)
    ]


@op("x", dtype=rules.arithmetic)
def fold(
    b: Backend,
    x: ArrayLike,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Array:
    """Images from columns of windows, overlapping values added: the transpose of `unfold`.

    Args:
        x: array of shape (batch, channels * places of the window, windows).
        output_size: height and width of the images, an int or two.
        kernel_size: size of the window, an int or two.
        dilation: distance of its places, an int or two.
        padding: zeros that `unfold` added at both ends of the axes, an int or two.
        stride: steps of the window, an int or two.

    Returns:
        Array of shape (batch, channels, height, width).

    Raises:
        InputError: if the shape does not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.fold(ops.ones((1, 18, 4)), 4, 3).shape
    (1, 2, 4, 4)
    """
    kernel, dilations, strides, pads = _pairs(kernel_size, dilation, padding, stride)
    size = windows.spread(output_size, 2, "output_size")
    whole = [n + 2 * p for n, p in zip(size, pads, strict=True)]
    counts = _counts(whole, kernel, dilations, strides)
    places = kernel[0] * kernel[1]
    batch, columns, number = b.shape(x)
    known = isinstance(columns, int) and isinstance(number, int)
    if known and (columns % places or number != counts[0] * counts[1]):
        raise InputError(
            f"fold() got shape {tuple(x.shape)}; expected (batch, channels * {places}, "
            f"{counts[0] * counts[1]})."
        )
    channels = columns // places
    apart = b.reshape(x, (batch, channels, *kernel, *counts))
    updates = b.transpose(apart, (2, 3, 4, 5, 0, 1))
    rows, lines = (
        np.arange(k)[:, None] * d + np.arange(n)[None] * s
        for k, d, n, s in zip(kernel, dilations, counts, strides, strict=True)
    )
    index = (
        b.asarray(rows[:, None, :, None].astype(np.int32)),
        b.asarray(lines[None, :, None, :].astype(np.int32)),
    )
    total = b.scatter_add(b.zeros((*whole, batch, channels), b.dtype(x)), index, updates)
    inner = total[pads[0] : pads[0] + size[0], pads[1] : pads[1] + size[1]]
    return b.transpose(inner, (2, 3, 0, 1))


def _channels_first(b: Backend, x: Array, data_format: str | None, op_name: str) -> bool:
    if x.ndim != 4:
        raise InputError(f"{op_name}() needs images of 4 dimensions, got shape {tuple(x.shape)}.")
    return settings.standardize_data_format(data_format) == "channels_first"


@op("x", dtype=rules.same)
def space_to_depth(
    b: Backend, x: ArrayLike, block_size: int, data_format: str | None = "channels_last"
) -> Array:
    """Blocks of pixels as channels.

    Args:
        x: images of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: height and width of the blocks; sizes are multiples of it.
        data_format: "channels_last" or "channels_first".

    Returns:
        Array of shape (batch, height / block, width / block, block * block * channels), where the
        channels of one pixel stay side by side; or of shape (batch, channels * block * block, height /
        block, width / block), where the pixels of one channel do.

    Raises:
        InputError: if the sizes are no multiples of the block.

    Example:

    >>> from hornbeam import ops
    >>> ops.space_to_depth(ops.ones((1, 4, 6, 3)), 2).shape
    (1, 2, 3, 12)
    """
    first = _channels_first(b, x, data_format, "space_to_depth")
    n, *sizes = b.shape(x)
    channels = sizes.pop(0) if first else sizes.pop()
    if any(isinstance(size, int) and size % block_size for size in sizes):
        raise InputError(f"Height and width {tuple(sizes)} must be multiples of {block_size}.")
    small = (sizes[0] // block_size, sizes[1] // block_size)
    blocks = (small[0], block_size, small[1], block_size)
    deep = block_size * block_size * channels
    if first:
        x = b.transpose(b.reshape(x, (n, channels, *blocks)), (0, 1, 3, 5, 2, 4))
        return b.reshape(x, (n, deep, *small))
    x = b.transpose(b.reshape(x, (n, *blocks, channels)), (0, 1, 3, 2, 4, 5))
    return b.reshape(x, (n, *small, deep))


@op("x", dtype=rules.same)
def depth_to_space(
    b: Backend, x: ArrayLike, block_size: int, data_format: str | None = "channels_last"
) -> Array:
    """Channels as blocks of pixels: the inverse of `space_to_depth`.

    Args:
        x: images of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: height and width of the blocks; the channels are a multiple of its square.
        data_format: "channels_last" or "channels_first".

    Returns:
        Array of shape (batch, height * block, width * block, channels / block**2), or with the
        channels first.

    Raises:
        InputError: if the channels are no multiple of the square of the block.

    Example:

    >>> from hornbeam import ops
    >>> ops.depth_to_space(ops.ones((1, 2, 3, 12)), 2).shape
    (1, 4, 6, 3)
    """
    first = _channels_first(b, x, data_format, "depth_to_space")
    n, *sizes = b.shape(x)
    channels = sizes.pop(0) if first else sizes.pop()
    if isinstance(channels, int) and channels % block_size**2:
        raise InputError(f"{channels} channels are no multiple of {block_size}**2.")
    kept = channels // block_size**2
    large = (sizes[0] * block_size, sizes[1] * block_size)
    if first:
        x = b.reshape(x, (n, kept, block_size, block_size, *sizes))
        return b.reshape(b.transpose(x, (0, 1, 4, 2, 5, 3)), (n, kept, *large))
    x = b.reshape(x, (n, *sizes, block_size, block_size, kept))
    return b.reshape(b.transpose(x, (0, 1, 3, 2, 4, 5)), (n, *large, kept))


def _adaptive(
    b: Backend, inputs: Array, output_size: Any, data_format: str | None, pool: Any
) -> Array:
    """`pool(x, axis, bounds)` along each spatial axis, with the bounds of its parts."""
    plan = windows.plan(inputs.ndim - 2, 1, 1, data_format)
    sizes = windows.spread(output_size, plan.ndim, "output_size")
    first = 1 if plan.channels_last else 2
    for axis, wanted in enumerate(sizes, start=first):
        size = b.shape(inputs)[axis]
        if not isinstance(size, int):
            if not b.symbolic:
                raise InputError("Adaptive pooling needs to know the sizes of the spatial axes.")
            shape = [wanted if a == axis else n for a, n in enumerate(b.shape(inputs))]
            inputs = b.zeros(shape, b.dtype(inputs))
            continue
        bounds = [(i * size // wanted, -(-(i + 1) * size // wanted)) for i in range(wanted)]
        inputs = pool(inputs, axis, bounds)
    return inputs


@op("inputs", dtype=rules.mean)
def adaptive_average_pool(
    b: Backend, inputs: ArrayLike, output_size: Sizes, data_format: str | None = None
) -> Array:
    """Means of parts of nearly equal size, as many as wanted.

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        output_size: how many parts, an int or one for each spatial axis.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array with spatial axes of these sizes.

    Example:

    >>> from hornbeam import ops
    >>> ops.adaptive_average_pool(ops.ones((1, 7, 5, 3)), (3, 2)).shape
    (1, 3, 2, 3)
    """

    def pool(x: Array, axis: int, bounds: list[tuple[int, int]]) -> Array:
        parts = [b.mean(cut(x, axis, low, high), axis=axis, keepdims=True) for low, high in bounds]
        return b.concatenate(parts, axis)

    return _adaptive(b, inputs, output_size, data_format, pool)


@op("inputs", dtype=rules.same)
def adaptive_max_pool(
    b: Backend, inputs: ArrayLike, output_size: Sizes, data_format: str | None = None
) -> Array:
    """Largest values of parts of nearly equal size, as many as wanted.

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        output_size: how many parts, an int or one for each spatial axis.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.

    Returns:
        Array with spatial axes of these sizes.

    Example:

    >>> from hornbeam import ops
    >>> ops.adaptive_max_pool(ops.ones((1, 7, 5, 3)), 2).shape
    (1, 2, 2, 3)
    """

    def pool(x: Array, axis: int, bounds: list[tuple[int, int]]) -> Array:
        parts = [b.max(cut(x, axis, low, high), axis=axis, keepdims=True) for low, high in bounds]
        return b.concatenate(parts, axis)

    return _adaptive(b, inputs, output_size, data_format, pool)


__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "depth_to_space",
    "fold",
    "space_to_depth",
    "unfold",
]
