"""Reading and writing at places: indexing, gathering, scattering, slices with traced starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import dims_of, maker


@op("x", dtype=rules.same)
def get_item(b: Backend, x: ArrayLike, key: Any) -> Array:
    """``x[key]``.

    Args:
        x: array of at least one dimension.
        key: an int, slice, ellipsis, None (a new axis), integer array, or a tuple of these.

    Returns:
        The part of `x` that NumPy's rules of indexing say.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.get_item(ops.array([[1, 2], [3, 4]]), (..., 1))).tolist()
    [2, 4]
    """

    def as_key(part: Any) -> Any:
        if hasattr(part, "__hornbeam_array__"):
            part = part.__hornbeam_array__()
        return b.asarray(part) if isinstance(part, list) else part

    return b.getitem(x, tuple(map(as_key, key)) if isinstance(key, tuple) else as_key(key))


@op("x ?indices", dtype=rules.same)
def take(b: Backend, x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """The entries of `x` at some places along an axis.

    Args:
        x: array of any shape.
        indices: integer array of any shape; negative ones count from the end.
        axis: the axis to take from; None for all values in order.

    Returns:
        Array with the axes of `indices` in the place of `axis`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.take([10, 20, 30], [2, 0])).tolist()
    [30, 10]
    """
    if axis is None:
        x, axis = b.reshape(x, (-1,)), 0
    return b.take(x, _whole(b, indices), axis)


def _whole(b: Backend, indices: Array) -> Array:
    """Indices as integers."""
    return indices if "int" in b.dtype(indices) else b.cast(indices, "int32")


@op("x ?indices", dtype=rules.same)
def take_along_axis(b: Backend, x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """For each line along an axis, its entries at places of its own.

    Args:
        x: array of any shape.
        indices: integer array of as many dimensions, which broadcasts except along `axis`; negative
            ones count from the end.
        axis: the axis to take from; None for all values in order.

    Returns:
        Array of the shape of `indices`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1)).tolist()
    [[2], [3]]
    """
    indices = _whole(b, indices)
    if axis is None:
        return b.take_along_axis(b.reshape(x, (-1,)), b.reshape(indices, (-1,)), 0)
    return b.take_along_axis(x, indices, axis)


def _columns(indices: Array, depth: int) -> tuple[Array, ...]:
    """The index for each of the first `depth` axes, from indices of shape (..., depth)."""
    return tuple(indices[..., i] for i in range(depth))


@op("?indices values", dtype=rules.same)
def scatter(b: Backend, indices: ArrayLike, values: ArrayLike, shape: Any) -> Array:
    """Zeros with values added at some places; several at one place are summed.

    Args:
        indices: integer array of shape (n, k), the places in the first k axes of the result.
        values: array of shape (n, *shape[k:]).
        shape: the shape of the result.

    Returns:
        Array of that shape and of the dtype of `values`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,))).tolist()
    [1.0, 0.0, 5.0, 0.0]
    """
    sizes = dims_of(shape)
    b = maker(b, *sizes)
    zeros = b.zeros(sizes, b.dtype(values))
    return _combined(b, "add", zeros, _columns(_whole(b, indices), _depth(b, indices)), values)


def _combined(b: Backend, how: str | None, x: Array, index: tuple[Array, ...], new: Array) -> Array:
    """`x` with values scattered into it; bools are counted as numbers meanwhile."""
    scattered = getattr(b, _REDUCTIONS[how])
    if how is None or b.dtype(x) != "bool":
        return scattered(x, index, new)
    return b.cast(scattered(b.cast(x, "int32"), index, b.cast(new, "int32")), "bool")


def _depth(b: Backend, indices: Array) -> int:
    depth = b.shape(indices)[-1]
    if not isinstance(depth, int):
        raise InputError(
            "The last axis of `indices` must have a known size: one entry for each axis."
        )
    return depth


_REDUCTIONS = {
    None: "scatter_set",
    "add": "scatter_add",
    "max": "scatter_max",
    "min": "scatter_min",
    "mul": "scatter_multiply",
}


@op("inputs ?indices ?updates", dtype=rules.same)
def scatter_update(
    b: Backend,
    inputs: ArrayLike,
    indices: ArrayLike,
    updates: ArrayLike,
    reduction: str | None = None,
) -> Array:
    """`inputs` with some of its entries replaced, or combined with new values.

    Args:
        inputs: array of any shape.
        indices: integer array of shape (n, k), the places in the first k axes of `inputs`.
        updates: array of shape (n, *inputs.shape[k:]).
        reduction: None to replace; "add", "max", "min" or "mul" to combine.

    Returns:
        A new array of the shape and dtype of `inputs`.

    Raises:
        InputError: if there is no such reduction.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.scatter_update([1, 2, 3], [[0], [2]], [7, 9])).tolist()
    [7, 2, 9]
    """
    if reduction not in _REDUCTIONS:
        known = ", ".join(map(repr, _REDUCTIONS))
        raise InputError(
            f"`reduction` of scatter_update() must be one of {known}, got {reduction!r}."
        )
    index = _columns(_whole(b, indices), _depth(b, indices))
    return _combined(b, reduction, inputs, index, b.cast(updates, b.dtype(inputs)))


def _starts(b: Backend, start_indices: Any, ndim: int) -> tuple[Any, ...]:
    if isinstance(start_indices, (list, tuple)):
        return tuple(start_indices)
    if isinstance(start_indices, int):
        return (start_indices,)
    starts = b.asarray(start_indices)
    return tuple(starts[i] for i in range(ndim))


@op("inputs", dtype=rules.same)
def slice(b: Backend, inputs: ArrayLike, start_indices: Any, shape: Sequence[int]) -> Array:
    """A block of `inputs` of known size, from a start that may be computed.

    Args:
        inputs: array of any shape.
        start_indices: where the block starts along each axis, ints or integer scalars; moved back if
            the block would end outside.
        shape: the shape of the block.

    Returns:
        Array of that shape.

    Raises:
        InputError: if there are not as many starts and sizes as axes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.slice([1, 2, 3, 4], [1], [2])).tolist()
    [2, 3]
    """
    starts, sizes = _starts(b, start_indices, inputs.ndim), dims_of(shape)
    if not len(starts) == len(sizes) == inputs.ndim:
        raise InputError(
            f"slice() of an array of {inputs.ndim} dimensions needs as many starts and sizes, got "
            f"{len(starts)} and {len(sizes)}."
        )
    return b.slice(inputs, starts, sizes)


@op("inputs ?updates", dtype=rules.same)
def slice_update(b: Backend, inputs: ArrayLike, start_indices: Any, updates: ArrayLike) -> Array:
    """`inputs` with a block replaced, from a start that may be computed.

    Args:
        inputs: array of any shape.
        start_indices: where the block starts along each axis, ints or integer scalars; moved back if
            the block would end outside.
        updates: the new block, of as many dimensions as `inputs`.

    Returns:
        A new array of the shape and dtype of `inputs`.

    Raises:
        InputError: if there are not as many starts as axes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.slice_update([1, 2, 3, 4], [1], [7, 8])).tolist()
    [1, 7, 8, 4]
    """
    starts = _starts(b, start_indices, inputs.ndim)
    if not len(starts) == updates.ndim == inputs.ndim:
        raise InputError(
            f"slice_update() of an array of {inputs.ndim} dimensions needs as many starts and updates "
            f"of as many dimensions, got {len(starts)} and {updates.ndim}."
        )
    return b.slice_update(inputs, starts, b.cast(updates, b.dtype(inputs)))


@op("x", dtype=rules.to_index)
def nonzero(b: Backend, x: ArrayLike) -> tuple[Array, ...]:
    """The places of the values that are not 0.

    Args:
        x: array of any shape.

    Returns:
        For each axis an int32 array with one entry for each such value.  How many there are depends
        on the values, so that compiled code of most engines cannot use it.

    Example:

    >>> from hornbeam import ops
    >>> [ops.convert_to_numpy(places).tolist() for places in ops.nonzero([[0, 1], [2, 0]])]
    [[0, 1], [1, 0]]
    """
    return tuple(b.nonzero(x))


__all__ = [
    "get_item",
    "nonzero",
    "scatter",
    "scatter_update",
    "slice",
    "slice_update",
    "take",
    "take_along_axis",
]
