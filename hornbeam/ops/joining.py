"""Putting arrays together and taking them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.backends.dims import TracedDim
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import at, cut, dims_of, one_axis


@op("*xs", dtype=rules.promote)
def concatenate(b: Backend, xs: Sequence[ArrayLike], axis: int = 0) -> Array:
    """Arrays one after the other along an axis.

    Args:
        xs: arrays whose shapes are equal except along `axis`.
        axis: the axis to join them along.

    Returns:
        Array of the joint dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.concatenate([[1, 2], [3]])).tolist()
    [1, 2, 3]
    """
    return b.concatenate(_parts(b, xs, "concatenate"), axis)


@op("*x", dtype=rules.promote)
def stack(b: Backend, x: Sequence[ArrayLike], axis: int = 0) -> Array:
    """Arrays of one shape side by side along a new axis.

    Args:
        x: arrays of the same shape.
        axis: place of the new axis in the result.

    Returns:
        Array of one more dimension and of the joint dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.stack([[1, 2], [3, 4]], axis=1)).tolist()
    [[1, 3], [2, 4]]
    """
    return b.stack(_parts(b, x, "stack"), axis)


def _parts(b: Backend, xs: Any, op_name: str) -> list[Array]:
    parts = list(xs) if isinstance(xs, (list, tuple)) else [xs[i] for i in range(b.shape(xs)[0])]
    if not parts:
        raise InputError(f"{op_name}() needs at least one array, got an empty list.")
    return parts


@op("*xs", dtype=rules.promote)
def vstack(b: Backend, xs: Sequence[ArrayLike]) -> Array:
    """Arrays one below the other: along the first axis, those of one dimension as rows.

    Args:
        xs: arrays whose shapes are equal except along the first axis.

    Returns:
        Array of at least two dimensions.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.vstack([[1, 2], [3, 4]])).tolist()
    [[1, 2], [3, 4]]
    """
    parts = _parts(b, xs, "vstack")
    return b.concatenate([b.reshape(x, (1, -1)) if x.ndim < 2 else x for x in parts], 0)


@op("*xs", dtype=rules.promote)
def hstack(b: Backend, xs: Sequence[ArrayLike]) -> Array:
    """Arrays side by side: along the second axis, those of one dimension along their only one.

    Args:
        xs: arrays whose shapes are equal except along that axis.

    Returns:
        Array of at least one dimension.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.hstack([[1, 2], [3, 4]])).tolist()
    [1, 2, 3, 4]
    """
    parts = [b.reshape(x, (1,)) if x.ndim == 0 else x for x in _parts(b, xs, "hstack")]
    return b.concatenate(parts, 0 if parts[0].ndim == 1 else 1)


@op("*xs", dtype=rules.promote)
def dstack(b: Backend, xs: Sequence[ArrayLike]) -> Array:
    """Arrays one behind the other: along the third axis, matrices as its slices.

    Args:
        xs: arrays whose shapes are equal except along the third axis; of one dimension (n,) they
            count as (1, n, 1), of two (m, n) as (m, n, 1).

    Returns:
        Array of at least three dimensions.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.dstack([[1, 2], [3, 4]])).tolist()
    [[[1, 3], [2, 4]]]
    """
    parts = []
    for x in _parts(b, xs, "dstack"):
        if x.ndim < 2:
            x = b.reshape(x, (1, -1))
        parts.append(b.expand_dims(x, 2) if x.ndim == 2 else x)
    return b.concatenate(parts, 2)


@op("x1 x2", dtype=rules.promote)
def append(b: Backend, x1: ArrayLike, x2: ArrayLike, axis: int | None = None) -> Array:
    """`x2` put behind `x1` along an axis.

    Args:
        x1: array of any shape.
        x2: array whose shape is equal except along `axis`.
        axis: the axis; None for the values of both in order, as one axis.

    Returns:
        Array of the joint dtype.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.append([1, 2], [[3, 4]])).tolist()
    [1, 2, 3, 4]
    """
    if axis is None:
        return b.concatenate([b.reshape(x1, (-1,)), b.reshape(x2, (-1,))], 0)
    return b.concatenate([x1, x2], axis)


def _ends(size: Any, indices_or_sections: Any, even: bool) -> list[Any]:
    """The places to cut an axis of that size at, its end included."""
    if not isinstance(indices_or_sections, int):
        return [*dims_of(indices_or_sections), size]
    sections = indices_or_sections
    if sections < 1:
        raise InputError(f"An array cannot be split into {sections} parts; expected 1 or more.")
    if isinstance(size, int) and even and size % sections:
        raise InputError(
            f"An axis of size {size} cannot be split into {sections} equal parts; give the places to "
            "cut at as a list, or use `array_split`."
        )
    if isinstance(size, TracedDim) and not even:
        size = int(size)  # an error: where the larger parts end depends on the size
    if not isinstance(size, int):
        return [(size // sections) * (i + 1) for i in range(sections)]
    small, larger = divmod(size, sections)
    return [small * (i + 1) + min(i + 1, larger) for i in range(sections)]


def _split(b: Backend, x: Array, indices_or_sections: Any, axis: int, even: bool) -> list[Array]:
    axis = one_axis(axis, x.ndim, "split")
    size = b.shape(x)[axis]
    ends = _ends(size, indices_or_sections, even)
    ends = [_in_range(end, size) for end in ends]
    starts = [0, *ends[:-1]]
    return [cut(x, axis, s, _not_before(s, e)) for s, e in zip(starts, ends, strict=True)]


def _in_range(place: Any, size: Any) -> Any:
    if not isinstance(place, int) or not isinstance(size, int):
        return place
    return min(max(place + size if place < 0 else place, 0), size)


def _not_before(start: Any, end: Any) -> Any:
    known = isinstance(start, int) and isinstance(end, int)
    return max(start, end) if known else end


@op("x", dtype=rules.unchecked)
def split(b: Backend, x: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """`x` cut into parts along an axis.

    Args:
        x: array of at least one dimension.
        indices_or_sections: how many equal parts, or the places to cut at.
        axis: the axis to cut.

    Returns:
        A list of arrays.

    Raises:
        InputError: if there is no cutting into so many equal parts.

    Example:

    >>> from hornbeam import ops
    >>> [ops.convert_to_numpy(part).tolist() for part in ops.split([1, 2, 3, 4], 2)]
    [[1, 2], [3, 4]]
    """
    return _split(b, x, indices_or_sections, axis, even=True)


@op("x", dtype=rules.unchecked)
def array_split(b: Backend, x: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """`x` cut into parts along an axis; the first ones are larger by one if they cannot be equal.

    Args:
        x: array of at least one dimension.
        indices_or_sections: how many parts, or the places to cut at.
        axis: the axis to cut.

    Returns:
        A list of arrays.

    Example:

    >>> from hornbeam import ops
    >>> [ops.convert_to_numpy(part).tolist() for part in ops.array_split([1, 2, 3], 2)]
    [[1, 2], [3]]
    """
    return _split(b, x, indices_or_sections, axis, even=False)


@op("x", dtype=rules.unchecked)
def vsplit(b: Backend, x: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`x` cut into parts along its first axis.

    Args:
        x: array of at least two dimensions.
        indices_or_sections: how many equal parts, or the places to cut at.

    Returns:
        A list of arrays.

    Example:

    >>> from hornbeam import ops
    >>> [ops.convert_to_numpy(part).tolist() for part in ops.vsplit([[1, 2], [3, 4]], 2)]
    [[[1, 2]], [[3, 4]]]
    """
    one_axis(1, x.ndim, "vsplit")
    return _split(b, x, indices_or_sections, 0, even=True)


@op("x", dtype=rules.unchecked)
def hsplit(b: Backend, x: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`x` cut into parts along its second axis, or along its only one.

    Args:
        x: array of at least one dimension.
        indices_or_sections: how many equal parts, or the places to cut at.

    Returns:
        A list of arrays.

    Example:

    >>> from hornbeam import ops
    >>> [ops.convert_to_numpy(part).tolist() for part in ops.hsplit([[1, 2], [3, 4]], 2)]
    [[[1], [3]], [[2], [4]]]
    """
    return _split(b, x, indices_or_sections, 0 if x.ndim == 1 else 1, even=True)


@op("x", dtype=rules.unchecked)
def dsplit(b: Backend, x: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`x` cut into parts along its third axis.

    Args:
        x: array of at least three dimensions.
        indices_or_sections: how many equal parts, or the places to cut at.

    Returns:
        A list of arrays.

    Example:

    >>> from hornbeam import ops
    >>> [part.shape for part in ops.dsplit(ops.ones((2, 3, 4)), 2)]
    [(2, 3, 2), (2, 3, 2)]
    """
    return _split(b, x, indices_or_sections, 2, even=True)


@op("x", dtype=rules.unchecked)
def unstack(b: Backend, x: ArrayLike, num: int | None = None, axis: int = 0) -> list[Array]:
    """The slices of `x` along an axis.

    Args:
        x: array of at least one dimension.
        num: how many there are; needed if the size of the axis is not known.
        axis: the axis, which disappears.

    Returns:
        A list of arrays of one dimension less.

    Raises:
        InputError: if the number is not known, or is another one.

    Example:

    >>> from hornbeam import ops
    >>> [ops.convert_to_numpy(row).tolist() for row in ops.unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    axis = one_axis(axis, x.ndim, "unstack")
    size = b.shape(x)[axis]
    if isinstance(size, int):
        if num not in (None, size):
            raise InputError(f"unstack() got num={num} for an axis of size {size}.")
        num = size
    if num is None:
        raise InputError("unstack() needs `num`: the size of the axis is not known.")
    return [at(x, axis, i) for i in range(num)]


__all__ = [
    "append",
    "array_split",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "split",
    "stack",
    "unstack",
    "vsplit",
    "vstack",
]
