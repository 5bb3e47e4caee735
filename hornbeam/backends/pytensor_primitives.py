"""Products, linear algebra and the rest of the primitives on PyTensor's variables; the table of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor import linalg

from hornbeam.backends import pytensor_arrays as a
from hornbeam.backends.dims import value_of
from hornbeam.backends.pytensor_host import Host, static
from hornbeam.backends.pytensor_indexing import INDEXING, slice_window

Variable = Any

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
    if x.dtype == "float16" == y.dtype:
        return pt.cast(pt.matmul(pt.cast(x, "float32"), pt.cast(y, "float32")), "float16")
    return pt.matmul(x, y)


def einsum(subscripts: str, *operands: Any) -> Variable:
    """A product that adds up over axes: one call of `numpy.einsum`, its gradients more of them."""
    given = [a.constant(x) for x in operands]
    if given[0].dtype == "bool":
        return pt.neq(einsum(subscripts, *[pt.cast(x, "int32") for x in given]), 0)
    dtype = np.result_type(*[np.dtype(x.dtype) for x in given]).name
    terms, out = _letters(subscripts, given)
    if _broadcasts(terms, given) or any(len(set(term)) < len(term) for term in terms):
        return pt.cast(pt.einsum(subscripts, *given), dtype)
    for i, term in enumerate(terms):  # what only one operand has is added up first
        alone = [c for c in term if c not in out and sum(c in t for t in terms) == 1]
        if alone:
            given[i] = a.REDUCTIONS["sum"](given[i], [term.index(c) for c in alone])
            terms[i] = "".join(c for c in term if c not in alone)
    return pt.cast(_einsum(terms, out, given), dtype)


def _letters(subscripts: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """The subscripts of the operands and of the result, without dots and arrow."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    terms, most = [], 0
    for term, x in zip(left.split(","), operands, strict=True):
        count = x.ndim - len(term.replace("...", "")) if "..." in term else 0
        terms.append(term.replace("...", "".join(free[len(free) - count :])))
        most = max(most, count)
    if not arrow:
        everything = "".join(left.replace("...", "").replace(",", ""))
        once = sorted(c for c in set(everything) if everything.count(c) == 1)
        out = ("..." if "..." in left else "") + "".join(once)
    return terms, out.replace("...", "".join(free[len(free) - most :]))


def _broadcasts(terms: Sequence[str], operands: Sequence[Any]) -> bool:
    """Whether some letter stands for axes of size 1 and for others."""
    pairs = [pair for term, x in zip(terms, operands, strict=True) for pair in zip(term, static(x))]
    ones = {letter for letter, n in pairs if n == 1}
    return any(n != 1 and letter in ones for letter, n in pairs)


def _einsum(terms: list[str], out: str, operands: list[Any]) -> Variable:
    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        grads = []
        for i, term in enumerate(terms):
            others = [pt.conj(x) if a.kind_of(x) == "c" else x for x in inputs]
            names = [out, *terms[:i], *terms[i + 1 :]]
            grads.append(_einsum(names, term, [upstream[0], *others[:i], *others[i + 1 :]]))
        return grads

    subscripts = ",".join(terms) + "->" + out
    types = a.types_of("einsum", subscripts, *operands)

    def run(*values: Any) -> Any:
        wide = [v.astype(np.float32) if v.dtype == np.float16 else v for v in values]
        return np.array(np.einsum(subscripts, *wide, optimize=True))

    return Host("einsum", run, types, pull)(*operands)


def _by_rule(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn`, which loses what is known of the shapes, for a primitive."""

    def run(*args: Any, **options: Any) -> Any:
        given = [x if isinstance(x, (str, bool)) else a.constant(x) for x in args]
        types = a.types_of(name, *given, **options)
        found = fn(*given, **options)
        if not isinstance(found, (list, tuple)):
            return a.sized(found, types[0][1])
        return tuple(a.sized(x, shape) for x, (_, shape) in zip(found, types, strict=True))

    return run


def _fourier(name: str) -> Callable[..., Any]:
    other = "ifft" if name == "fft" else "fft"

    def pull(inputs: Any, outputs: Any, upstream: Any) -> Any:
        count = pt.cast(a.size_of(inputs[0], inputs[0].ndim - 1), inputs[0].dtype)
        back = _fourier(other)(upstream[0])
        return [back * count if name == "fft" else back / count]

    return lambda x: a.by_numpy(name, x, pull=pull)


def _qr(x: Variable, mode: str) -> Any:
    return linalg.qr(x, mode="full" if mode == "complete" else "economic")


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
    return pt.cast(pt.arange(*map(value_of, (start, stop, step))), a.native_dtype(dtype).name)


GRAPH: dict[str, Callable[..., Any]] = {
    **a.UNARY,
    **a.BINARY,
    **a.REDUCTIONS,
    **a.SHAPING,
    **INDEXING,
    "slice": slice_window,
    "matmul": product,
    "einsum": einsum,
    **{
        name: _by_rule(name, fn)
        for name, fn in {
            "cholesky": linalg.cholesky,
            "qr": _qr,
            "svd": linalg.svd,
            "eigh": lambda x: linalg.eigh(x, driver="evd"),  # the signs of NumPy
            "eig": linalg.eig,
            "solve": lambda x, b: linalg.solve(x, b, b_ndim=2),
            "solve_triangular": lambda x, b, lower: linalg.solve_triangular(
                x, b, lower=lower, b_ndim=2
            ),
            "lu_factor": linalg.lu_factor,
        }.items()
    },
    "fft": _fourier("fft"),
    "ifft": _fourier("ifft"),
    "bitcast": lambda x, dtype: a.by_numpy("bitcast", x, dtype=dtype),
    "make_complex": _make_complex,
    "zeros": lambda shape, dtype: full(shape, 0, dtype),
    "ones": lambda shape, dtype: full(shape, 1, dtype),
    "full": full,
    "arange": arange,
}
"""The primitives on PyTensor's variables, by name."""
