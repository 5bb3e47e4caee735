"""Convolutions of 1, 2 or 3 spatial axes: a product with every window of the input.

Compositions: pad, cut out one strided slice per place of the window, and multiply them all at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from hornbeam.backends import windows
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op

Sizes = int | Sequence[int]


@op("inputs kernel", dtype=rules.promote)
def conv(
    b: Backend,
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolution (without turning the kernel round, as everywhere in deep learning).

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: array of shape (*window, channels / groups, filters): with fewer channels than the
            inputs have, each group of channels has its own filters.
        strides: steps of the window, an int or one for each spatial axis.
        padding: "valid" for none; "same" for zeros at both ends so that stride 1 keeps the size;
            "causal" for zeros at the start only.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        dilation_rate: distance of the places of the window, an int or one for each spatial axis.

    Returns:
        Array of shape (batch, *new spatial, filters), or (batch, filters, *new spatial).

    Raises:
        InputError: if shapes, padding or format do not fit.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.reshape(ops.arange(4, dtype="float32"), (1, 4, 1))
    >>> ops.convert_to_numpy(ops.conv(x, ops.ones((2, 1, 1)))).tolist()
    [[[1.0], [3.0], [5.0]]]
    """
    plan = checked_plan(b, inputs, kernel, strides, padding, data_format, dilation_rate)
    window, channels = kernel.shape[: plan.ndim], b.shape(inputs)[plan.channel_axis]
    groups = channels // kernel.shape[-2] if isinstance(channels, int) else 1
    x = to_channels_last(b, inputs, plan)
    patches = window_patches(b, x, window, plan, padding)
    out = _times_kernel(b, patches, kernel, groups)
    return from_channels_last(b, out, plan)


def checked_plan(
    b: Backend,
    inputs: Array,
    kernel: Array,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
) -> windows.Plan:
    """How the window moves, after a look at whether the shapes fit."""
    if inputs.ndim not in (3, 4, 5) or kernel.ndim != inputs.ndim:
        raise InputError(
            "A convolution needs inputs of 3, 4 or 5 dimensions (1 to 3 spatial ones) and a kernel of "
            f"as many, got shapes {tuple(inputs.shape)} and {tuple(kernel.shape)}."
        )
    plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
    channels, per_group, filters = b.shape(inputs)[plan.channel_axis], *b.shape(kernel)[-2:]
    if not isinstance(channels, int):
        return plan
    if channels % per_group or filters % (channels // per_group):
        raise InputError(
            f"A kernel of shape {tuple(kernel.shape)} does not fit {channels} input channels: they "
            f"must be a multiple of {per_group}, and the filters a multiple of the groups."
        )
    return plan


def to_channels_last(b: Backend, x: Array, plan: windows.Plan) -> Array:
    """`x` with its channels as the last axis."""
    return x if plan.channels_last else b.transpose(x, (0, *range(2, x.ndim), 1))


def from_channels_last(b: Backend, x: Array, plan: windows.Plan) -> Array:
    """`x` with its channels back where the data format says."""
    return x if plan.channels_last else b.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def window_slices(
    b: Backend,
    x: Array,
    window: Sequence[int],
    plan: windows.Plan,
    padding: str,
    fill: Any = 0,
) -> list[Array]:
    """For each place of the window what it sees: arrays of shape (batch, *new spatial, channels)."""
    sizes = tuple(b.shape(x)[1:-1])
    pads = windows.pads(sizes, window, plan, padding)
    rows = zip(sizes, pads, window, plan.strides, plan.dilations, strict=True)
    counts = [windows.output_size(*row) for row in rows]
    if any(p != (0, 0) for p in pads):
        x = b.pad(x, ((0, 0), *pads, (0, 0)), "constant", fill)
    slices = []
    for places in itertools.product(*map(range, window)):
        key: list[slice] = [slice(None)]
        steps = zip(places, counts, plan.strides, plan.dilations, strict=True)
        for place, count, stride, dilation in steps:
            start = place * dilation
            key.append(slice(start, start + (count - 1) * stride + 1, stride))
        slices.append(x[(*key, slice(None))])
    return slices


def window_patches(
    b: Backend, x: Array, window: Sequence[int], plan: windows.Plan, padding: str
) -> Array:
    """All windows: an array of shape (batch, *new spatial, places of the window, channels)."""
    return b.stack(window_slices(b, x, window, plan, padding), -2)


def _times_kernel(b: Backend, patches: Array, kernel: Array, groups: int) -> Array:
    """Each window times the kernel, over its places and its channels."""
    *lead, places, channels = b.shape(patches)
    per_group, filters = b.shape(kernel)[-2:]
    if groups == 1:
        flat = b.reshape(patches, (*lead, places * channels))
        return b.matmul(flat, b.reshape(kernel, (places * per_group, filters)))
    patches = b.reshape(patches, (*lead, places, groups, per_group))
    kernel = b.reshape(kernel, (places, per_group, groups, filters // groups))
    return b.reshape(b.einsum("...pgc,pcgf->...gf", patches, kernel), (*lead, filters))


@op("inputs kernel", dtype=rules.promote)
def depthwise_conv(
    b: Backend,
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolution of each channel on its own.

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: array of shape (*window, channels, multiplier).
        strides: steps of the window, an int or one for each spatial axis.
        padding: "valid", "same" or "causal", see `conv`.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        dilation_rate: distance of the places of the window, an int or one for each spatial axis.

    Returns:
        Array with channels * multiplier channels, the ones of one input channel side by side.

    Example:

    >>> from hornbeam import ops
    >>> ops.depthwise_conv(ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 3, 2))).shape
    (1, 6, 6, 6)
    """
    *window, channels, multiplier = b.shape(kernel)
    kernel = b.reshape(kernel, (*window, 1, channels * multiplier))
    return b.conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@op("inputs depthwise_kernel pointwise_kernel", dtype=rules.promote)
def separable_conv(
    b: Backend,
    inputs: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """A convolution of each channel on its own, then a product that mixes the channels.

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        depthwise_kernel: array of shape (*window, channels, multiplier).
        pointwise_kernel: array of shape (1, ..., 1, channels * multiplier, filters).
        strides: steps of the window, an int or one for each spatial axis.
        padding: "valid", "same" or "causal", see `conv`.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        dilation_rate: distance of the places of the window, an int or one for each spatial axis.

    Returns:
        Array with `filters` channels.

    Example:

    >>> from hornbeam import ops
    >>> ops.separable_conv(
    ...     ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 3, 2)), ops.ones((1, 1, 6, 5))
    ... ).shape
    (1, 6, 6, 5)
    """
    deep = b.depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return b.conv(deep, pointwise_kernel, 1, "valid", data_format, 1)


@op("inputs kernel", dtype=rules.promote)
def conv_transpose(
    b: Backend,
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Transposed convolution: each input value adds a multiple of the kernel to the output.

    Args:
        inputs: array of shape (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: array of shape (*window, filters, channels).
        strides: distance of the copies of the kernel, an int or one for each spatial axis.
        padding: "valid" for all of the output; "same" for size * stride of it.
        output_padding: how much larger the output is than the smallest that a convolution with the
            same arguments would bring to the size of `inputs`; None for the usual size.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        dilation_rate: distance of the places of the window, an int or one for each spatial axis.

    Returns:
        Array of shape (batch, *new spatial, filters), or (batch, filters, *new spatial).

    Raises:
        InputError: if shapes, padding or format do not fit.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.reshape(ops.array([1.0, 2.0]), (1, 2, 1))
    >>> ops.convert_to_numpy(ops.ravel(ops.conv_transpose(x, ops.ones((3, 1, 1)), 2))).tolist()
    [1.0, 1.0, 3.0, 2.0, 2.0]
    """
    plan, pads = transposed_plan(
        b, inputs, kernel, strides, padding, output_padding, data_format, dilation_rate
    )
    x = to_channels_last(b, inputs, plan)
    for axis, stride in enumerate(plan.strides, start=1):
        x = _spaced(b, x, axis, stride)
    x = _padded_or_cropped(b, x, pads)
    turned = b.flip(kernel, axis=tuple(range(plan.ndim)))
    turned = b.transpose(turned, (*range(plan.ndim), plan.ndim + 1, plan.ndim))
    out = b.conv(x, turned, 1, "valid", "channels_last", plan.dilations)
    return from_channels_last(b, out, plan)


def transposed_plan(
    b: Backend,
    inputs: Array,
    kernel: Array,
    strides: Any,
    padding: str,
    output_padding: Any,
    data_format: str | None,
    dilation_rate: Any,
) -> tuple[windows.Plan, list[tuple[int, int]]]:
    """How the window moves, and the padding of the spread-out input that gives the wanted output."""
    if inputs.ndim not in (3, 4, 5) or kernel.ndim != inputs.ndim:
        raise InputError(
            "A transposed convolution needs inputs of 3, 4 or 5 dimensions and a kernel of as many, "
            f"got shapes {tuple(inputs.shape)} and {tuple(kernel.shape)}."
        )
    plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
    channels = b.shape(inputs)[plan.channel_axis]
    if isinstance(channels, int) and channels != b.shape(kernel)[-1]:
        raise InputError(
            f"A kernel of shape {tuple(kernel.shape)} (*window, filters, channels) does not fit "
            f"{channels} input channels."
        )
    window = b.shape(kernel)[: plan.ndim]
    return plan, windows.transposed_pads(window, plan, padding, output_padding)


def _spaced(b: Backend, x: Array, axis: int, stride: int) -> Array:
    """`x` with stride - 1 zeros between neighbours along an axis."""
    if stride == 1:
        return x
    sizes = list(b.shape(x))
    widths = [(0, 0)] * (x.ndim + 1)
    widths[axis + 1] = (0, stride - 1)
    apart = b.pad(b.expand_dims(x, axis + 1), tuple(widths), "constant", 0)
    sizes[axis] = sizes[axis] * stride
    joined = b.reshape(apart, sizes)
    return joined[(slice(None),) * axis + (slice(0, sizes[axis] - stride + 1),)]


def _padded_or_cropped(b: Backend, x: Array, pads: Sequence[tuple[int, int]]) -> Array:
    grown = [(max(before, 0), max(after, 0)) for before, after in pads]
    x = b.pad(x, ((0, 0), *grown, (0, 0)), "constant", 0)
    key: list[slice] = [slice(None)]
    for size, (before, after) in zip(b.shape(x)[1:-1], pads, strict=True):
        key.append(slice(max(-before, 0), size + min(after, 0)))
    return x[(*key, slice(None))]


__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]
