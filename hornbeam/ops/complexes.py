"""Complex numbers made and taken apart, and bits read as another dtype."""

from __future__ import annotations

from typing import Any

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import room_for


def _parts(*given: str) -> tuple[str | None, str | None]:
    return rules.mean_of_all(*given)[0], None


@op("abs_ angle", dtype=_parts)
def polar(b: Backend, abs_: ArrayLike, angle: ArrayLike) -> Array:
    """Complex numbers from their sizes and angles.

    Args:
        abs_: array of any shape, the sizes.
        angle: array of a shape that broadcasts, the angles in radians.

    Returns:
        Complex array of the joint shape.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.polar([2.0], [0.0])).tolist()
    [(2+0j)]
    """
    return b.make_complex(abs_ * b.cos(angle), abs_ * b.sin(angle))


@op("x", dtype=_parts)
def view_as_complex(b: Backend, x: ArrayLike) -> Array:
    """Complex numbers from pairs of real ones.

    Args:
        x: array of shape (..., 2): real and imaginary parts.

    Returns:
        Complex array of shape (...).

    Raises:
        InputError: if the last axis has not size 2.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.view_as_complex([[1.0, 2.0]])).tolist()
    [(1+2j)]
    """
    if x.ndim < 1 or b.shape(x)[-1] != 2:
        raise InputError(
            f"view_as_complex() needs an array of shape (..., 2), got {tuple(x.shape)}."
        )
    return b.make_complex(x[..., 0], x[..., 1])


@op("x", dtype=rules.unchecked)
def view_as_real(b: Backend, x: ArrayLike) -> Array:
    """Pairs of real numbers from complex ones.

    Args:
        x: complex array of any shape.

    Returns:
        Array of shape (..., 2): real and imaginary parts.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.view_as_real([1.0 + 2.0j])).tolist()
    [[1.0, 2.0]]
    """
    if not dtypes.is_complex(b.dtype(x)):
        raise InputError(f"view_as_real() needs complex numbers, got {b.dtype(x)}.")
    return b.stack([b.real(x), b.imag(x)], -1)


@op("x", dtype=rules.unchecked)
def view(b: Backend, x: ArrayLike, dtype: Any = None) -> Array:
    """The bits of `x` read as another dtype.

    Args:
        x: array of any shape.
        dtype: the other dtype; None for that of `x`.

    Returns:
        Array of that dtype.  If its values are larger or smaller, so that fewer or more of them are
        in the same bits, the last axis becomes shorter or longer.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.view(ops.array([1.0]), "int32")).tolist()
    [1065353216]
    """
    name = b.dtype(x) if dtype is None else dtypes.standardize(dtype)
    if name == b.dtype(x):
        return x
    with room_for(b, name):
        return b.bitcast(x, name)


__all__ = ["polar", "view", "view_as_complex", "view_as_real"]
