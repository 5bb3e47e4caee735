"""Shapes: the same values, arranged, repeated or padded otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import axes_of, cut, dims_of, maker, one_axis, plain_axis, smaller

Axis = int | tuple[int, ...] | list[int] | None


@op("x", dtype=rules.same)
def reshape(b: Backend, x: ArrayLike, newshape: Any) -> Array:
    """`x` in another shape, its values in the same order.

    Args:
        x: array of any shape.
        newshape: an int or a tuple of ints with the same product; one of them may be -1, which
            stands for what is left.

    Returns:
        Array of that shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.reshape([1, 2, 3, 4], (2, -1))).tolist()
    [[1, 2], [3, 4]]
    """
    return b.reshape(x, dims_of(newshape))


@op("x", dtype=rules.same)
def ravel(b: Backend, x: ArrayLike) -> Array:
    """All values of `x` in order, as one axis.

    Args:
        x: array of any shape.

    Returns:
        Array of one dimension.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.ravel([[1, 2], [3, 4]])).tolist()
    [1, 2, 3, 4]
    """
    return b.reshape(x, (-1,))


@op("x", dtype=rules.same)
def transpose(b: Backend, x: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """`x` with its axes in another order.

    Args:
        x: array of any shape.
        axes: for each axis of the result the axis of `x`; None reverses them.

    Returns:
        Array with the axes in that order.

    Example:

    >>> from hornbeam import ops
    >>> ops.transpose(ops.ones((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    return b.transpose(x, None if axes is None else axes_of(axes, x.ndim, "transpose"))


@op("x", dtype=rules.same)
def swapaxes(b: Backend, x: ArrayLike, axis1: int, axis2: int) -> Array:
    """`x` with two axes exchanged.

    Args:
        x: array of at least one dimension.
        axis1: an axis.
        axis2: another one.

    Returns:
        Array with the axes exchanged.

    Example:

    >>> from hornbeam import ops
    >>> ops.swapaxes(ops.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    order = list(range(x.ndim))
    first, second = axes_of((axis1, axis2), x.ndim, "swapaxes")
    order[first], order[second] = second, first
    return b.transpose(x, tuple(order))


@op("x", dtype=rules.same)
def moveaxis(b: Backend, x: ArrayLike, source: Axis, destination: Axis) -> Array:
    """`x` with some axes moved to other places; the others keep their order.

    Args:
        x: array of any shape.
        source: the axis or axes to move.
        destination: their new places.

    Returns:
        Array with the axes moved.

    Example:

    >>> from hornbeam import ops
    >>> ops.moveaxis(ops.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    sources = axes_of(source, x.ndim, "moveaxis")
    places = axes_of(destination, x.ndim, "moveaxis")
    if len(sources) != len(places):
        raise InputError(
            f"moveaxis() needs as many places as axes, got {source} and {destination}."
        )
    order = [a for a in range(x.ndim) if a not in sources]
    for place, moved in sorted(zip(places, sources, strict=True)):
        order.insert(place, moved)
    return b.transpose(x, tuple(order))


@op("x", dtype=rules.same)
def expand_dims(b: Backend, x: ArrayLike, axis: Axis) -> Array:
    """`x` with new axes of size 1.

    Args:
        x: array of any shape.
        axis: place or places of the new axes in the result.

    Returns:
        Array of the same values with more dimensions.

    Example:

    >>> from hornbeam import ops
    >>> ops.expand_dims(ops.ones((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    return b.expand_dims(x, plain_axis(axis))


@op("x", dtype=rules.same)
def squeeze(b: Backend, x: ArrayLike, axis: Axis = None) -> Array:
    """`x` without axes of size 1.

    Args:
        x: array of any shape.
        axis: the axis or axes to remove; None for all of size 1.

    Returns:
        Array of the same values with fewer dimensions.

    Example:

    >>> from hornbeam import ops
    >>> ops.squeeze(ops.ones((1, 3, 1)), 0).shape
    (3, 1)
    """
    return b.squeeze(x, axis=plain_axis(axis))


@op("x", dtype=rules.same)
def broadcast_to(b: Backend, x: ArrayLike, shape: Any) -> Array:
    """`x` repeated along axes of size 1, and along new ones in front, to fill a shape.

    Args:
        x: array of a shape that broadcasts to `shape`.
        shape: a tuple of ints.

    Returns:
        Array of that shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.broadcast_to([1, 2], (2, 2))).tolist()
    [[1, 2], [1, 2]]
    """
    sizes = dims_of(shape)
    target = maker(b, *sizes)
    return target.broadcast_to(x if target is b else target.asarray(x), sizes)


@op("x", dtype=rules.same)
def flip(b: Backend, x: ArrayLike, axis: Axis = None) -> Array:
    """`x` in reverse order along axes.

    Args:
        x: array of any shape.
        axis: the axis or axes to reverse; None for all.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.flip([1, 2, 3])).tolist()
    [3, 2, 1]
    """
    return b.flip(x, axis=plain_axis(axis))


@op("x", dtype=rules.same)
def roll(b: Backend, x: ArrayLike, shift: Any, axis: Axis = None) -> Array:
    """`x` moved along axes; what leaves at one end comes in at the other.

    Args:
        x: array of any shape.
        shift: by how many places, an int, or one for each axis.
        axis: the axis or axes to move along; None for all values in order, as one axis.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.roll([1, 2, 3, 4], 1)).tolist()
    [4, 1, 2, 3]
    """
    if axis is None:
        flat = b.reshape(x, (-1,))
        return b.reshape(b.roll(flat, shift, 0), b.shape(x))
    axes = axes_of(axis, x.ndim, "roll")
    for a, amount in zip(axes, np.broadcast_to(shift, (len(axes),)).tolist(), strict=True):
        size = b.shape(x)[a]
        if size == 0:
            continue
        places = b.mod(b.arange(0, size, 1, "int32") - amount, size)
        x = b.take(x, places, a)
    return x


@op("x", dtype=rules.same)
def pad(
    b: Backend, x: ArrayLike, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Array:
    """`x` with more values at the ends of its axes.

    Args:
        x: array of any shape.
        pad_width: how many before and after each axis: ((before, after), ...), one such pair for all
            axes, or one int for all ends.
        mode: "constant"; "reflect" (mirrored at the last value, which is not repeated); "symmetric"
            (mirrored behind the last value, which is); "edge" (the last value repeated); "wrap" (the
            values from the other end).
        constant_values: what to fill in with, for "constant"; 0 by default.

    Returns:
        Array of the enlarged shape.

    Raises:
        InputError: if `constant_values` is given for another mode, or the widths do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.pad([1, 2, 3], 1)).tolist()
    [0, 1, 2, 3, 0]
    """
    modes = ("constant", "reflect", "symmetric", "edge", "wrap")
    if mode not in modes:
        raise InputError(f"`mode` of pad() must be one of {', '.join(modes)}, got {mode!r}.")
    if constant_values is not None and mode != "constant":
        raise InputError(
            f"`constant_values` of pad() goes with mode='constant', not with {mode!r}."
        )
    widths = pad_widths(pad_width, x.ndim)
    if mode == "constant":
        return b.pad(x, widths, "constant", 0 if constant_values is None else constant_values)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = padded_from_itself(b, x, axis, before, after, mode)
    return x


def pad_widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """The widths of `pad` as one (before, after) for each axis.

    >>> pad_widths((1, 2), 2)
    ((1, 2), (1, 2))
    """
    try:
        pairs = np.broadcast_to(np.asarray(pad_width, np.int64), (ndim, 2))
    except (ValueError, TypeError):
        raise InputError(
            f"`pad_width` must be an int, a (before, after) or {ndim} of them, got {pad_width!r}."
        ) from None
    if (pairs < 0).any():
        raise InputError(f"`pad_width` must not be negative, got {pad_width!r}.")
    return tuple((int(before), int(after)) for before, after in pairs)


def padded_from_itself(
    b: Backend, x: Array, axis: int, before: int, after: int, mode: str
) -> Array:
    """`x` continued at the ends of an axis with values of its own, taken by their places."""
    size = b.shape(x)[axis]
    places = b.arange(-before, size + after, 1, "int32")
    if mode == "edge":
        places = b.minimum(b.maximum(places, 0), size - 1)
    elif mode == "wrap":
        places = b.mod(places, size)
    else:
        same_twice = 1 if mode == "symmetric" else 0
        period = 2 * size - 2 + 2 * same_twice
        if period == 0:
            places = b.zeros_like(places)
        else:
            places = b.mod(places, period)
            places = b.minimum(places, period - same_twice - places)
    return b.take(x, places, axis)


@op("x", dtype=rules.same)
def tile(b: Backend, x: ArrayLike, repeats: Any) -> Array:
    """`x` laid out several times along its axes.

    Args:
        x: array of any shape.
        repeats: how many times along each axis; with more entries than axes, along new ones in front.

    Returns:
        Array of the enlarged shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.tile([1, 2], 2)).tolist()
    [1, 2, 1, 2]
    """
    times = dims_of(repeats)
    times = (1,) * (x.ndim - len(times)) + times
    sizes = (1,) * (len(times) - x.ndim) + tuple(b.shape(x))
    apart = [d for size in sizes for d in (1, size)]
    spread = [d for n, size in zip(times, sizes, strict=True) for d in (n, size)]
    joined = [n * size for n, size in zip(times, sizes, strict=True)]
    return b.reshape(b.broadcast_to(b.reshape(x, apart), spread), joined)


@op("x", dtype=rules.same)
def repeat(b: Backend, x: ArrayLike, repeats: Any, axis: int | None = None) -> Array:
    """`x` with each entry along an axis repeated in place.

    Args:
        x: array of any shape.
        repeats: how many times, an int or one for each entry.
        axis: the axis whose entries are repeated; None for all values in order, as one axis.

    Returns:
        Array with that axis enlarged.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.repeat([1, 2], 2)).tolist()
    [1, 1, 2, 2]
    """
    if axis is None:
        x, axis = b.reshape(x, (-1,)), 0
    axis = one_axis(axis, x.ndim, "repeat")
    counts = dims_of(repeats)
    if len(counts) > 1:
        return b.take(x, b.asarray(np.repeat(np.arange(len(counts), dtype=np.int32), counts)), axis)
    sizes = list(b.shape(x))
    wide = [*sizes[: axis + 1], counts[0], *sizes[axis + 1 :]]
    joined = [*sizes[:axis], sizes[axis] * counts[0], *sizes[axis + 1 :]]
    return b.reshape(b.broadcast_to(b.expand_dims(x, axis + 1), wide), joined)


@op("array", dtype=rules.same)
def rot90(b: Backend, array: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """`array` turned by quarter turns in the plane of two axes, from the first to the second.

    Args:
        array: array of at least two dimensions.
        k: how many quarter turns.
        axes: the two axes of the plane.

    Returns:
        The turned array.

    Raises:
        InputError: if the axes are not two different ones.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.rot90([[1, 2], [3, 4]])).tolist()
    [[2, 4], [1, 3]]
    """
    plane = axes_of(axes, array.ndim, "rot90")
    if len(plane) != 2 or plane[0] == plane[1]:
        raise InputError(f"rot90() needs two different axes, got {axes!r}.")
    turns = k % 4
    if turns == 0:
        return array
    if turns == 2:
        return b.flip(array, axis=plane)
    if turns == 1:
        return b.swapaxes(b.flip(array, axis=plane[1]), *plane)
    return b.flip(b.swapaxes(array, *plane), axis=plane[1])


@op("x", dtype=rules.same)
def fliplr(b: Backend, x: ArrayLike) -> Array:
    """`x` in reverse order along its second axis.

    Args:
        x: array of at least two dimensions.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.fliplr([[1, 2], [3, 4]])).tolist()
    [[2, 1], [4, 3]]
    """
    axes_of(1, x.ndim, "fliplr")
    return b.flip(x, axis=1)


@op("x", dtype=rules.same)
def flipud(b: Backend, x: ArrayLike) -> Array:
    """`x` in reverse order along its first axis.

    Args:
        x: array of at least one dimension.

    Returns:
        Array of the same shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.flipud([[1, 2], [3, 4]])).tolist()
    [[3, 4], [1, 2]]
    """
    axes_of(0, x.ndim, "flipud")
    return b.flip(x, axis=0)


@op("x", dtype=rules.same)
def diagonal(b: Backend, x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Diagonals of the matrices in the plane of two axes.

    Args:
        x: array of at least two dimensions.
        offset: which diagonal: 0 the main one, above it positive, below it negative.
        axis1: the axis of the rows.
        axis2: the axis of the columns.

    Returns:
        Array without the two axes and with the diagonal as its last one.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.diagonal([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """
    if axis1 == axis2:
        raise InputError(f"diagonal() needs two different axes, got {axis1} twice.")
    x = b.moveaxis(x, (axis1, axis2), (-2, -1))
    *lead, rows, columns = b.shape(x)
    x = x[..., offset:] if offset >= 0 else x[..., -offset:, :]
    length = smaller(b, rows + min(offset, 0), columns - max(offset, 0))
    if isinstance(length, int) and length <= 0:
        return b.zeros((*lead, 0), b.dtype(x))
    x = x[..., :length, :length]
    flat = b.reshape(x, (*lead, length * length))
    return cut(flat, len(lead), 0, length * length, length + 1)


@op("x", dtype=rules.total)
def trace(b: Backend, x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Sum of the diagonal of the matrices in the plane of two axes.

    Args:
        x: array of at least two dimensions.
        offset: which diagonal: 0 the main one, above it positive, below it negative.
        axis1: the axis of the rows.
        axis2: the axis of the columns.

    Returns:
        Array without the two axes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.trace([[1, 2], [3, 4]])).tolist()
    5
    """
    return b.sum(b.diagonal(x, offset, axis1, axis2), axis=-1, keepdims=False)


__all__ = [
    "broadcast_to",
    "diagonal",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "squeeze",
    "swapaxes",
    "tile",
    "trace",
    "transpose",
]
