"""Products, linear algebra and the rest of the primitives on PyTensor's variables; the table of all."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor import linalg

from hornbeam.backends import pytensor_arrays as a
from hornbeam.backends.dims import value_of
from hornbeam.backends.pytensor_host import Host, broadcast, matmul, static
from hornbeam.backends.pytensor_indexing import INDEXING, slice_window

Variable = Any

min_, max_ = builtins.min, builtins.max


# ----------------------------------------------------------- products, linear algebra, Fourier, bits


def product(x: Any, y: Any) -> Variable:
    """`matmul`; a stack of matrices times one matrix is one product of matrices."""
    x, y = a.operands(x, y)
    if x.dtype == "bool":
        return pt.neq(product(pt.cast(x, "int32"), pt.cast(y, "int32")), 0)
    if x.ndim == 1:
        rows = product(x.dimshuffle("x", 0), y.dimshuffle(0, "x") if y.ndim == 1 else y)
        return a.squeeze(rows, (-2, -1) if y.ndim == 1 else -2)
    if y.ndim == 1:
        return a.squeeze(product(x, y.dimshuffle(0, "x")), -1)
    if x.ndim == 2 == y.ndim and x.dtype in ("float32", "float64"):
        return pt.dot(x, y)
    if y.ndim == 2 and x.dtype in ("float32", "float64"):
        flat = a.reshape(x, (-1, a.shape(x)[-1]))
        return a.reshape(pt.dot(flat, y), (*a.shape(x)[:-1], a.shape(y)[-1]))
    return matmul(x, y)


def einsum(subscripts: str, *operands: Any) -> Variable:
    """A product that adds up over axes: one call of `numpy.einsum`, its gradients more of them."""
    given = [a.constant(x) for x in operands]
    if given[0].dtype == "bool":
        return pt.neq(einsum(subscripts, *[pt.cast(x, "int32") for x in given]), 0)
    dtype = np.result_type(*[np.dtype(x.dtype) for x in given]).name
    terms, out = _letters(subscripts, given)
    lengths = _lengths(terms, given)
    if lengths is None or builtins.any(len(set(term)) < len(term) for term in terms):
        return pt.cast(pt.einsum(subscripts, *given), dtype)
    return _einsum(terms, out, given, dtype)


def _letters(subscripts: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """The subscripts of the operands and of the result, without dots and arrow."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    terms, most = [], 0
    for term, x in zip(left.split(","), operands, strict=True):
        count = x.ndim - len(term.replace("...", "")) if "..." in term else 0
        terms.append(term.replace("...", "".join(free[len(free) - count :])))
        most = max_(most, count)
    if not arrow:
        everything = "".join(left.replace("...", "").replace(",", ""))
        once = sorted(c for c in set(everything) if everything.count(c) == 1)
        out = ("..." if "..." in left else "") + "".join(once)
    return terms, out.replace("...", "".join(free[len(free) - most :]))


def _lengths(terms: Sequence[str], operands: Sequence[Any]) -> dict[str, Any] | None:
    """The size of each letter; None if some operand is broadcast."""
    found: dict[str, Any] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, static(x), strict=True):
            if letter in found and (found[letter] == 1) != (n == 1):
                return None
            found[letter] = n if found.get(letter) is None else found[letter]
    return found


def _einsum(terms: list[str], out: str, operands: list[Any], dtype: str) -> Variable:
    lengths = _lengths(terms, operands) or {}

    def run(*values: Any) -> Any:
        wide = [v.astype(np.float32) if v.dtype == np.float16 else v for v in values]
        return np.array(np.einsum(",".join(terms) + "->" + out, *wide, optimize=True))

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        grads = []
        for i, (term, x) in enumerate(zip(terms, inputs, strict=True)):
            others = [
                pt.conj(o) if a.kind_of(o) == "c" else o for j, o in enumerate(inputs) if j != i
            ]
            names = [t for j, t in enumerate(terms) if j != i]
            seen = "".join(c for c in term if c in out or builtins.any(c in n for n in names))
            g = _einsum([out, *names], seen, [upstream[0], *others], x.dtype)
            g = g.dimshuffle(*[seen.index(c) if c in seen else "x" for c in term])
            grads.append(g if seen == term else g + pt.zeros_like(x))
        return grads

    return Host("einsum", run, [(dtype, tuple(lengths[c] for c in out))], pull)(*operands)


def _solved(matrix: Any, b: Any, **options: Any) -> Variable:
    matrix, b = a.constant(matrix), a.constant(b)
    solver = linalg.solve_triangular if options else linalg.solve
    shape = (*broadcast(static(matrix)[:-2], static(b)[:-2]), *static(b)[-2:])
    return a.sized(solver(matrix, b, b_ndim=2, **options), shape)


def _smaller(m: Any, n: Any) -> Any:
    return None if m is None or n is None else min_(m, n)


def _qr(x: Variable, mode: str) -> Any:
    *lead, m, n = static(x)
    q, r = linalg.qr(x, mode="full" if mode == "complete" else "economic")
    k = m if mode == "complete" else _smaller(m, n)
    return a.sized(q, (*lead, m, k)), a.sized(r, (*lead, k, n))


def _svd(x: Variable, full_matrices: bool) -> Any:
    *lead, m, n = static(x)
    k = _smaller(m, n)
    u, s, vh = linalg.svd(x, full_matrices=full_matrices)
    left, right = (m, n) if full_matrices else (k, k)
    return a.sized(u, (*lead, m, left)), a.sized(s, (*lead, k)), a.sized(vh, (*lead, right, n))


def _of_square(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn`, which gives a row and a matrix for a matrix (or both the other way round)."""

    def run(x: Variable) -> Any:
        *lead, n, _ = static(x)
        return tuple(a.sized(out, (*lead, *[n] * (out.ndim - len(lead)))) for out in fn(x))

    return run


def _fourier(name: str) -> Callable[..., Any]:
    other = "ifft" if name == "fft" else "fft"

    def run(x: Variable) -> Variable:
        def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
            count = pt.cast(a.size_of(inputs[0], x.ndim - 1), x.dtype)
            back = _fourier(other)(upstream[0])
            return [back * count if name == "fft" else back / count]

        return Host(name, getattr(a.NUMPY, name), [(x.dtype, static(x))], pull)(x)

    return run


def _bitcast(x: Variable, dtype: str) -> Variable:
    before, after = np.dtype(x.dtype).itemsize, a.native_dtype(dtype).itemsize
    last = static(x)[-1:] if before != after else ()
    out = tuple(None if n is None else n * before // after for n in last)
    kept = static(x)[:-1] if last else static(x)
    return Host("bitcast", lambda v: np.array(a.NUMPY.bitcast(v, dtype)), [(dtype, kept + out)])(x)


def _make_complex(real: Any, imaginary: Any) -> Variable:
    real, imaginary = a.operands(real, imaginary)
    target = "complex128" if "float64" in (real.dtype, imaginary.dtype) else "complex64"
    return pt.cast(pt.complex(real, imaginary), target)


# ----------------------------------------------------------------------------------------- creation


def full(shape: Any, value: Any, dtype: str) -> Variable:
    """All `value`, which may be an array that broadcasts."""
    return a.filled(a.cast(a.constant(value), dtype), a.sizes(shape))


def arange(start: Any, stop: Any, step: Any, dtype: str) -> Variable:
    """NumPy's numbers."""
    bounds = [value_of(n) for n in (start, stop, step)]
    return pt.cast(pt.arange(*bounds), a.native_dtype(dtype).name)


GRAPH: dict[str, Callable[..., Any]] = {
    **a.UNARY,
    **a.BINARY,
    **a.REDUCTIONS,
    **a.SHAPING,
    **INDEXING,
    **{name: a.by_numpy(name) for name in ("left_shift", "right_shift", "nextafter")},
    "slice": slice_window,
    "matmul": product,
    "einsum": einsum,
    "cholesky": lambda x: a.sized(linalg.cholesky(x), static(x)),
    "qr": _qr,
    "svd": _svd,
    "eigh": _of_square(lambda x: linalg.eigh(x, driver="evd")),  # the signs of NumPy
    "eig": _of_square(linalg.eig),
    "solve": _solved,
    "solve_triangular": lambda matrix, b, lower: _solved(matrix, b, lower=lower),
    "lu_factor": _of_square(linalg.lu_factor),
    "fft": _fourier("fft"),
    "ifft": _fourier("ifft"),
    "bitcast": _bitcast,
    "make_complex": _make_complex,
    "zeros": lambda shape, dtype: full(shape, 0, dtype),
    "ones": lambda shape, dtype: full(shape, 1, dtype),
    "full": full,
    "arange": arange,
}
"""The primitives on PyTensor's variables, by name."""
