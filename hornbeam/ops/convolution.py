"""Convolutions, written as sums of products with shifted slices.

An engine with a convolution of its own overrides `conv` and `conv_transpose`; everything else here is
made of those two.
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

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]


@op("inputs kernel", dtype=rules.promote)
def conv(
    b: Backend,
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """Convolution over 1, 2 or 3 spatial axes (strictly a cross-correlation: the kernel is not flipped).

    Args:
        inputs: array of shape ``(batch, *spatial, channels)``, or ``(batch, channels, *spatial)`` with
            ``data_format="channels_first"``.
        kernel: array of shape ``(*window, channels / groups, filters)``.  There are as many groups as
            its channels go into those of `inputs`.
        strides: steps of the window, one int or one per spatial axis.
        padding: "valid" (none), "same" (as many outputs as inputs, divided by the strides) or "causal"
            (padding before only).
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: distance between the entries of the window, one int or one per spatial axis.

    Returns:
        Array of shape ``(batch, *new_spatial, filters)``, the channels where those of `inputs` are.

    Raises:
        InputError: if channels and kernel do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.conv(ops.ones((1, 28, 28, 3)), ops.ones((3, 3, 3, 8)), padding="same", strides=2).shape
    (1, 14, 14, 8)
    """
    plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
    groups = count_groups(b, inputs, kernel, plan)
    x = inputs if plan.channels_last else _channels_last(b, inputs)
    size = tuple(int(d) for d in kernel.shape[: plan.ndim])
    columns = _shifted(b, x, size, plan, padding)
    weights = [kernel[place] for place in itertools.product(*map(range, size))]
    if groups == 1:
        out = _sum([b.matmul(c, w) for c, w in zip(columns, weights, strict=True)])
    else:
        rows = [_grouped(b, c, w, groups) for c, w in zip(columns, weights, strict=True)]
        out = _sum(rows)
    return out if plan.channels_last else _channels_first(b, out)


def count_groups(b: Backend, inputs: Array, kernel: Array, plan: windows.Plan) -> int:
    """How many groups of channels a kernel stands for, checked."""
    if kernel.ndim != plan.ndim + 2:
        raise InputError(
            f"conv() over {plan.ndim} spatial axes needs a kernel of {plan.ndim + 2} axes (*window, "
            f"channels, filters), got shape {tuple(kernel.shape)}."
        )
    channels, own, filters = b.shape(inputs)[plan.channel_axis], *b.shape(kernel)[-2:]
    if not isinstance(channels, int) or not isinstance(own, int):
        return 1
    if channels % own or filters % (channels // own):
        raise InputError(
            f"conv() of {channels} channels needs a kernel whose channels divide them and whose filters "
            f"divide by the groups, got kernel shape {tuple(kernel.shape)}."
        )
    return channels // own


def _channels_last(b: Backend, x: Array) -> Array:
    return b.transpose(x, (0, *range(2, x.ndim), 1))


def _channels_first(b: Backend, x: Array) -> Array:
    return b.transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def _shifted(
    b: Backend, x: Array, size: Sequence[int], plan: windows.Plan, padding: str, value: Any = 0
) -> list[Array]:
    """For each entry of the window, the part of `x` (channels last) that it meets."""
    sizes = b.shape(x)[1:-1]
    pads = windows.pads(sizes, size, plan, padding)
    if any(pad != (0, 0) for pad in pads):
        x = b.pad(x, ((0, 0), *pads, (0, 0)), "constant", value)
    rows = zip(sizes, pads, size, plan.strides, plan.dilations, strict=True)
    counts = [windows.output_size(*row) for row in rows]
    for count, given, width in zip(counts, sizes, size, strict=True):
        if isinstance(count, int) and count < 1:
            raise InputError(
                f"A window of {width} does not fit into an axis of size {given} with padding={padding!r}."
            )
    parts = []
    for place in itertools.product(*map(range, size)):
        cut: list[slice] = [slice(None)]
        for at, count, stride, dilation in zip(
            place, counts, plan.strides, plan.dilations, strict=True
        ):
            first = at * dilation
            cut.append(slice(first, first + (count - 1) * stride + 1, stride))
        parts.append(x[(*cut, slice(None))])
    return parts


def _sum(terms: Sequence[Array]) -> Array:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _grouped(b: Backend, x: Array, weights: Array, groups: int) -> Array:
    """The product of each group of channels with its own filters."""
    *lead, channels = b.shape(x)
    own, filters = weights.shape
    x = b.reshape(x, (*lead, groups, channels // groups))
    w = b.reshape(weights, (own, groups, filters // groups))
    return b.reshape(b.einsum("...gc,cgf->...gf", x, w), (*lead, filters))


@op("inputs kernel", dtype=rules.promote)
def depthwise_conv(
    b: Backend,
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """Convolution of each channel by itself, with `multiplier` filters each.

    Args:
        inputs: array of shape ``(batch, *spatial, channels)``, or channels first.
        kernel: array of shape ``(*window, channels, multiplier)``.
        strides: steps of the window, one int or one per spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: distance between the entries of the window.

    Returns:
        Array of shape ``(batch, *new_spatial, channels * multiplier)``, channels as in `inputs`.

    Example:

    >>> from hornbeam import ops
    >>> ops.depthwise_conv(ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 3, 2))).shape
    (1, 6, 6, 6)
    """
    *window, channels, multiplier = b.shape(kernel)
    merged = b.reshape(kernel, (*window, 1, channels * multiplier))
    return b.conv(inputs, merged, strides, padding, data_format, dilation_rate)


@op("inputs depthwise_kernel pointwise_kernel", dtype=rules.promote)
def separable_conv(
    b: Backend,
    inputs: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """A depthwise convolution, and then one over the channels only.

    Args:
        inputs: array of shape ``(batch, *spatial, channels)``, or channels first.
        depthwise_kernel: array of shape ``(*window, channels, multiplier)``.
        pointwise_kernel: array of shape ``(1, ..., 1, channels * multiplier, filters)``.
        strides: steps of the window, one int or one per spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: distance between the entries of the window.

    Returns:
        Array of shape ``(batch, *new_spatial, filters)``, channels as in `inputs`.

    Example:

    >>> from hornbeam import ops
    >>> depthwise, pointwise = ops.ones((3, 3, 3, 2)), ops.ones((1, 1, 6, 4))
    >>> ops.separable_conv(ops.ones((1, 8, 8, 3)), depthwise, pointwise).shape
    (1, 6, 6, 4)
    """
    x = b.depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return b.conv(x, pointwise_kernel, 1, "valid", data_format, 1)


@op("inputs kernel", dtype=rules.promote)
def conv_transpose(
    b: Backend,
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """The transpose (the gradient with respect to its input) of a convolution: upsampling by learning.

    Args:
        inputs: array of shape ``(batch, *spatial, channels)``, or channels first.
        kernel: array of shape ``(*window, filters, channels)``.
        strides: factors by which the spatial axes grow, one int or one per axis.
        padding: "valid" or "same".
        output_padding: extra size at the end of each spatial axis; by default what makes the size
            ``spatial * strides`` ("same"), or the smallest that fits the window ("valid").
        data_format: "channels_last" or "channels_first"; by default `config.image_data_format()`.
        dilation_rate: distance between the entries of the window.

    Returns:
        Array of shape ``(batch, *new_spatial, filters)``, channels as in `inputs`.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.ones((1, 4, 4, 3))
    >>> ops.conv_transpose(x, ops.ones((3, 3, 8, 3)), strides=2, padding="same").shape
    (1, 8, 8, 8)
    """
    plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
    x = inputs if plan.channels_last else _channels_last(b, inputs)
    x = _with_gaps(b, x, plan.strides)
    size = tuple(int(d) for d in kernel.shape[: plan.ndim])
    pads = windows.transposed_pads(size, plan, padding, output_padding)
    x = _pad_or_cut(b, x, pads)
    flipped = b.flip(kernel, tuple(range(plan.ndim)))
    flipped = b.transpose(flipped, (*range(plan.ndim), plan.ndim + 1, plan.ndim))
    out = b.conv(x, flipped, 1, "valid", "channels_last", plan.dilations)
    return out if plan.channels_last else _channels_first(b, out)


def _with_gaps(b: Backend, x: Array, strides: Sequence[int]) -> Array:
    """`x` (channels last) with ``stride - 1`` zeros between neighbours along each spatial axis."""
    for axis, stride in enumerate(strides, start=1):
        if stride == 1:
            continue
        size = b.shape(x)
        wide = b.expand_dims(x, axis + 1)
        widths = [(0, 0)] * wide.ndim
        widths[axis + 1] = (0, stride - 1)
        wide = b.pad(wide, tuple(widths), "constant", 0)
        joined = b.reshape(wide, (*size[:axis], size[axis] * stride, *size[axis + 1 :]))
        keep = [slice(None)] * x.ndim
        keep[axis] = slice(0, (size[axis] - 1) * stride + 1)
        x = joined[tuple(keep)]
    return x


def _pad_or_cut(b: Backend, x: Array, pads: Sequence[tuple[int, int]]) -> Array:
    """`x` (channels last) with its spatial axes padded, or cut where the padding is negative."""
    widths = ((0, 0), *((max(a, 0), max(z, 0)) for a, z in pads), (0, 0))
    if any(width != (0, 0) for width in widths):
        x = b.pad(x, widths, "constant", 0)
    cut = [slice(-min(a, 0), min(z, 0) or None) for a, z in pads]
    return x[(slice(None), *cut, slice(None))]
