"""Order: sorting, the largest values, where a value belongs."""

from __future__ import annotations

from typing import Any, NamedTuple

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import cut, one_axis


@op("x", dtype=rules.same)
def sort(b: Backend, x: ArrayLike, axis: int | None = -1) -> Array:
    """`x` in ascending order along an axis.

    Args:
        x: array of any shape.
        axis: the axis to sort along; None for all values, as one axis.

    Returns:
        Array of the same shape (of one dimension for `axis=None`).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.sort([3, 1, 2])).tolist()
    [1, 2, 3]
    """
    return b.sort(b.reshape(x, (-1,)), axis=-1) if axis is None else b.sort(x, axis=axis)


@op("x", dtype=rules.to_index)
def argsort(b: Backend, x: ArrayLike, axis: int | None = -1) -> Array:
    """The places that would sort `x` along an axis; equal values keep their order.

    Args:
        x: array of any shape.
        axis: the axis to sort along; None for all values, as one axis.

    Returns:
        int32 array of the same shape (of one dimension for `axis=None`).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.argsort([3, 1, 2])).tolist()
    [1, 2, 0]
    """
    return b.argsort(b.reshape(x, (-1,)), axis=-1) if axis is None else b.argsort(x, axis=axis)


class TopK(NamedTuple):
    """The result of `top_k`."""

    values: Array
    """The largest values, (..., k)."""
    indices: Array
    """Their places along the last axis, int32, (..., k)."""


@op("x", dtype=rules.unchecked)
def top_k(b: Backend, x: ArrayLike, k: int, sorted: bool = True) -> Any:
    """The k largest values along the last axis and their places.

    Args:
        x: array of shape (..., n).
        k: how many, at most n.
        sorted: whether they must be in descending order (they always are).

    Returns:
        The pair (values, indices), both of shape (..., k); the indices are int32, and of equal
        values the first one comes first.

    Example:

    >>> from hornbeam import ops
    >>> values, places = ops.top_k([3, 1, 5, 4], 2)
    >>> ops.convert_to_numpy(values).tolist(), ops.convert_to_numpy(places).tolist()
    ([5, 4], [2, 3])
    """
    n = b.shape(x)[-1]
    turned = b.flip(x, axis=-1)
    order = b.flip(b.argsort(turned, axis=-1), axis=-1)
    places = b.cast(n - 1 - cut(order, x.ndim - 1, 0, k), "int32")
    return TopK(b.take_along_axis(x, places, -1), places)


@op("?targets predictions", dtype=rules.to_bool)
def in_top_k(b: Backend, targets: ArrayLike, predictions: ArrayLike, k: int) -> Array:
    """Whether the score of the right class is among the k largest.

    Args:
        targets: integer array of shape (batch,), the right classes.
        predictions: array of shape (batch, classes), a score for each class.
        k: how many of the largest scores count.

    Returns:
        Bool array of shape (batch,).  Classes that share the k-th largest score all count; a score
        that is not finite, or a class that does not exist, is not in.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], 1)).tolist()
    [True, False]
    """
    classes = b.shape(predictions)[-1]
    targets = b.cast(targets, "int32")
    exists = b.logical_and(b.greater_equal(targets, 0), b.less(targets, classes))
    safe = b.where(exists, targets, b.zeros_like(targets))
    score = b.take_along_axis(predictions, b.expand_dims(safe, -1), -1)
    above = b.sum(b.cast(b.greater(predictions, score), "int32"), axis=-1, keepdims=False)
    finite = b.isfinite(b.squeeze(score, axis=-1))
    return b.logical_and(b.less(above, k), b.logical_and(exists, finite))


@op("sorted_sequence values", dtype=rules.order_index)
def searchsorted(
    b: Backend, sorted_sequence: ArrayLike, values: ArrayLike, side: str = "left"
) -> Array:
    """The places at which values would have to be put in to keep a sequence in order.

    Args:
        sorted_sequence: array of shape (n,) in ascending order.
        values: array of any shape.
        side: "left" for the place before equal entries, "right" for the place behind them.

    Returns:
        int32 array of the shape of `values`, from 0 to n.

    Raises:
        ValueError: if `side` is neither, or the sequence has not one dimension.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.searchsorted([1, 3, 5], [0, 3, 6])).tolist()
    [0, 1, 3]
    """
    if side not in ("left", "right"):
        raise ValueError(f"`side` of searchsorted() must be 'left' or 'right', got {side!r}.")
    if sorted_sequence.ndim != 1:
        raise ValueError(
            f"searchsorted() needs a sequence of one dimension, got {sorted_sequence.ndim}."
        )
    return b.searchsorted(sorted_sequence, values, side=side)


@op("x bins", dtype=rules.order_index)
def digitize(b: Backend, x: ArrayLike, bins: ArrayLike) -> Array:
    """The number of the bin that each value falls into.

    Args:
        x: array of any shape.
        bins: the limits between the bins in ascending order, of shape (n,).

    Returns:
        int32 array of the shape of `x`: how many limits are not above the value, from 0 to n.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.digitize([0.5, 1.0, 7.0], [1.0, 2.0])).tolist()
    [0, 1, 2]
    """
    return b.searchsorted(bins, x, side="right")


@op("x", dtype=rules.to_index)
def argpartition(b: Backend, x: ArrayLike, kth: int, axis: int | None = -1) -> Array:
    """The places that would bring the k-th smallest value to place k, with no larger one before it.

    Args:
        x: array of any shape.
        kth: which value, from 0; negative ones count from the end.
        axis: the axis to order along; None for all values, as one axis.

    Returns:
        int32 array of the shape of `x`.  (All values are in order, which is more than asked for.)

    Raises:
        InputError: if `kth` is out of range.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.argpartition([3, 1, 2], 1)).tolist()[1]
    2
    """
    if axis is None:
        x, axis = b.reshape(x, (-1,)), -1
    axis = one_axis(axis, x.ndim, "argpartition")
    size = b.shape(x)[axis]
    if isinstance(size, int) and not -size <= kth < size:
        raise InputError(f"argpartition() got kth={kth} for {size} values.")
    return b.argsort(x, axis=axis)


__all__ = [
    "argpartition",
    "argsort",
    "digitize",
    "in_top_k",
    "searchsorted",
    "sort",
    "top_k",
]
