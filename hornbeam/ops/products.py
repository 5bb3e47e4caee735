"""Products and sums over shared axes: matrix products and their kin."""

from __future__ import annotations

import string
from typing import Any

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import axes_of, one_axis


@op("x1 x2", dtype=rules.product, primitive=True)
def matmul(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Matrix product, over the last axis of `x1` and the one but last of `x2`.

    Args:
        x1: array of shape (..., m, k), or a vector (k,).
        x2: array of shape (..., k, n), or a vector (k,); the leading axes broadcast.

    Returns:
        Array of shape (..., m, n), without m or n for a vector, of the joint dtype; int8 times int8
        is int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.matmul([[1, 2], [3, 4]], [1, 1])).tolist()
    [3, 7]
    """
    return b.matmul(x1, x2)


@op("*operands", dtype=rules.product)
def einsum(b: Backend, subscripts: str, *operands: ArrayLike, **kwargs: Any) -> Array:
    """Products of arrays summed over axes, by Einstein's convention.

    Args:
        subscripts: a letter for each axis of each operand, "..." for any number of axes, and after
            "->" the axes of the result: "bij,bjk->bik".
        *operands: the arrays.
        **kwargs: `optimize` is accepted and changes nothing: engines choose the order themselves.

    Returns:
        Array of the joint dtype; int8 times int8 is int32.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])).tolist()
    [3, 7]
    """
    kwargs.pop("optimize", None)
    if kwargs:
        raise InputError(f"einsum() got unknown arguments {sorted(kwargs)}.")
    return b.einsum(subscripts, *operands)


@op("x1 x2", dtype=rules.promote)
def dot(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Dot product: over the last axis of `x1` and the one but last (or only) axis of `x2`.

    Args:
        x1: array of shape (..., k), or a scalar.
        x2: array of shape (k,) or (..., k, n), or a scalar.

    Returns:
        Array whose axes are the other axes of `x1` and then those of `x2`; with a scalar, the
        elementwise product.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.dot([1, 2], [3, 4])).tolist()
    11
    """
    if x1.ndim == 0 or x2.ndim == 0:
        return b.multiply(x1, x2)
    if x1.ndim <= 2 and x2.ndim <= 2:
        return b.matmul(x1, x2)
    return b.tensordot(x1, x2, ((x1.ndim - 1,), (max(x2.ndim - 2, 0),)))


@op("x1 x2", dtype=rules.promote)
def tensordot(b: Backend, x1: ArrayLike, x2: ArrayLike, axes: Any = 2) -> Array:
    """Product summed over some axes of both arrays.

    Args:
        x1: array of any shape.
        x2: array of any shape.
        axes: how many: the last of `x1` with the first of `x2`; or two lists, the axes of `x1` and
            those of `x2` to be paired.

    Returns:
        Array whose axes are the other axes of `x1` and then those of `x2`.

    Raises:
        InputError: if not as many axes of both are named.

    Example:

    >>> from hornbeam import ops
    >>> ops.tensordot(ops.ones((2, 3, 4)), ops.ones((3, 4, 5)), axes=2).shape
    (2, 5)
    """
    if isinstance(axes, int):
        first = tuple(range(x1.ndim - axes, x1.ndim))
        second = tuple(range(axes))
    else:
        first, second = (
            axes_of(a, x.ndim, "tensordot") for a, x in zip(axes, (x1, x2), strict=True)
        )
    if len(first) != len(second):
        raise InputError(f"tensordot() needs as many axes of both arrays, got axes={axes!r}.")
    letters = iter(string.ascii_letters)
    terms = [[next(letters) for _ in range(x.ndim)] for x in (x1, x2)]
    for one, other in zip(first, second, strict=True):
        terms[1][other] = terms[0][one]
    kept = [c for i, c in enumerate(terms[0]) if i not in first]
    kept += [c for i, c in enumerate(terms[1]) if i not in second]
    return b.einsum(f"{''.join(terms[0])},{''.join(terms[1])}->{''.join(kept)}", x1, x2)


@op("x1 x2", dtype=rules.promote)
def inner(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Inner product: over the last axes of both.

    Args:
        x1: array of shape (..., k), or a scalar.
        x2: array of shape (..., k), or a scalar.

    Returns:
        Array whose axes are the other axes of `x1` and then those of `x2`; with a scalar, the
        elementwise product.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.inner([1, 2], [3, 4])).tolist()
    11
    """
    if x1.ndim == 0 or x2.ndim == 0:
        return b.multiply(x1, x2)
    return b.tensordot(x1, x2, ((x1.ndim - 1,), (x2.ndim - 1,)))


@op("x1 x2", dtype=rules.promote)
def outer(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Outer product: each value of `x1` times each of `x2`.

    Args:
        x1: array of any shape, with m values.
        x2: array of any shape, with n values.

    Returns:
        Array of shape (m, n).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.outer([1, 2], [3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    return b.multiply(b.reshape(x1, (-1, 1)), b.reshape(x2, (1, -1)))


@op("x1 x2", dtype=rules.promote)
def vdot(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Sum of the products of all values, those of `x1` conjugated.

    Args:
        x1: array of any shape.
        x2: array with as many values.

    Returns:
        A scalar.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.vdot([[1, 2], [3, 4]], [[1, 1], [1, 1]])).tolist()
    10
    """
    first = b.reshape(x1, (-1,))
    if "complex" in b.dtype(x1):
        first = b.conj(first)
    return b.dot(first, b.reshape(x2, (-1,)))


@op("x1 x2", dtype=rules.promote)
def kron(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
    """Kronecker product: a copy of `x2` for each value of `x1`, multiplied by it.

    Args:
        x1: array of any shape.
        x2: array of any shape; with fewer dimensions than the other, axes are added in front.

    Returns:
        Array whose sizes are the products of the sizes.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.kron([1, 10], [1, 2])).tolist()
    [1, 2, 10, 20]
    """
    n = max(x1.ndim, x2.ndim)
    first = (1,) * (n - x1.ndim) + tuple(b.shape(x1))
    second = (1,) * (n - x2.ndim) + tuple(b.shape(x2))
    left = b.reshape(x1, [d for size in first for d in (size, 1)])
    right = b.reshape(x2, [d for size in second for d in (1, size)])
    sizes = [m * k for m, k in zip(first, second, strict=True)]
    return b.reshape(b.multiply(left, right), sizes)


@op("x1 x2", dtype=rules.arithmetic)
def cross(
    b: Backend,
    x1: ArrayLike,
    x2: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Array:
    """Cross product of vectors of two or three components.

    Args:
        x1: array with an axis of size 2 or 3.
        x2: array with an axis of size 2 or 3; the other axes broadcast.
        axisa: that axis of `x1`.
        axisb: that axis of `x2`.
        axisc: place of that axis in the result, which has none if both have two components.
        axis: all three at once.

    Returns:
        Array of vectors, or of the third components alone if both have two.

    Raises:
        InputError: if an axis has another size.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.cross([1, 0, 0], [0, 1, 0])).tolist()
    [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    first = b.moveaxis(x1, one_axis(axisa, x1.ndim, "cross"), -1)
    second = b.moveaxis(x2, one_axis(axisb, x2.ndim, "cross"), -1)
    sizes = b.shape(first)[-1], b.shape(second)[-1]
    if not all(isinstance(n, int) and n in (2, 3) for n in sizes):
        raise InputError(
            f"cross() needs vectors of 2 or 3 components, got {sizes[0]} and {sizes[1]}."
        )
    u, v = ([x[..., i] for i in range(n)] for x, n in zip((first, second), sizes, strict=True))
    flat = sizes == (2, 2)
    u3 = u[2] if len(u) == 3 else b.zeros_like(u[0])
    v3 = v[2] if len(v) == 3 else b.zeros_like(v[0])
    third = u[0] * v[1] - u[1] * v[0]
    if flat:
        return third
    return b.moveaxis(b.stack([u[1] * v3 - u3 * v[1], u3 * v[0] - u[0] * v3, third], -1), -1, axisc)


__all__ = [
    "cross",
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "outer",
    "tensordot",
    "vdot",
]
