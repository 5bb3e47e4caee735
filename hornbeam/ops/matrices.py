"""Linear algebra on stacks of matrices: factors, inverses, determinants, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hornbeam import dtypes
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import axes_of, smaller

_MACHINE_EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52, "complex64": 2.0**-23}
_MACHINE_EPSILON["complex128"] = 2.0**-52


def _adjoint(b: Backend, x: Array) -> Array:
    """The matrices transposed and conjugated."""
    turned = b.swapaxes(x, -1, -2)
    return b.conj(turned) if dtypes.is_complex(b.dtype(x)) else turned


def _square(x: Array, op_name: str) -> None:
    shape = tuple(x.shape)
    known = len(shape) >= 2 and isinstance(shape[-1], int) and isinstance(shape[-2], int)
    if len(shape) < 2 or (known and shape[-1] != shape[-2]):
        raise InputError(f"{op_name}() needs square matrices (..., n, n), got shape {shape}.")


@op("x", dtype=rules.mean)
def cholesky(b: Backend, x: ArrayLike, upper: bool = False) -> Array:
    """Cholesky factor L of positive definite matrices: L @ adjoint(L) = x.

    Args:
        x: array of shape (..., n, n), symmetric (Hermitian) and positive definite.
        upper: whether to return the adjoint of L instead, an upper triangle.

    Returns:
        Array of the same shape.  Where a matrix is not positive definite the numpy engine raises an
        error, others return NaN.

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.cholesky([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    _square(x, "cholesky")
    lower = b.cholesky(x)
    return _adjoint(b, lower) if upper else lower


@op("x", dtype=rules.mean)
def cholesky_inverse(b: Backend, x: ArrayLike, upper: bool = False) -> Array:
    """Inverse of the matrices that have these Cholesky factors.

    Args:
        x: array of shape (..., n, n), factors as `cholesky` returns them.
        upper: whether they are upper triangles.

    Returns:
        Array of the same shape.

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.cholesky_inverse([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [[0.25, 0.0], [0.0, 1.0]]
    """
    _square(x, "cholesky_inverse")
    n = b.shape(x)[-1]
    lower = _adjoint(b, x) if upper else x
    unit = b.broadcast_to(b.eye(n, n, 0, b.dtype(x)), b.shape(x))
    inverse = b.solve_triangular(lower, unit, True)
    return b.matmul(_adjoint(b, inverse), inverse)


@op("x", dtype=rules.mean)
def det(b: Backend, x: ArrayLike) -> Array:
    """Determinants.

    Args:
        x: array of shape (..., n, n).

    Returns:
        Array of shape (...).

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.det([[2.0, 1.0], [0.0, 3.0]]))
    6.0
    """
    _square(x, "det")
    factors, pivots = b.lu_factor(x)
    return b.prod(b.diagonal(factors, 0, -2, -1), axis=-1, keepdims=False) * _parity(b, x, pivots)


def _parity(b: Backend, x: Array, pivots: Array) -> Array:
    """-1 for an odd number of row exchanges, else 1."""
    places = b.arange(0, b.shape(pivots)[-1], 1, "int32")
    exchanges = b.sum(b.cast(b.not_equal(pivots, places), "int32"), axis=-1, keepdims=False)
    return b.cast(1 - 2 * b.mod(exchanges, 2), b.dtype(x))


def _sign_and_size(given: str) -> tuple[str | None, str | None]:
    return rules.mean(given)[0], None


@op("x", dtype=_sign_and_size)
def slogdet(b: Backend, x: ArrayLike) -> tuple[Array, Array]:
    """Sign and logarithm of the size of determinants, without overflow.

    Args:
        x: array of shape (..., n, n).

    Returns:
        The pair (sign, logarithm), both of shape (...): the determinant is sign * exp(logarithm).
        Of a complex matrix the sign is a complex number of size 1.

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> sign, logarithm = ops.slogdet([[0.0, 1.0], [1.0, 0.0]])
    >>> float(sign), float(logarithm)
    (-1.0, 0.0)
    """
    _square(x, "slogdet")
    factors, pivots = b.lu_factor(x)
    line = b.diagonal(factors, 0, -2, -1)
    size = b.abs(line)
    logarithm = b.sum(b.log(size), axis=-1, keepdims=False)
    if dtypes.is_complex(b.dtype(x)):
        sign = b.prod(line / b.cast(size, b.dtype(x)), axis=-1, keepdims=False)
    else:
        sign = b.prod(b.sign(line), axis=-1, keepdims=False)
    return sign * _parity(b, x, pivots), logarithm


@op("x", dtype=rules.real_mean)
def logdet(b: Backend, x: ArrayLike) -> Array:
    """Logarithm of the size of determinants.

    Args:
        x: array of shape (..., n, n).

    Returns:
        Array of shape (...).

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> print(ops.convert_to_numpy(ops.logdet([[2.0, 0.0], [0.0, 3.0]])).round(4))
    1.7918
    """
    return b.slogdet(x)[1]


@op("x", dtype=rules.mean)
def inv(b: Backend, x: ArrayLike) -> Array:
    """Inverses.

    Args:
        x: array of shape (..., n, n), matrices that have an inverse.

    Returns:
        Array of the same shape.

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.inv([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    _square(x, "inv")
    n = b.shape(x)[-1]
    return b.solve(x, b.broadcast_to(b.eye(n, n, 0, b.dtype(x)), b.shape(x)))


@op("a b", dtype=rules.mean_of_all)
def solve(backend: Backend, a: ArrayLike, b: ArrayLike) -> Array:
    """Solutions x of a @ x = b.

    Args:
        a: array of shape (..., n, n), matrices that have an inverse.
        b: array of shape (..., n) or (..., n, k): one right-hand side or several.

    Returns:
        Array of the shape of `b`.

    Raises:
        InputError: if the matrices are not square or the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    _square(a, "solve")
    if b.ndim == a.ndim - 1:
        return backend.squeeze(backend.solve(a, backend.expand_dims(b, -1)), axis=-1)
    _sides(a, b, "solve")
    return backend.solve(a, b)


def _sides(a: Array, b: Array, op_name: str) -> None:
    if a.ndim != b.ndim:
        raise InputError(
            f"{op_name}() needs `b` of shape (..., n) or (..., n, k) for `a` of shape (..., n, n), got "
            f"shapes {tuple(a.shape)} and {tuple(b.shape)}."
        )


@op("a b", dtype=rules.mean_of_all)
def solve_triangular(backend: Backend, a: ArrayLike, b: ArrayLike, lower: bool = False) -> Array:
    """Solutions x of a @ x = b, where `a` is triangular.

    Args:
        a: array of shape (..., n, n); only one triangle is read.
        b: array of shape (..., n) or (..., n, k): one right-hand side or several.
        lower: whether it is the lower triangle.

    Returns:
        Array of the shape of `b`.

    Raises:
        InputError: if the matrices are not square or the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.solve_triangular([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    _square(a, "solve_triangular")
    if b.ndim == a.ndim - 1:
        column = backend.expand_dims(b, -1)
        return backend.squeeze(backend.solve_triangular(a, column, lower), axis=-1)
    _sides(a, b, "solve_triangular")
    return backend.solve_triangular(a, b, lower)


@op("x", dtype=rules.mean)
def qr(b: Backend, x: ArrayLike, mode: str = "reduced") -> tuple[Array, Array]:
    """QR factors: x = q @ r, with orthonormal columns in q and an upper triangle r.

    Args:
        x: array of shape (..., m, n).
        mode: "reduced" for q of shape (..., m, min(m, n)), "complete" for (..., m, m).

    Returns:
        The pair (q, r).

    Raises:
        InputError: if there is no such mode.

    Example:

    >>> from hornbeam import ops
    >>> [factor.shape for factor in ops.qr(ops.ones((4, 2)))]
    [(4, 2), (2, 2)]
    """
    if mode not in ("reduced", "complete"):
        raise InputError(f"`mode` of qr() must be 'reduced' or 'complete', got {mode!r}.")
    return tuple(b.qr(x, mode))


@op("x", dtype=_sign_and_size)
def svd(b: Backend, x: ArrayLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values: x = u @ diag(s) @ vh, with orthonormal columns in u and rows in vh.

    Args:
        x: array of shape (..., m, n).
        full_matrices: whether u and vh are square, (..., m, m) and (..., n, n).
        compute_uv: whether to return u and vh.

    Returns:
        (u, s, vh), or s alone; s has shape (..., min(m, n)), in descending order.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.svd([[3.0, 0.0], [0.0, 2.0]], compute_uv=False)).tolist()
    [3.0, 2.0]
    """
    u, s, vh = b.svd(x, full_matrices if compute_uv else False)
    return (u, s, vh) if compute_uv else s


@op("x", dtype=_sign_and_size)
def eigh(b: Backend, x: ArrayLike) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of symmetric (Hermitian) matrices.

    Args:
        x: array of shape (..., n, n).

    Returns:
        The pair (values, vectors): the values of shape (..., n) in ascending order, the vectors as the
        columns of an array of shape (..., n, n).

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.eigh([[3.0, 0.0], [0.0, 2.0]])[0]).tolist()
    [2.0, 3.0]
    """
    _square(x, "eigh")
    return tuple(b.eigh(x))


@op("x", dtype=_sign_and_size)
def eig(b: Backend, x: ArrayLike) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of square matrices.

    Args:
        x: array of shape (..., n, n).

    Returns:
        The pair (values, vectors), complex: the values of shape (..., n), the vectors as the columns
        of an array of shape (..., n, n).

    Raises:
        InputError: if the matrices are not square.

    Example:

    >>> from hornbeam import ops
    >>> [part.shape for part in ops.eig([[0.0, 1.0], [-1.0, 0.0]])]
    [(2,), (2, 2)]
    """
    _square(x, "eig")
    return tuple(b.eig(x))


@op("x", dtype=_sign_and_size)
def lu_factor(b: Backend, x: ArrayLike) -> tuple[Array, Array]:
    """LU factors with row exchanges.

    Args:
        x: array of shape (..., m, n).

    Returns:
        The pair (lu, pivots): in `lu` the upper triangle u, and below it l, whose diagonal is 1; row
        i was exchanged with row pivots[i], one after the other.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.lu_factor([[4.0, 2.0], [2.0, 3.0]])[0]).tolist()
    [[4.0, 2.0], [0.5, 2.0]]
    """
    if x.ndim < 2:
        raise InputError(f"lu_factor() needs matrices (..., m, n), got shape {tuple(x.shape)}.")
    return tuple(b.lu_factor(x))


@op("x", dtype=rules.mean)
def pinv(b: Backend, x: ArrayLike, rcond: float | None = None) -> Array:
    """Pseudo-inverse (Moore and Penrose).

    Args:
        x: array of shape (..., m, n).
        rcond: singular values below this multiple of the largest count as 0; None for 10 times the
            larger size times the machine epsilon.

    Returns:
        Array of shape (..., n, m).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.pinv([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    u, s, vh = b.svd(x, False)
    if rcond is None:
        rcond = 10.0 * _longest(b, x) * _MACHINE_EPSILON[b.dtype(x)]
    least = rcond * b.max(s, axis=-1, keepdims=True)
    used = b.greater(s, least)
    inverse = b.where(used, 1.0 / b.where(used, s, b.ones_like(s)), b.zeros_like(s))
    scaled = _adjoint(b, vh) * b.cast(b.expand_dims(inverse, -2), b.dtype(x))
    return b.matmul(scaled, _adjoint(b, u))


def _longest(b: Backend, x: Array) -> Any:
    rows, columns = b.shape(x)[-2:]
    return rows + columns - smaller(b, rows, columns)


@op("a b", dtype=rules.mean_of_all)
def lstsq(backend: Backend, a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> Array:
    """Solutions x of the least squares problem: the norm of a @ x - b is least, then that of x.

    Args:
        a: array of shape (m, n).
        b: array of shape (m,) or (m, k).
        rcond: singular values below this multiple of the largest count as 0; None for the larger size
            times the machine epsilon.

    Returns:
        Array of shape (n,) or (n, k).

    Raises:
        InputError: if the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.lstsq([[1.0], [1.0]], [1.0, 3.0])).round(4).tolist()
    [2.0]
    """
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise InputError(
            "lstsq() needs `a` of shape (m, n) and `b` of shape (m,) or (m, k), got shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}."
        )
    if rcond is None:
        rcond = _longest(backend, a) * _MACHINE_EPSILON[backend.dtype(a)]
    return backend.matmul(backend.pinv(a, rcond), b)


def _count(given: str) -> tuple[str | None, str | None]:
    return rules.mean(given)[0], "int32"


@op("x", dtype=_count)
def matrix_rank(b: Backend, x: ArrayLike, tol: float | None = None) -> Array:
    """How many singular values are above a limit.

    Args:
        x: array of shape (..., m, n).
        tol: the limit; None for the largest one times the larger size times the machine epsilon.

    Returns:
        int32 array of shape (...).

    Example:

    >>> from hornbeam import ops
    >>> int(ops.matrix_rank([[1.0, 1.0], [1.0, 1.0]]))
    1
    """
    s = b.svd(x, False)[1]
    if tol is None:
        least = b.max(s, axis=-1, keepdims=True) * (_longest(b, x) * _MACHINE_EPSILON[b.dtype(x)])
        above = b.greater(s, least)
    else:
        above = b.greater(s, tol)
    return b.sum(b.cast(above, "int32"), axis=-1, keepdims=False)


@op("x", dtype=rules.real_mean)
def norm(
    b: Backend,
    x: ArrayLike,
    ord: Any = None,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Array:
    """Norms of vectors or matrices.

    Args:
        x: array of any shape.
        ord: which norm.  Of vectors: a number p for sum(|x|**p)**(1/p), infinity for the largest and
            minus infinity for the smallest size, 0 for how many are not 0.  Of matrices: "fro" for the
            root of the sum of squares, "nuc" for the sum of the singular values, 2 and -2 for the
            largest and smallest of them, 1 and -1 for the largest and smallest sum of sizes in a
            column, infinity and minus infinity for that in a row.  None for the root of the sum of
            squares.
        axis: the axis of the vectors or the two axes of the matrices; None for all of `x` (which then
            has one or two dimensions, unless `ord` is None too).
        keepdims: whether to keep these axes, with size 1.

    Returns:
        Array without these axes.

    Raises:
        InputError: if there is no such norm.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.norm([3.0, 4.0]))
    5.0
    """
    axes = axes_of(axis, x.ndim, "norm")
    if ord is None:
        return _length(b, x, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(b, x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(b, x, ord, axes, keepdims)
    raise InputError(f"norm() of an order needs one or two axes, got {len(axes)} (axis={axis}).")


def _length(b: Backend, x: Array, axes: Any, keepdims: bool) -> Array:
    size = b.abs(x) if dtypes.is_complex(b.dtype(x)) else x
    return b.sqrt(b.sum(b.square(size), axis=axes, keepdims=keepdims))


def _vector_norm(b: Backend, x: Array, ord: Any, axis: int, keepdims: bool) -> Array:
    if isinstance(ord, str):
        raise InputError(f"norm() of vectors has no ord={ord!r}; expected a number.")
    size = b.abs(x)
    if ord == 2:
        return _length(b, x, axis, keepdims)
    if math.isinf(ord):
        return (b.max if ord > 0 else b.min)(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return b.sum(b.cast(b.not_equal(size, 0), b.dtype(size)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return b.sum(size, axis=axis, keepdims=keepdims)
    total = b.sum(b.power(size, float(ord)), axis=axis, keepdims=keepdims)
    return b.power(total, 1.0 / ord)


def _matrix_norm(b: Backend, x: Array, ord: Any, axes: Sequence[int], keepdims: bool) -> Array:
    if ord == "fro":
        return _length(b, x, tuple(axes), keepdims)
    x = b.moveaxis(x, tuple(axes), (-2, -1))
    if ord in (1, -1, math.inf, -math.inf):
        sums = b.sum(b.abs(x), axis=-2 if abs(ord) == 1 else -1, keepdims=False)
        out = (b.max if ord > 0 else b.min)(sums, axis=-1, keepdims=False)
    elif ord in (2, -2, "nuc"):
        values = b.svd(x, False)[1]
        reduction = {2: b.max, -2: b.min, "nuc": b.sum}[ord]
        out = reduction(values, axis=-1, keepdims=False)
    else:
        raise InputError(
            f"norm() of matrices has no ord={ord!r}; expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf."
        )
    return b.expand_dims(out, tuple(sorted(axes))) if keepdims else out


@op("x y", dtype=rules.mean_of_all)
def cdist(b: Backend, x: ArrayLike, y: ArrayLike) -> Array:
    """Distances between all rows of `x` and all rows of `y`.

    Args:
        x: array of shape (..., m, features).
        y: array of shape (..., n, features).

    Returns:
        Array of shape (..., m, n).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """
    away = b.expand_dims(x, -2) - b.expand_dims(y, -3)
    squares = b.sum(b.square(away), axis=-1, keepdims=False)
    apart = b.greater(squares, 0.0)  # the root has no gradient at 0
    root = b.sqrt(b.where(apart, squares, b.ones_like(squares)))
    return b.where(apart, root, b.zeros_like(squares))


__all__ = [
    "cdist",
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "logdet",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
]
